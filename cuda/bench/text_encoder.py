"""The text encoder on a GPU, beside torch on the same GPU with the same weights.

    python3 cuda/bench/text_encoder.py PLUGIN.so|- [TITLES.csv] [COPIES]

Reads assets/encoder and the titles of the sample shop, from the project's folder. Prints, for each precision, how far the
embeddings lie from the formulas in double precision on the processor, and texts a second without cutting into pieces:
the plugin, and torch with transformers' BertModel (its fused attention), batches of 512 texts of like length, padded.

Needs: numpy, torch, tokenizers, transformers.
"""

import csv
import os
import struct
import sys
import time

import numpy as np

sys.path[:0] = [os.path.dirname(__file__), "benches"]
from onnx_encoder import read_gguf
from plugin import Encoder, Plugin

TOKENS_MAX = 128
BATCH_TOKENS = 16384
TORCH_BATCH = 512
COMPARED = 512


def q4_rows(path, tensors):
    """The bytes of the word table, which stays packed on the device."""
    data = open(path, "rb").read()
    rows, columns = tensors["embeddings.word_embeddings.weight"].shape
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    at = 8

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def text():
        nonlocal at
        length = take("Q")
        at += length
        return data[at - length : at].decode()

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            inner, count = take("IQ")
            for _ in range(count):
                skip(inner)
        else:
            at += sizes[kind]

    tensors, pairs = take("QQ")
    for _ in range(pairs):
        text()
        skip(take("I"))
    offsets = {}
    for _ in range(tensors):
        name, dims = text(), take("I")
        at += 8 * dims
        _, offsets[name] = take("IQ")
    start = (at + 31) // 32 * 32 + offsets["embeddings.word_embeddings.weight"]
    return np.frombuffer(data, "u1", rows * columns // 32 * 18, start)


def cut(texts):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file("assets/encoder/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    begun = time.perf_counter()
    pieces = [found.ids for found in tokenizer.encode_batch_fast([f"query: {text}" for text in texts])]
    print(f"tokenizers cut {len(texts)} texts at {len(texts) / (time.perf_counter() - begun):.0f}/s, all cores")
    return [ids if len(ids) <= TOKENS_MAX else ids[: TOKENS_MAX - 1] + ids[-1:] for ids in pieces]


def formulas(meta, tensors, texts):
    """The embeddings in double precision on the processor, text by text."""
    import torch

    at = {name: torch.tensor(array, dtype=torch.float64) for name, array in tensors.items()}
    heads, epsilon = meta["bert.attention.head_count"], meta["bert.attention.layer_norm_epsilon"]
    linear = lambda x, name: x @ at[f"{name}.weight"].T + at[f"{name}.bias"]
    norm = lambda x, name: torch.nn.functional.layer_norm(
        x, x.shape[-1:], at[f"{name}.weight"], at[f"{name}.bias"], epsilon
    )
    out = []
    for ids in texts:
        x = at["embeddings.word_embeddings.weight"][ids] + at["embeddings.position_embeddings.weight"][: len(ids)]
        x = norm(x + at["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(meta["bert.block_count"]):
            name = f"encoder.layer.{number}"
            split = lambda part: linear(x, f"{name}.attention.self.{part}").view(len(ids), heads, -1).transpose(0, 1)
            query, key, value = map(split, ("query", "key", "value"))
            chances = torch.softmax(query @ key.transpose(1, 2) / query.shape[-1] ** 0.5, -1)
            mixed = (chances @ value).transpose(0, 1).reshape(len(ids), -1)
            x = norm(x + linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
            wide = torch.nn.functional.gelu(linear(x, f"{name}.intermediate.dense"))
            x = norm(x + linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = x.mean(0)
        out.append((mean / mean.norm()).numpy())
    return np.stack(out)


def bert(meta, tensors):
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=meta["bert.vocab_size"],
        hidden_size=meta["bert.embedding_length"],
        num_hidden_layers=meta["bert.block_count"],
        num_attention_heads=meta["bert.attention.head_count"],
        intermediate_size=meta["bert.feed_forward_length"],
        max_position_embeddings=len(tensors["embeddings.position_embeddings.weight"]),
        layer_norm_eps=meta["bert.attention.layer_norm_epsilon"],
    )
    model = BertModel(config, add_pooling_layer=False)
    missing, spare = model.load_state_dict({n: torch.tensor(a) for n, a in tensors.items()}, strict=False)
    assert not spare and not [name for name in missing if "position_ids" not in name], (missing, spare)
    return model.eval().cuda()


def packed(texts, limit):
    """Batches of texts without padding, as the program packs them: their places, tokens and starts."""
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    batches, held = [[]], 0
    for place in order:
        if held + len(texts[place]) > limit:
            batches.append([])
            held = 0
        batches[-1].append(place)
        held += len(texts[place])
    made = []
    for batch in batches:
        tokens = np.concatenate([np.array(texts[place], "u4") for place in batch])
        starts = np.cumsum([0] + [len(texts[place]) for place in batch]).astype("u4")
        made.append((np.array(batch), tokens, starts))
    return made


def padded(texts):
    import torch

    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    made = []
    for first in range(0, len(order), TORCH_BATCH):
        batch = order[first : first + TORCH_BATCH]
        width = max(len(texts[place]) for place in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros(len(batch), width, dtype=torch.long)
        for row, place in enumerate(batch):
            ids[row, : len(texts[place])] = torch.tensor(texts[place])
            mask[row, : len(texts[place])] = 1
        made.append((np.array(batch), ids.pin_memory(), mask.pin_memory()))
    return made


def by_torch(model, batches, hidden, texts):
    import torch

    out = np.empty((texts, hidden), "f4")
    with torch.inference_mode():
        for places, ids, mask in batches:
            ids, mask = ids.cuda(non_blocking=True), mask.cuda(non_blocking=True)
            x = model(ids, attention_mask=mask).last_hidden_state.float() * mask[..., None]
            out[places] = torch.nn.functional.normalize(x.sum(1), dim=-1).cpu().numpy()
    return out


def by_plugin(encoder, batches, texts):
    out = np.empty((texts, encoder.hidden), "f4")
    for places, tokens, starts in batches:
        out[places] = encoder.run(tokens, starts)
    return out


def middle(work, times=5):
    seconds = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        answer = work()
        seconds.append(time.perf_counter() - begun)
    return answer, sorted(seconds[1:])[times // 2]


def main():
    import torch

    plugin = Plugin(sys.argv[1]) if sys.argv[1] != "-" else None
    print("plugin:", plugin.describe() if plugin else "none, torch alone")
    print("torch:", torch.__version__, torch.cuda.get_device_name())
    path = sys.argv[2] if len(sys.argv) > 2 else "shop/tables/products.csv"
    titles = sorted({row["title"] for row in csv.DictReader(open(path, encoding="utf-8"))})
    texts = cut(titles * int(sys.argv[3] if len(sys.argv) > 3 else 10))
    tokens = sum(map(len, texts))
    print(f"{len(titles)} titles, {len(texts)} texts, {tokens / len(texts):.1f} tokens each")
    meta, tensors = read_gguf("assets/encoder/model.q4_0.gguf")
    words = q4_rows("assets/encoder/model.q4_0.gguf", tensors)
    step = max(1, len(titles) // COMPARED)
    compared = list(range(0, len(titles), step))
    exact = formulas(meta, tensors, [texts[place] for place in compared])
    batches, for_torch, hidden = packed(texts, BATCH_TOKENS), padded(texts), meta["bert.embedding_length"]

    def told(name, out, seconds):
        found = out[compared].astype("f8")
        cosine = (found * exact).sum(1) / np.linalg.norm(found, axis=1)
        print(
            f"{name:14} {len(texts) / seconds:9.0f} texts/s   1 - least cosine {1 - cosine.min():.1e}"
            f"   largest difference {np.abs(found - exact).max():.1e}",
            flush=True,
        )

    model = bert(meta, tensors)
    for precision in ("f32", "tf32", "f16", "bf16"):
        if plugin:
            encoder = Encoder(plugin, meta, tensors, words, precision)
            told(f"plugin {precision}", *middle(lambda: by_plugin(encoder, batches, len(texts))))
            encoder.close()
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        kind = {"f16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
        model = model.to(kind)
        told(f"torch {precision}", *middle(lambda: by_torch(model, for_torch, hidden, len(texts))))
        # Back from the narrow numbers to the file's.
        model = bert(meta, tensors)


if __name__ == "__main__":
    main()
