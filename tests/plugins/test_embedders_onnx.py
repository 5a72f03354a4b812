"""The onnx embedder on a tiny model made on the spot, against the same sums in NumPy."""

from __future__ import annotations

import json

import numpy
import pytest
from memcore.errors import UnavailableError
from memcore_plugins.embedders.onnx import OnnxEmbedder, OnnxSettings, Plugin, _available
from toy_onnx import SIZE, make, reference
from vector_memory import by_meaning, open_memory, remember, vectors

TEXTS = ["red bicycle", "cat", "a red cat on the sofa in lisbon by bicycle", ""]


def cosines(embedder, texts, pooling, *, prefix="", most=512, query=False):
    found = numpy.array(embedder.embed(texts, query=query))
    right = numpy.array([reference(prefix + text, pooling, most) for text in texts])
    return (found * right).sum(axis=1)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("half", [False, True])
def test_each_text_of_a_batch_gets_the_vector_it_has_alone(tmp_path, pooling, half):
    embedder = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "m", half=half)), pooling=pooling))
    assert embedder.dimension == SIZE
    assert cosines(embedder, TEXTS, pooling).min() >= 0.9999
    lengths = numpy.linalg.norm(numpy.array(embedder.embed(TEXTS)), axis=1)
    assert lengths == pytest.approx(1.0, abs=1e-6)
    assert embedder.embed([]) == []


def test_pooling_follows_the_models_own_file(tmp_path):
    folder = make(tmp_path / "m")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert cosines(OnnxEmbedder(OnnxSettings(folder=str(folder))), TEXTS, "cls").min() >= 0.9999
    assert cosines(OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "bge-tiny")))), TEXTS, "cls").min() >= 0.9999


def test_prefixes_go_before_questions_and_records(tmp_path):
    embedder = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "e5-tiny"))))
    assert cosines(embedder, TEXTS, "mean", prefix="query: ", query=True).min() >= 0.9999
    assert cosines(embedder, TEXTS, "mean", prefix="passage: ").min() >= 0.9999


def test_a_long_text_is_cut_at_what_the_model_reads(tmp_path):
    folder = make(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0, "max_position_embeddings": 5}))
    embedder = OnnxEmbedder(OnnxSettings(folder=str(folder)))
    assert cosines(embedder, ["red bicycle cat sofa lisbon red red", "cat"], "mean", most=5).min() >= 0.9999


@pytest.mark.parametrize("name", ["onnx/model.onnx", "model_quantized.onnx"])
def test_the_model_is_found_where_exporters_put_it_and_may_want_token_types(tmp_path, name):
    folder = make(tmp_path / "m", name=name, inputs=("input_ids", "attention_mask", "token_type_ids"))
    assert cosines(OnnxEmbedder(OnnxSettings(folder=str(folder))), TEXTS, "mean").min() >= 0.9999


def test_a_model_that_gives_whole_vectors_is_taken_at_its_word(tmp_path):
    embedder = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "m", output="sentence_embedding"))))
    assert cosines(embedder, ["red bicycle"], "mean").min() >= 0.9999


def test_a_model_that_wants_something_else_is_explained(tmp_path):
    folder = make(tmp_path / "m", inputs=("input_ids", "pixel_values"))
    with pytest.raises(UnavailableError, match="wants pixel_values"):
        OnnxEmbedder(OnnxSettings(folder=str(folder)))


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_explained(tmp_path, broken):
    folder = make(tmp_path / "m")
    (folder / broken).write_bytes(b"damaged")
    with pytest.raises(UnavailableError, match="cannot be loaded"):
        OnnxEmbedder(OnnxSettings(folder=str(folder)))


def test_another_file_or_pooling_is_another_model(tmp_path):
    one = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "a" / "m"))))
    other = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "b" / "m", half=True))))
    cls = OnnxEmbedder(OnnxSettings(folder=str(tmp_path / "a" / "m"), pooling="cls"))
    assert len({one.model, other.model, cls.model}) == 3
    assert str(tmp_path) not in one.model


def test_a_closed_embedder_says_so(tmp_path):
    embedder = OnnxEmbedder(OnnxSettings(folder=str(make(tmp_path / "m"))))
    embedder.close()
    embedder.close()
    with pytest.raises(UnavailableError, match="closed"):
        embedder.embed(["x"])


def test_what_is_missing_is_explained_without_loading_anything(tmp_path):
    assert _available(OnnxSettings()) == "embedder-onnx.folder is not set"
    assert "there is no model.onnx" in _available(OnnxSettings(folder=str(tmp_path)))
    folder = make(tmp_path / "m")
    assert _available(OnnxSettings(folder=str(folder))) == ""
    assert "must be auto, cls or mean" in _available(OnnxSettings(folder=str(folder), pooling="max"))
    (folder / "tokenizer.json").unlink()
    assert "there is no tokenizer.json" in _available(OnnxSettings(folder=str(folder)))
    with pytest.raises(UnavailableError, match="no ONNX model"):
        OnnxEmbedder(OnnxSettings(folder=str(tmp_path / "nowhere")))
    assert Plugin().memcore_embedder().name == "onnx"


def test_a_memory_is_searched_with_it(tmp_path):
    folder = make(tmp_path / "m")
    more = {"embedder-onnx": "memcore_plugins.embedders.onnx:Plugin"}
    with open_memory(tmp_path / "home", more=more, embedder="onnx", embedder_onnx__folder=str(folder)) as engine:
        remember(engine, "red bicycle", "cat sofa", "lisbon")
        engine.maintain(only="vectors")
        assert by_meaning(engine, "sofa cat", limit=1)[0] == "cat sofa"
        assert vectors(engine).memcore_status(engine) is None
