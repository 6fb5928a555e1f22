"""Click models on a GPU, beside torch on the same GPU: the same arithmetic, the same rows in the same order.

    python3 cuda/bench/click_models.py PLUGIN.so [ROWS] [BATCH_ROWS]

Makes rows as click logs have them (26 slots of rising vocabularies with few frequent values, one slot with several entries,
13 numbers, labels of a hidden model), trains one epoch of each architecture on both sides, and prints rows a second of
training and prediction, how far the logits of both lie apart after it, and the AUC of each on rows set aside. torch has
sparse embeddings with SparseAdam for the tables, fused Adam for the rest, rows on the device. A second training must give
the same weights, bit for bit.

Needs: numpy, torch.
"""

import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
from plugin import Click, Plugin, Rows

KINDS = ("lr", "bilinear", "fm", "mlp", "deepfm", "dcn")
SLOTS, DENSE, DIM, L2, RATE = 26, 13, 8, 4.0, 0.001


def make(count, seed):
    random = np.random.default_rng(seed)
    sizes = np.geomspace(3, 200_000, SLOTS).astype(int)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    ids = np.stack([offsets[s] + np.minimum(random.zipf(1.3, count) - 1, sizes[s] - 1) for s in range(SLOTS)], axis=1)
    bag_size, bag_from = 5000, offsets[-1]
    lengths = random.integers(0, 7, count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    entries = bag_from + np.minimum(random.zipf(1.3, starts[-1]) - 1, bag_size - 1)
    dense = random.standard_normal((count, DENSE)).astype("f4")
    hidden = np.random.default_rng(5)
    weights, factors = hidden.normal(0, 0.3, bag_from), hidden.normal(0, 0.3, (bag_from, 4))
    summed = factors[ids].sum(1)
    logit = weights[ids].sum(1) + 0.3 * (summed**2 - (factors[ids] ** 2).sum(1)).sum(1) + dense[:, :3].sum(1) * 0.3 - 1
    labels = random.random(count) < 1 / (1 + np.exp(-logit))
    return ids.astype("u4"), dense, (starts.astype("u4"), entries.astype("u4")), labels, int(bag_from + bag_size)


def take(rows, part):
    """The rows of a slice."""
    ids, dense, (starts, entries), labels, table = rows
    first, last = starts[part][0], starts[part.stop]
    cut = starts[part.start : part.stop + 1] - first
    return ids[part], dense[part], (cut.astype("u4"), entries[first:last]), labels[part], table


def blocks_of(kind, table):
    """Random weights, in the order of the model file."""
    random = np.random.default_rng(3)
    width = (SLOTS + 1) * DIM + DENSE if kind != "lr" else DENSE
    dim = 0 if kind == "lr" else DIM
    normal = lambda *shape, by=0.05: random.normal(0, by, shape).astype("f4")
    is_linear = kind not in ("bilinear", "mlp")
    sides = (width - 50 + 1, 50 + 1)
    blocks = [
        normal(table if is_linear else 0, by=0.01),
        normal(table * dim),
        normal(DENSE if is_linear else 0),
        normal(1),
        normal(sides[0] * sides[1]) if kind == "bilinear" else normal(0),
        normal(width) if kind == "dcn" else normal(0),
    ]
    if kind in ("mlp", "deepfm", "dcn"):
        for inputs, outputs in ((width, 32), (32, 64), (64, 1)):
            blocks += [normal(inputs * outputs, by=(2 / inputs) ** 0.5), normal(outputs)]
    if kind == "dcn":
        for _ in range(2):
            blocks += [normal(width), normal(width)]
    return blocks, width, dim, (list(range(50, width)), list(range(50)))


class Torch:
    """The same model in torch."""

    def __init__(self, kind, blocks, width, dim, sides, penalties, decay, rate):
        import torch

        self.torch, self.kind, self.width, self.dim, self.sides, self.decay = torch, kind, width, dim, sides, decay
        self.penalties = torch.tensor(penalties).cuda()
        make = lambda array: torch.nn.Parameter(torch.tensor(array).cuda())
        self.linear = make(blocks[0].reshape(-1, 1)) if blocks[0].size else None
        self.vectors = make(blocks[1].reshape(-1, dim)) if dim else None
        self.dense, self.bias = make(blocks[2]), make(blocks[3])
        self.form = make(blocks[4].reshape(len(sides[0]) + 1, -1)) if kind == "bilinear" else None
        self.cross_out = make(blocks[5])
        rest = blocks[6:]
        self.tower, self.cross = [], []
        if kind in ("mlp", "deepfm", "dcn"):
            for number, (inputs, outputs) in enumerate(((width, 32), (32, 64), (64, 1))):
                self.tower.append((make(rest[2 * number].reshape(inputs, outputs)), make(rest[2 * number + 1])))
            rest = rest[6:]
        if kind == "dcn":
            self.cross = [(make(rest[0]), make(rest[1])), (make(rest[2]), make(rest[3]))]
        tables = [table for table in (self.linear, self.vectors) if table is not None]
        self.shrunk = [p for p in [self.dense, self.form, self.cross_out] if p is not None and p.numel()]
        self.shrunk += [p for pair in self.tower + self.cross for p in pair]
        self.sparse = torch.optim.SparseAdam(tables, lr=rate) if tables else None
        groups = [{"params": self.shrunk, "weight_decay": decay}, {"params": [self.bias]}]
        self.adam = torch.optim.Adam([group for group in groups if group["params"]], lr=rate, fused=True)

    def forward(self, ids, dense, bag, starts):
        torch = self.torch
        count = len(ids)
        embed = lambda table, ids: torch.nn.functional.embedding(ids, table, sparse=True)
        lengths = starts[1:] - starts[:-1]
        owner = torch.repeat_interleave(torch.arange(count, device="cuda"), lengths, output_size=len(bag))
        weight = lengths.clamp(min=1).float().rsqrt()[owner][:, None]
        penalty = 0
        logit = self.bias.expand(count)
        if self.linear is not None:
            one, more = embed(self.linear, ids), embed(self.linear, bag)
            logit = logit + one.sum((1, 2)) + dense @ self.dense
            logit = logit.index_add(0, owner, (more * weight)[:, 0])
            penalty = penalty + (self.penalties[ids] * one[..., 0] ** 2).sum() + (self.penalties[bag] * more[:, 0] ** 2).sum()
        if self.vectors is not None:
            one, more = embed(self.vectors, ids), embed(self.vectors, bag)
            penalty = penalty + (self.penalties[ids][..., None] * one**2).sum()
            penalty = penalty + (self.penalties[bag][:, None] * more**2).sum()
            last = torch.zeros(count, self.dim, device="cuda").index_add(0, owner, more * weight)
            vectors = torch.cat([one, last[:, None]], 1)
            row = torch.cat([vectors.flatten(1), dense], 1)
            if self.kind in ("fm", "deepfm"):
                logit = logit + 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1)
            if self.form is not None:
                ones = torch.ones(count, 1, device="cuda")
                user, item = (torch.cat([ones, row[:, side]], 1) for side in self.sides)
                logit = logit + ((user @ self.form) * item).sum(1)
            x = row
            for number, (weights, bias) in enumerate(self.tower):
                x = x @ weights + bias
                x = x.relu() if number < 2 else x
            if self.tower:
                logit = logit + x[:, 0]
            x = row
            for weights, bias in self.cross:
                x = row * (x @ weights)[:, None] + bias + x
            if self.cross:
                logit = logit + x @ self.cross_out
        return logit, 0.5 * penalty / count

    def epoch(self, rows, order, batch_rows):
        torch = self.torch
        ids, dense, (starts, entries), labels = rows
        total = torch.zeros((), device="cuda", dtype=torch.float64)
        for first in range(0, len(order), batch_rows):
            at = order[first : first + batch_rows]
            bag, cut = self.bag_of(starts, entries, at)
            logit, penalty = self.forward(ids[at], dense[at], bag, cut)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, labels[at])
            (loss + penalty).backward()
            for optimiser in (self.sparse, self.adam):
                if optimiser:
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
            total += loss.detach() * len(at)
        return total.item() / len(order)

    def bag_of(self, starts, entries, at):
        """Entries of the chosen rows' bag, and where each row's begin."""
        torch = self.torch
        lengths = starts[at + 1] - starts[at]
        cut = torch.cat([torch.zeros(1, device="cuda", dtype=torch.long), lengths.cumsum(0)])
        within = torch.arange(int(cut[-1]), device="cuda")
        owner = torch.searchsorted(cut, within, right=True) - 1
        return entries[starts[at][owner] + within - cut[owner]], cut

    def logits(self, rows, batch_rows=16384):
        ids, dense, (starts, entries), _ = rows
        with self.torch.no_grad():
            made = []
            for first in range(0, len(ids), batch_rows):
                last = min(first + batch_rows, len(ids))
                cut = starts[first : last + 1]
                bag = entries[int(cut[0]) : int(cut[-1])]
                made.append(self.forward(ids[first:last], dense[first:last], bag, cut - cut[0])[0])
            return self.torch.cat(made).cpu().numpy()


def auc(labels, scores):
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    ones = labels.astype(bool)
    return (ranks[ones].sum() - ones.sum() * (ones.sum() + 1) / 2) / (ones.sum() * (~ones).sum())


def main():
    import torch

    plugin = Plugin(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    batch_rows = int(sys.argv[3]) if len(sys.argv) > 3 else 1024
    print("plugin:", plugin.describe(), flush=True)
    rows = make(count + count // 5, 1)
    train, test = take(rows, slice(0, count)), take(rows, slice(count, count + count // 5))
    table = rows[4]
    counts = np.bincount(np.concatenate([train[0].ravel(), train[2][1]]), minlength=table)
    penalties = (L2 / np.maximum(counts, 1)).astype("f4")
    decay = L2 / count
    order = np.random.default_rng(9).permutation(count)
    print(f"{count} rows to train on, {len(test[3])} to test on, tables of {table} rows, steps of {batch_rows}")
    on_device = lambda part: (
        torch.tensor(part[0].astype("i8")).cuda(),
        torch.tensor(part[1]).cuda(),
        tuple(torch.tensor(array.astype("i8")).cuda() for array in part[2]),
        torch.tensor(part[3].astype("f4")).cuda(),
    )
    torch_train, torch_test, torch_order = on_device(train), on_device(test), torch.tensor(order).cuda()
    few = order[: 10 * batch_rows]
    for kind in KINDS:
        blocks, width, dim, sides = blocks_of(kind, table)
        user, item = sides if kind == "bilinear" else ((), ())
        new = lambda: Click(plugin, blocks, table, SLOTS, 1, DENSE, dim, kind, user, item)
        other = lambda: Torch(kind, blocks, width, dim, sides, penalties, decay, RATE)
        trained = Rows(plugin, train[0], train[1], [train[2]], train[3])
        tested = Rows(plugin, test[0], test[1], [test[2]])
        click, peer = new(), other()
        click.prepare(penalties)
        before = np.abs(click.logits(tested) - peer.logits(torch_test)).max()
        # Warm, and compared early: ten steps.
        losses = click.epoch(trained, few, batch_rows, 1, RATE, decay)[0], peer.epoch(torch_train, torch_order[: len(few)], batch_rows)
        early = np.abs(click.logits(tested) - peer.logits(torch_test)).max()
        click.close()
        click, peer = new(), other()
        click.prepare(penalties)
        torch.cuda.synchronize()
        begun = time.perf_counter()
        loss, _ = click.epoch(trained, order, batch_rows, 1, RATE, decay)
        ours = time.perf_counter() - begun
        begun = time.perf_counter()
        peer_loss = peer.epoch(torch_train, torch_order, batch_rows)
        theirs = time.perf_counter() - begun
        spent = []
        for _ in range(3):
            begun = time.perf_counter()
            again = Rows(plugin, test[0], test[1], [test[2]])
            logits = click.logits(again)
            spent.append(time.perf_counter() - begun)
            again.close()
        peer_spent = []
        for _ in range(3):
            begun = time.perf_counter()
            peer_logits = peer.logits(on_device(test))
            peer_spent.append(time.perf_counter() - begun)
        twin = new()
        twin.prepare(penalties)
        twin.epoch(trained, order, batch_rows, 1, RATE, decay)
        is_same = all(np.array_equal(a, b) for a, b in zip(click.read(), twin.read()))
        print(
            f"{kind:9} train {count / ours:9.0f} rows/s, torch {count / theirs:8.0f} ({theirs / ours:5.1f}x)"
            f"   predict {len(logits) / min(spent):9.0f}, torch {len(logits) / min(peer_spent):9.0f}\n"
            f"          logits apart: start {before:.1e}, 10 steps {early:.1e} (losses {losses[0]:.6f} {losses[1]:.6f}),"
            f" epoch {np.abs(logits - peer_logits).max():.1e}, mean {np.abs(logits - peer_logits).mean():.1e}\n"
            f"          loss {loss:.6f}, torch {peer_loss:.6f}   AUC {auc(test[3], logits):.5f}, torch"
            f" {auc(test[3], peer_logits):.5f}   same bits again: {is_same}",
            flush=True,
        )
        for made in (click, twin, trained, tested):
            made.close()


if __name__ == "__main__":
    main()
