"""The plugin's plain C interface (src/models/device/abi.rs) from Python, so that it can be compared with torch in one run."""

import ctypes as c

import numpy as np

VERSION = 1
PRECISIONS = {"f32": 0, "tf32": 1, "f16": 2, "bf16": 3}


class Numbers(c.Structure):
    _fields_ = [("start", c.c_void_p), ("count", c.c_size_t)]


class Message(c.Structure):
    _fields_ = [("text", c.c_ubyte * 512), ("count", c.c_size_t)]


class Facts(c.Structure):
    _fields_ = [
        ("name", c.c_ubyte * 128),
        ("name_bytes", c.c_size_t),
        ("memory_bytes", c.c_uint64),
        ("free_bytes", c.c_uint64),
        ("capability", c.c_uint32),
    ]


class EncoderShape(c.Structure):
    _fields_ = [(n, c.c_uint32) for n in ("hidden", "wide", "heads", "layers", "words", "positions")] + [
        ("epsilon", c.c_float),
        ("precision", c.c_uint32),
    ]


class ClickShape(c.Structure):
    _fields_ = [
        (n, c.c_uint32)
        for n in (
            "table_rows plain bags dense dim is_linear is_factorised is_bilinear cross_layers tower_layers".split()
        )
    ] + [
        ("tower", c.c_uint32 * 8),
        ("user", c.c_void_p),
        ("user_count", c.c_size_t),
        ("item", c.c_void_p),
        ("item_count", c.c_size_t),
    ]


class Bag(c.Structure):
    _fields_ = [("starts", c.c_void_p), ("ids", c.c_void_p), ("count", c.c_size_t)]


class ClickRows(c.Structure):
    _fields_ = [
        ("rows", c.c_size_t),
        ("plain", c.c_uint32),
        ("dense_width", c.c_uint32),
        ("ids", c.c_void_p),
        ("dense", c.c_void_p),
        ("bags", c.c_void_p),
        ("bags_count", c.c_size_t),
        ("labels", c.c_void_p),
    ]


class Epoch(c.Structure):
    _fields_ = [
        ("order", c.c_void_p),
        ("order_count", c.c_size_t),
        ("batch_rows", c.c_uint32),
        ("first_step", c.c_uint32),
        ("scales", c.c_void_p),
        ("scales_count", c.c_size_t),
        ("decay", c.c_float),
    ]


P, U, S = c.c_void_p, c.c_uint32, c.c_size_t
FUNCTIONS = [
    ("open", U, [U, P, P]),
    ("describe", U, [P, P, P]),
    ("device_free", None, [P]),
    ("encoder_new", U, [P, P, P, S, P, S, P, P]),
    ("encoder_run", U, [P, P, P, S, P, P]),
    ("encoder_free", None, [P]),
    ("rows_new", U, [P, P, P, P]),
    ("rows_free", None, [P]),
    ("click_new", U, [P, P, P, S, P, P]),
    ("click_prepare", U, [P, Numbers, P]),
    ("click_epoch", U, [P, P, P, P, P]),
    ("click_logits", U, [P, P, Numbers, P]),
    ("click_read", U, [P, P, S, P]),
    ("click_free", None, [P]),
]


class Table(c.Structure):
    _fields_ = [("version", c.c_uint32)] + [(n, c.CFUNCTYPE(r, *a)) for n, r, a in FUNCTIONS]


class Refused(Exception):
    """What the plugin said."""


def numbers(array):
    return Numbers(array.ctypes.data if array.size else None, array.size)


class Plugin:
    """A device of an opened plugin."""

    def __init__(self, path, ordinal=0):
        library = c.CDLL(path)
        library.steward_cuda_plugin.restype = c.POINTER(Table)
        self.table = library.steward_cuda_plugin().contents
        assert self.table.version == VERSION
        self.device = P()
        self.call("open", ordinal, c.byref(self.device))

    def call(self, name, *arguments):
        message = Message()
        status = getattr(self.table, name)(*arguments, c.cast(c.byref(message), P))
        if status:
            raise Refused(f"{name}: status {status}: {bytes(message.text[: message.count]).decode()}")

    def describe(self):
        facts = Facts()
        self.call("describe", self.device, c.byref(facts))
        name = bytes(facts.name[: facts.name_bytes]).decode()
        return f"{name}, compute {facts.capability}, {facts.free_bytes >> 20} of {facts.memory_bytes >> 20} MiB free"


class Encoder:
    """The encoder of a GGUF on the device. `tensors` and `meta` are what benches/onnx_encoder.py reads."""

    def __init__(self, plugin, meta, tensors, words, precision):
        self.plugin = plugin
        hidden, heads = meta["bert.embedding_length"], meta["bert.attention.head_count"]
        layers = meta["bert.block_count"]
        self.hidden = hidden
        kept = []
        positions = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        kept += [positions, tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"]]
        for number in range(layers):
            at = lambda name: tensors[f"encoder.layer.{number}.{name}"]
            weights = [at(f"attention.self.{part}.weight") for part in ("query", "key", "value")]
            bias = [at(f"attention.self.{part}.bias") for part in ("query", "key", "value")]
            scale = np.float32(1) / np.sqrt(np.float32(hidden // heads))
            weights[0], bias[0] = weights[0] * scale, bias[0] * scale
            kept += [np.concatenate(weights), np.concatenate(bias)]
            for name in (
                "attention.output.dense attention.output.LayerNorm intermediate.dense output.dense output.LayerNorm"
            ).split():
                kept += [at(f"{name}.weight"), at(f"{name}.bias")]
        kept = [np.ascontiguousarray(array, "f4") for array in kept]
        blocks = (Numbers * len(kept))(*map(numbers, kept))
        shape = EncoderShape(
            hidden,
            meta["bert.feed_forward_length"],
            heads,
            layers,
            meta["bert.vocab_size"],
            len(positions),
            meta["bert.attention.layer_norm_epsilon"],
            PRECISIONS[precision],
        )
        self.handle = P()
        plugin.call(
            "encoder_new", plugin.device, c.byref(shape), words.ctypes.data, words.size, blocks, len(kept), c.byref(self.handle)
        )

    def run(self, tokens, starts):
        out = np.empty((len(starts) - 1, self.hidden), "f4")
        self.plugin.call(
            "encoder_run", self.handle, tokens.ctypes.data, starts.ctypes.data, len(starts) - 1, out.ctypes.data
        )
        return out

    def close(self):
        self.plugin.table.encoder_free(self.handle)


class Rows:
    """Encoded rows on the device: ids (rows x slots), dense numbers, bags as (starts, ids), labels."""

    def __init__(self, plugin, ids, dense, bags=(), labels=None):
        self.plugin, self.count = plugin, len(ids)
        ids, dense = np.ascontiguousarray(ids, "u4"), np.ascontiguousarray(dense, "f4")
        bags = [(np.ascontiguousarray(s, "u4"), np.ascontiguousarray(i, "u4")) for s, i in bags]
        given = (Bag * max(1, len(bags)))(*[Bag(s.ctypes.data, i.ctypes.data, i.size) for s, i in bags])
        labels = None if labels is None else np.ascontiguousarray(labels, "u1")
        rows = ClickRows(
            len(ids),
            ids.shape[1],
            dense.shape[1],
            ids.ctypes.data,
            dense.ctypes.data if dense.size else None,
            c.cast(given, P),
            len(bags),
            None if labels is None else labels.ctypes.data,
        )
        self.handle = P()
        plugin.call("rows_new", plugin.device, c.byref(rows), c.byref(self.handle))

    def close(self):
        self.plugin.table.rows_free(self.handle)


class Click:
    """A click model on the device, from its blocks in the order of the model file."""

    def __init__(self, plugin, blocks, table_rows, plain, bags, dense, dim, kind, user=(), item=()):
        self.plugin = plugin
        self.blocks = [np.ascontiguousarray(block, "f4") for block in blocks]
        tower = [32, 64, 1] if kind in ("mlp", "deepfm", "dcn") else []
        user, item = np.array(user, "u4"), np.array(item, "u4")
        shape = ClickShape(
            table_rows,
            plain,
            bags,
            dense,
            dim,
            kind not in ("bilinear", "mlp"),
            kind in ("fm", "deepfm"),
            kind == "bilinear",
            2 if kind == "dcn" else 0,
            len(tower),
            (U * 8)(*tower),
            user.ctypes.data,
            user.size,
            item.ctypes.data,
            item.size,
        )
        given = (Numbers * len(self.blocks))(*map(numbers, self.blocks))
        self.handle = P()
        plugin.call("click_new", plugin.device, c.byref(shape), given, len(self.blocks), c.byref(self.handle))

    def prepare(self, penalties):
        penalties = np.ascontiguousarray(penalties, "f4")
        self.plugin.call("click_prepare", self.handle, numbers(penalties))

    def epoch(self, rows, order, batch_rows, first_step, rate, decay):
        order = np.ascontiguousarray(order, "u4")
        steps = -(-len(order) // batch_rows)
        at = np.arange(first_step, first_step + steps).astype("f4")
        scales = np.stack([np.full(steps, rate, "f4"), 1 / (1 - 0.9**at), 1 / (1 - 0.999**at)], axis=1)
        scales = np.ascontiguousarray(scales, "f4")
        epoch = Epoch(order.ctypes.data, len(order), batch_rows, first_step, scales.ctypes.data, steps, decay)
        loss = c.c_double()
        self.plugin.call("click_epoch", self.handle, rows.handle, c.byref(epoch), c.byref(loss))
        return loss.value / len(order), first_step + steps

    def logits(self, rows):
        out = np.empty(rows.count, "f4")
        self.plugin.call("click_logits", self.handle, rows.handle, numbers(out))
        return out

    def read(self):
        out = [np.empty_like(block) for block in self.blocks]
        given = (Numbers * len(out))(*map(numbers, out))
        self.plugin.call("click_read", self.handle, given, len(out))
        return out

    def close(self):
        self.plugin.table.click_free(self.handle)
