"""The text encoder of assets/encoder under ONNX Runtime: the peer of CLASSIFY in benches/peers.

    python3 onnx_encoder.py ASSETS REQUEST

ASSETS is the folder with model.q4_0.gguf and tokenizer.json. REQUEST is a JSON file: "portions", lists of texts to time
one after another; "labels"; "embedded", texts with the embedding that Steward gave them. Prints one line of JSON: texts a
second of each portion, and the least cosine between our embeddings and those given.

Needs: numpy, onnx, onnxruntime, tokenizers.
"""

import json
import os
import struct
import sys
import time

TOKENS_MAX = 128
BATCH = 32


def read_gguf(path):
    """The metadata and the tensors of a GGUF file, as f32."""
    import numpy as np

    data = open(path, "rb").read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0]

    def text():
        nonlocal at
        length = take("Q")
        at += length
        return data[at - length : at].decode()

    forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = take("I"), take("Q")
            return [value(inner) for _ in range(count)]
        return take(forms[kind])

    assert data[:4] == b"GGUF"
    at = 4
    version, tensors, pairs = take("I"), take("Q"), take("Q")
    assert version in (2, 3)
    meta = {}
    for _ in range(pairs):
        name = text()
        meta[name] = value(take("I"))
    infos = []
    for _ in range(tensors):
        name, count = text(), take("I")
        shape = [take("Q") for _ in range(count)]
        infos.append((name, shape[::-1], take("I"), take("Q")))
    alignment = meta.get("general.alignment", 32)
    start = (at + alignment - 1) // alignment * alignment
    found = {}
    for name, shape, kind, offset in infos:
        size = int(np.prod(shape))
        if kind == 0:
            array = np.frombuffer(data, "<f4", size, start + offset)
        elif kind == 1:
            array = np.frombuffer(data, "<f2", size, start + offset).astype("f4")
        elif kind == 2:
            blocks = np.frombuffer(data, np.uint8, size // 32 * 18, start + offset).reshape(-1, 18)
            scale = blocks[:, :2].copy().view("<f2").astype("f4")
            halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
            array = (halves.astype("f4") - 8) * scale
        else:
            raise ValueError(f"tensor {name} is of type {kind}")
        found[name] = array.reshape(shape)
    return meta, found


def graph(meta, tensors):
    """The forward pass of a BERT as an ONNX model: ids, positions and mask in, unit vectors out."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    hidden = meta["bert.embedding_length"]
    heads = meta["bert.attention.head_count"]
    epsilon = meta["bert.attention.layer_norm_epsilon"]
    nodes, initial, number = [], [], [0]

    def const(array):
        number[0] += 1
        name = f"c{number[0]}"
        initial.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(kind, *inputs, **attributes):
        number[0] += 1
        name = f"n{number[0]}"
        nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def f32(value):
        return const(np.array(value, "f4"))

    def norm(x, name):
        weight, bias = const(tensors[name + ".weight"]), const(tensors[name + ".bias"])
        return node("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)

    def linear(x, name):
        product = node("MatMul", x, const(tensors[name + ".weight"].T))
        return node("Add", product, const(tensors[name + ".bias"]))

    split = const(np.array([0, 0, heads, hidden // heads], "i8"))
    join = const(np.array([0, 0, hidden], "i8"))
    words = node("Gather", const(tensors["embeddings.word_embeddings.weight"]), "ids")
    kinds = tensors["embeddings.token_type_embeddings.weight"].reshape(-1, hidden)
    places = tensors["embeddings.position_embeddings.weight"] + kinds[0]
    x = norm(node("Add", words, node("Gather", const(places), "positions")), "embeddings.LayerNorm")
    # 0 where there is a token, a large negative number where there is none.
    hide = node("Mul", node("Sub", f32(1), "mask"), f32(-10000))
    hide = node("Unsqueeze", hide, const(np.array([1, 2], "i8")))
    for layer in range(meta["bert.block_count"]):
        at = f"encoder.layer.{layer}."
        parts = [linear(x, at + "attention.self." + part) for part in ("query", "key", "value")]
        query, key, value = (node("Reshape", part, split) for part in parts)
        query = node("Transpose", query, perm=[0, 2, 1, 3])
        key = node("Transpose", key, perm=[0, 2, 3, 1])
        value = node("Transpose", value, perm=[0, 2, 1, 3])
        scores = node("Div", node("MatMul", query, key), f32((hidden / heads) ** 0.5))
        weights = node("Softmax", node("Add", scores, hide), axis=-1)
        seen = node("Transpose", node("MatMul", weights, value), perm=[0, 2, 1, 3])
        seen = linear(node("Reshape", seen, join), at + "attention.output.dense")
        x = norm(node("Add", seen, x), at + "attention.output.LayerNorm")
        wide = linear(x, at + "intermediate.dense")
        # The exact GELU, in the form that ONNX Runtime fuses.
        half = node("Add", node("Erf", node("Div", wide, f32(2**0.5))), f32(1))
        wide = node("Mul", node("Mul", wide, half), f32(0.5))
        x = norm(node("Add", linear(wide, at + "output.dense"), x), at + "output.LayerNorm")
    last = const(np.array([-1], "i8"))
    kept = node("Mul", x, node("Unsqueeze", "mask", last))
    mean = node("ReduceMean", kept, axes=[1], keepdims=0)
    length = node("ReduceL2", mean, axes=[1], keepdims=1)
    nodes.append(helper.make_node("Div", [mean, length], ["unit"]))
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("positions", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["batch", "tokens"]),
    ]
    output = helper.make_tensor_value_info("unit", TensorProto.FLOAT, ["batch", hidden])
    made = helper.make_graph(nodes, "encoder", inputs, [output], initial)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Encoder:
    def __init__(self, assets):
        import onnxruntime
        from tokenizers import Tokenizer

        meta, tensors = read_gguf(os.path.join(assets, "model.q4_0.gguf"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = graph(meta, tensors).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(os.path.join(assets, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.hidden = meta["bert.embedding_length"]

    def encode(self, texts):
        """Unit vectors, in the order of the texts. Batches of like length, so that little is padded."""
        import numpy as np

        pieces = [found.ids for found in self.tokenizer.encode_batch(["query: " + text for text in texts])]
        order = sorted(range(len(texts)), key=lambda place: len(pieces[place]))
        out = np.zeros((len(texts), self.hidden), "f4")
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            longest = max(len(pieces[place]) for place in batch)
            ids = np.ones((len(batch), longest), "i8")
            mask = np.zeros((len(batch), longest), "f4")
            for row, place in enumerate(batch):
                ids[row, : len(pieces[place])] = pieces[place]
                mask[row, : len(pieces[place])] = 1
            positions = np.broadcast_to(np.arange(longest, dtype="i8"), ids.shape)
            out[batch] = self.session.run(None, {"ids": ids, "positions": positions, "mask": mask})[0]
        return out


def main():
    try:
        import numpy as np
        import onnx  # noqa: F401
        import onnxruntime
        import tokenizers  # noqa: F401
    except ImportError as error:
        print(json.dumps({"missing": error.name}))
        return
    assets, path = sys.argv[1:]
    request = json.load(open(path, encoding="utf-8"))
    encoder = Encoder(assets)
    labels = encoder.encode(request["labels"])
    rates = []
    for texts in request["portions"]:
        begun = time.perf_counter()
        (encoder.encode(texts) @ labels.T).argmax(axis=1)
        rates.append(len(texts) / (time.perf_counter() - begun))
    given = np.array([pair["embedding"] for pair in request["embedded"]])
    found = encoder.encode([pair["text"] for pair in request["embedded"]])
    cosines = (given * found).sum(axis=1) / np.linalg.norm(given, axis=1) / np.linalg.norm(found, axis=1)
    name = f"onnxruntime {onnxruntime.__version__}"
    print(json.dumps({"name": name, "rates": rates, "cosine_min": float(cosines.min())}))


if __name__ == "__main__":
    main()
