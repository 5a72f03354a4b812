"""The mlx embedder on a tiny XLM-RoBERTa made on the spot, against its forward pass in NumPy."""

from __future__ import annotations

import json
import threading

import numpy
import pytest
from memcore.errors import UnavailableError
from memcore_plugins.embedders.mlx import MlxEmbedder, MlxSettings, Plugin, _available
from toy_xlm import SIZE, make, reference
from vector_memory import by_meaning, open_memory, remember, vectors

TEXTS = ["red bicycle", "cat", "a red cat on the sofa in lisbon by bicycle", "unknown words only"]


def cosines(embedder, texts, pooling, *, prefix="", query=False, **limits):
    found = numpy.array(embedder.embed(texts, query=query))
    assert numpy.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-5)
    right = numpy.array([reference(prefix + text, pooling, **limits) for text in texts])
    return (found * right).sum(axis=1)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_each_text_of_a_batch_gets_the_vector_of_the_reference(tmp_path, pooling):
    embedder = MlxEmbedder(MlxSettings(model=str(make(tmp_path / "m")), pooling=pooling))
    assert embedder.dimension == SIZE
    assert cosines(embedder, TEXTS, pooling).min() >= 0.9999
    assert embedder.embed([]) == []


def test_the_two_ways_of_pooling_differ_so_that_the_wrong_one_would_show(tmp_path):
    embedder = MlxEmbedder(MlxSettings(model=str(make(tmp_path / "m")), pooling="cls"))
    assert cosines(embedder, TEXTS, "mean").max() < 0.999


def test_a_bge_model_is_pooled_by_its_first_token_although_the_library_takes_the_mean(tmp_path):
    from mlx_embeddings.utils import generate, load

    folder = make(tmp_path / "bge-tiny")
    assert cosines(MlxEmbedder(MlxSettings(model=str(folder))), TEXTS, "cls").min() >= 0.9999
    theirs = numpy.array(generate(*load(str(folder)), texts=TEXTS[:1]).text_embeds.tolist())
    assert (theirs @ reference(TEXTS[0], "mean")).max() >= 0.9999  # once this fails, the library has learned it


def test_the_models_own_file_says_how_to_pool(tmp_path):
    folder = make(tmp_path / "m")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert cosines(MlxEmbedder(MlxSettings(model=str(folder))), TEXTS, "cls").min() >= 0.9999


def test_prefixes_go_before_questions_and_records(tmp_path):
    embedder = MlxEmbedder(MlxSettings(model=str(make(tmp_path / "e5-tiny"))))
    assert cosines(embedder, TEXTS, "mean", prefix="query: ", query=True).min() >= 0.9999
    assert cosines(embedder, TEXTS, "mean", prefix="passage: ").min() >= 0.9999


def test_a_long_text_is_cut_at_what_the_model_reads(tmp_path):
    embedder = MlxEmbedder(MlxSettings(model=str(make(tmp_path / "m"))))
    assert cosines(embedder, ["red bicycle cat " * 40, "cat"], "mean").min() >= 0.9999


def test_another_pooling_or_prefix_is_another_model(tmp_path):
    folder = str(make(tmp_path / "m"))
    changes = [{}, {"pooling": "cls"}, {"query_prefix": "q "}, {"max_tokens": 9}]
    assert len({MlxEmbedder(MlxSettings(model=folder, **change)).model for change in changes}) == len(changes)


def test_a_model_loaded_in_one_thread_answers_in_another(tmp_path):
    made, found = [], []
    folder = str(make(tmp_path / "m"))
    for work in (
        lambda: made.append(MlxEmbedder(MlxSettings(model=folder))),
        lambda: found.extend(made[0].embed(["cat"])),
    ):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert numpy.dot(found[0], reference("cat", "mean")) >= 0.9999


def test_what_cannot_work_is_explained(tmp_path):
    assert "there is no config.json" in _available(MlxSettings(model=str(tmp_path)))
    assert "must be auto, cls or mean" in _available(MlxSettings(model="x/y", pooling="max"))
    assert _available(MlxSettings(model="")) == "embedder-mlx.model is not set"
    assert _available(MlxSettings()) == ""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UnavailableError, match="cannot be loaded"):
        MlxEmbedder(MlxSettings(model=str(tmp_path)))
    embedder = MlxEmbedder(MlxSettings(model=str(make(tmp_path / "m"))))
    embedder.close()
    with pytest.raises(UnavailableError, match="closed"):
        embedder.embed(["x"])
    assert Plugin().memcore_embedder().name == "mlx"


def test_a_memory_is_searched_with_it(tmp_path):
    more = {"embedder-mlx": "memcore_plugins.embedders.mlx:Plugin"}
    folder = str(make(tmp_path / "m"))
    with open_memory(
        tmp_path / "home", more=more, embedder="mlx", embedder_mlx__model=folder, search_timeout=60
    ) as engine:
        remember(engine, "red bicycle", "cat sofa", "lisbon")
        engine.maintain(only="vectors")
        assert set(by_meaning(engine, "cat sofa", limit=3)) == {"red bicycle", "cat sofa", "lisbon"}
        assert vectors(engine).memcore_status(engine) is None
