"""A tiny ONNX model and its tokenizer, made on the spot: an embedding lookup and one layer, with known weights."""

from __future__ import annotations

import json

import numpy

WORDS = [
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "red",
    "bicycle",
    "cat",
    "sofa",
    "lisbon",
    "query",
    "passage",
    ":",
    "dimension",
]
SIZE = 16
TABLE = numpy.sin(numpy.arange(len(WORDS) * SIZE, dtype=numpy.float32) * 1.7).reshape(len(WORDS), SIZE)
LAYER = numpy.cos(numpy.arange(SIZE * SIZE, dtype=numpy.float32) * 0.9).reshape(SIZE, SIZE)


def tokens(text: str, most: int = 512) -> list[int]:
    """Return the ids the tokenizer gives a text of known words."""
    words = text.lower().replace(":", " : ").split()
    ids = [WORDS.index(word) if word in WORDS else WORDS.index("[UNK]") for word in words]
    return [1, *ids[: most - 2], 2]


def reference(text: str, pooling: str, most: int = 512) -> numpy.ndarray:
    """Return the vector of a text, worked out without the runtime and without padding."""
    states = numpy.tanh(TABLE[tokens(text, most)] @ LAYER) + 0.1
    pooled = states[0] if pooling == "cls" else states.mean(axis=0)
    return pooled / numpy.linalg.norm(pooled)


def make(folder, *, inputs=("input_ids", "attention_mask"), output="last_hidden_state", half=False, name="model.onnx"):
    """Write model and tokenizer; `inputs` that the graph does not need are declared all the same."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).parent.mkdir(exist_ok=True)
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["looked"]),
        helper.make_node("MatMul", ["looked", "layer"], ["mixed"]),
        helper.make_node("Tanh", ["mixed"], ["bent"]),
        helper.make_node("Add", ["bent", "offset"], ["states"]),
        helper.make_node("Cast", ["states"], ["last"], to=kind),
    ]
    shape = ["batch", "length", SIZE]
    outputs = [("other", ["batch", "length", SIZE]), (output, shape)]
    nodes.append(helper.make_node("Identity", ["looked"], ["other"]))
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceMean", ["last"], [output], axes=[1], keepdims=0))
        outputs[1] = (output, ["batch", SIZE])
    else:
        nodes.append(helper.make_node("Identity", ["last"], [output]))
    given = [helper.make_tensor_value_info(each, TensorProto.INT64, ["batch", "length"]) for each in inputs]
    kinds = [TensorProto.FLOAT, kind]
    told = [helper.make_tensor_value_info(n, k, s) for (n, s), k in zip(outputs, kinds)]
    weights = {"table": TABLE, "layer": LAYER, "offset": numpy.array([0.1], dtype=numpy.float32)}
    constants = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, "toy", given, told, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / name))
    write_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0, "model_type": "bert"}))
    return folder


def write_tokenizer(folder) -> None:
    """Write tokenizer.json: lower-case words between [CLS] and [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.save(str(folder / "tokenizer.json"))
