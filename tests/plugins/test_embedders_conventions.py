"""How a model is used: what its files say holds, then its family, and what the user sets before both."""

from __future__ import annotations

import json

import pytest
from memcore.errors import UnavailableError
from memcore_plugins.embedders.conventions import Conventions, conventions, digest, family, read_json

INSTRUCTION = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bge-m3", ("cls", "", "")),
        ("mlx-community/bge-m3-mlx-fp16", ("cls", "", "")),
        ("BAAI/bge_small_en", ("cls", "", "")),
        ("intfloat/multilingual-e5-base", ("mean", "query: ", "passage: ")),
        ("multilingual-e5-large-instruct", ("mean", "", "")),
        ("nomic-embed-text:latest", ("mean", "search_query: ", "search_document: ")),
        ("snowflake-arctic-embed:22m", ("cls", INSTRUCTION, "")),
        ("snowflake-arctic-embed-l-v2.0", ("cls", "query: ", "")),
        ("mxbai-embed-large", ("cls", INSTRUCTION, "")),
        ("all-MiniLM-L6-v2", ("mean", "", "")),
        ("the5thmodel", ("mean", "", "")),
    ],
)
def test_a_family_is_known_by_its_name(name, expected):
    assert family(name) == expected


def write(folder, **files):
    for name, value in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def test_the_models_own_files_come_before_its_family(tmp_path):
    write(tmp_path, **{"1_Pooling__config": {"pooling_mode_mean_tokens": True}})
    write(tmp_path, config_sentence_transformers={"prompts": {"query": "ask: ", "document": "say: "}})
    found = conventions(tmp_path, "bge-m3")
    assert found == Conventions(pooling="mean", query_prefix="ask: ", passage_prefix="say: ", max_tokens=512)
    write(tmp_path, **{"1_Pooling__config": {"pooling_mode_cls_token": True}})
    write(tmp_path, config_sentence_transformers={"prompts": {"passage": "tell: "}})
    found = conventions(tmp_path, "minilm")
    assert (found.pooling, found.query_prefix, found.passage_prefix) == ("cls", "", "tell: ")


def test_a_model_that_pools_in_another_way_is_refused_instead_of_giving_wrong_vectors(tmp_path):
    write(tmp_path, **{"1_Pooling__config": {"word_embedding_dimension": 9, "pooling_mode_lasttoken": True}})
    with pytest.raises(UnavailableError, match="pools by lasttoken"):
        conventions(tmp_path, "x")
    assert conventions(tmp_path, "x", pooling="mean").pooling == "mean"


def test_what_the_user_sets_comes_first(tmp_path):
    write(tmp_path, **{"1_Pooling__config": {"pooling_mode_cls_token": True}})
    found = conventions(tmp_path, "e5-base", pooling="mean", query_prefix="", passage_prefix="p ", max_tokens=9)
    assert found == Conventions(pooling="mean", query_prefix="", passage_prefix="p ", max_tokens=9)


@pytest.mark.parametrize(
    ("files", "tokens"),
    [
        ({}, 512),
        ({"config": {"max_position_embeddings": 130, "model_type": "bert"}}, 130),
        ({"config": {"max_position_embeddings": 130, "model_type": "xlm-roberta"}}, 128),
        ({"sentence_bert_config": {"max_seq_length": 256}}, 256),
        ({"tokenizer_config": {"model_max_length": 1e30}}, 512),
        ({"tokenizer_config": {"model_max_length": 64}, "config": {"max_position_embeddings": 100}}, 64),
    ],
)
def test_no_more_tokens_are_read_than_the_model_can(tmp_path, files, tokens):
    assert conventions(write(tmp_path, **files), "x").max_tokens == tokens


def test_the_name_in_a_models_files_counts_too(tmp_path):
    assert conventions(write(tmp_path, config={"_name_or_path": "BAAI/bge-m3"}), "model").pooling == "cls"


@pytest.mark.parametrize("text", ["", "[1]", "{", "\udcff"])
def test_a_damaged_file_counts_as_none(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_json(tmp_path / "config.json") == {}


def test_all_that_changes_a_vector_is_in_the_sign(tmp_path):
    base = {"pooling": "cls", "query_prefix": "", "passage_prefix": "", "max_tokens": 512}
    changes = [{}, {"pooling": "mean"}, {"query_prefix": "q"}, {"passage_prefix": "q"}, {"max_tokens": 9}]
    assert len({Conventions(**{**base, **change}).sign() for change in changes}) == len(changes)


def test_a_digest_tells_files_apart_by_size_beginning_and_end(tmp_path):
    contents = [b"a" * 3_000_000, b"a" * 3_000_001, b"b" + b"a" * 2_999_999, b"a" * 2_999_999 + b"b", b""]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}").write_bytes(content)
    digests = {digest(tmp_path / f"{number}") for number in range(len(contents))}
    assert len(digests) == len(contents)
    assert {len(text) for text in digests} == {12}
