"""The strategy `vector` on whole engines: what it finds, what it must not find, and which names it ignores."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from memcore import Draft, EmbedderSpec, Query, Scope, hookimpl
from memcore.records import Turn
from memcore_plugins.vectors import schema
from memcore_plugins.vectors.words import passage, question
from toy_embedder import Toy, ToyEmbedder, ToySettings
from upkeep_engine import START
from vector_memory import by_meaning, embedded, left, open_memory, remember, toy, vectors

assert Turn  # events are importable from records, as plugins do it

REPLICA, BICYCLE, CAT = "the replica runs in Lisbon", "we bought a red bicycle", "the cat sleeps on the sofa"
JSONL = Path(__file__).parents[2] / "docs/examples/memcore-backend-jsonl"


@pytest.fixture
def engine(tmp_path):
    with open_memory(tmp_path) as found:
        remember(found, REPLICA, BICYCLE, CAT)
        found.maintain(only="vectors")
        yield found


def test_the_nearest_record_comes_first_with_its_cosine_as_score(engine):
    hits = engine.search(Query(text="a red bicycle", limit=3, now=engine.now()))
    assert hits[0].record.content == BICYCLE
    assert 0.6 < hits[0].strategies["vector"] <= 1.0
    assert len({hit.record.id for hit in hits}) == 3


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_question_asks_no_embedder(engine, text):
    asked = len(toy(engine).asked)
    assert by_meaning(engine, text) == []
    assert by_meaning(engine, "red", limit=0) == []
    assert len(toy(engine).asked) == asked


def test_retired_superseded_and_forgotten_records_are_never_found(engine):
    ids = {record.content: record.id for record in engine.scan(Scope())}
    engine.retire([ids[CAT]], reason="test")
    engine.supersede([ids[BICYCLE]], Draft(content="we sold the red bicycle"))
    assert by_meaning(engine, "the cat sleeps on the sofa") == [REPLICA]
    assert embedded(engine) == {ids[REPLICA]}
    engine.maintain(only="vectors")
    assert by_meaning(engine, "a red bicycle") == ["we sold the red bicycle", REPLICA]
    engine.forget(Scope(namespaces=("default",)))
    assert by_meaning(engine, "replica in Lisbon") == []


def test_a_record_retired_while_the_plugin_was_off_is_not_found_and_its_vector_goes_at_the_next_look_round(
    tmp_path, engine
):
    engine.close()
    with open_memory(tmp_path, without=("vectors",)) as without:
        (cat,) = [record.id for record in without.scan(Scope()) if record.content == CAT]
        without.retire([cat], reason="test")
    with open_memory(tmp_path, clock=lambda: START + timedelta(days=8)) as again:
        assert CAT not in by_meaning(again, CAT)
        assert cat in embedded(again)
        again.maintain(only="vectors")
        assert cat not in embedded(again)


def test_a_revived_record_waits_for_a_vector_again(engine):
    (cat,) = [record.id for record in engine.scan(Scope()) if record.content == CAT]
    engine.retire([cat], reason="test")
    assert left(engine) == 0
    remember(engine, CAT)
    assert left(engine) == 1
    engine.maintain(only="vectors")
    assert by_meaning(engine, CAT)[0] == CAT


def test_a_small_namespace_in_a_large_memory_is_searched_completely(tmp_path):
    with open_memory(tmp_path, vectors__candidates=20, vectors__hits=10, vectors__upkeep_limit=5000) as engine:
        remember(engine, *(f"the red bicycle number {n}" for n in range(600)), namespace="crowd")
        remember(engine, *(f"the green boat number {n}" for n in range(60)), namespace="few")
        remember(engine, "a table", namespace="one")
        engine.maintain(only="vectors")
        assert by_meaning(engine, "the red bicycle", namespaces=("one",)) == ["a table"]
        assert len(by_meaning(engine, "the red bicycle", namespaces=("few",), limit=10)) == 10
        both = by_meaning(engine, "a table", namespaces=("few", "one"), limit=10)
        assert both[0] == "a table"
        assert by_meaning(engine, "a table", namespaces=("nobody",)) == []


def test_a_narrow_scope_is_widened_until_enough_is_found_and_then_compared_one_by_one(tmp_path):
    with open_memory(
        tmp_path, vectors__candidates=4, vectors__hits=2, vectors__upkeep_limit=9000, embedder_toy__dimension=16
    ) as engine:
        remember(engine, *(f"the red bicycle number {n}" for n in range(4500)))
        remember(engine, "a grey table", "a grey chair", kind="opinion")
        engine.maintain(only="vectors")
        assert set(by_meaning(engine, "the red bicycle number 7", limit=2, kinds=("opinion",))) == {
            "a grey table",
            "a grey chair",
        }


def test_named_records_are_compared_among_themselves_only(engine):
    ids = [record.id for record in engine.scan(Scope()) if record.content != BICYCLE]
    assert set(by_meaning(engine, "a red bicycle", ids=tuple(ids))) == {REPLICA, CAT}


def test_every_condition_of_the_scope_holds(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, "a red bicycle", tags=("keep",), agent_id="a1")
        remember(engine, "a red bicycle bell", agent_id="a2")
        engine.maintain(only="vectors")
        assert by_meaning(engine, "red bicycle", tags=("keep",)) == ["a red bicycle"]
        assert by_meaning(engine, "red bicycle", agent_id="a2") == ["a red bicycle bell"]


def test_the_name_of_a_speaker_does_not_decide_what_is_near(tmp_path):
    with open_memory(tmp_path) as engine:
        for text in ("Ana: we sailed to Porto", "Ana: yes", "Ana: no"):
            remember(engine, text, kind="episode", metadata={"speaker": "Ana"})
        engine.maintain(only="vectors")
        assert ("yes",) not in [texts for texts, _ in toy(engine).asked]
        assert any("we sailed to Porto" in texts for texts, _ in toy(engine).asked)
        by_meaning(engine, "Where did Ana's boat sail?")
        assert toy(engine).asked[-1] == (("Where did boat sail?",), True)


def test_names_learned_by_another_engine_count_at_once(tmp_path):
    with open_memory(tmp_path) as one, open_memory(tmp_path) as other:
        remember(one, "Ana: we sailed", kind="episode", metadata={"speaker": "Ana"})
        one.maintain(only="vectors")
        by_meaning(one, "Did Ana and Bo sail?")
        remember(other, "Bo: we rowed", kind="episode", metadata={"speaker": "Bo"})
        other.maintain(only="vectors")
        by_meaning(one, "Did Ana and Bo sail?")
        assert toy(one).asked[-1][0] == ("Did and sail?",)


@pytest.mark.parametrize(
    ("text", "names", "left_over"),
    [
        ("what did ANA say", ["Ana"], "what did say"),
        ("Ana", ["Ana"], "Ana"),
        ("banana bread", ["Ana"], "banana bread"),
        ("Ana Maria’s house", ["Ana", "Ana Maria"], "house"),
        ("田中さんの犬", ["田中"], "さんの犬"),
        ("a+b? (c)", ["a+b", "(c)"], "a+b? (c)"),
        ("x marks", ["x"], "x marks"),
    ],
)
def test_names_are_taken_out_of_questions_as_whole_words(text, names, left_over):
    assert question(text, names) == left_over


def test_a_passage_is_never_empty_and_never_longer_than_asked(tmp_path):
    with open_memory(tmp_path) as engine:
        (bare,) = remember(engine, "Ana:", kind="episode", metadata={"speaker": "Ana"})
        (wide,) = remember(engine, "  abcdef  ")
        assert passage(bare, 10) == "Ana:"
        assert passage(wide, 3) == "abc"


def test_forgetting_leaves_no_vector_no_name_and_no_namespace(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(
            engine, "Zenobia: the secret plan", kind="episode", metadata={"speaker": "Zenobia"}, namespace="gone-place"
        )
        remember(engine, "Ana: hello there", kind="episode", metadata={"speaker": "Ana"}, namespace="kept")
        engine.maintain(only="vectors")
        remember(engine, "waiting only", namespace="gone-place")
        engine.forget(Scope(namespaces=("gone-place",)))
        assert left(engine) == 0
        assert schema.speakers(engine.workspace.connection()) == ["Ana"]
    left_behind = b"".join(path.read_bytes() for path in tmp_path.glob("memory.db*"))
    assert b"Zenobia" not in left_behind
    assert b"gone-place" not in left_behind


def test_a_memory_opened_for_reading_only_is_searched(tmp_path, engine):
    engine.close()
    with open_memory(tmp_path, read_only=True) as reading:
        assert by_meaning(reading, "red bicycle")[0] == BICYCLE
        assert reading.catalog.plugins["vectors"].status == "active"
        assert reading.check() == []


def test_a_memory_older_than_the_plugin_is_searched_by_words_when_it_cannot_be_changed(tmp_path):
    with open_memory(tmp_path, without=("vectors",)) as engine:
        remember(engine, REPLICA)
    with open_memory(tmp_path, read_only=True) as reading:
        assert by_meaning(reading, "replica") == []
        assert reading.stats()["vectors"] == {}
        assert reading.check() == []
        assert reading.catalog.plugins["vectors"].status == "active"


def test_nothing_is_opened_where_nothing_can_be_found(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, REPLICA)
        assert by_meaning(engine, "replica") == []
        assert toy(engine).opened == 0


def test_without_an_embedder_everything_else_works_and_the_plugin_says_how_to_choose_one(tmp_path):
    with open_memory(tmp_path, embedder="") as engine:
        remember(engine, REPLICA)
        assert engine.maintain(only="vectors") == {}
        assert by_meaning(engine, "replica") == []
        assert vectors(engine).memcore_status(engine)[0] == "no embedder is chosen"


@pytest.mark.parametrize(
    ("chosen", "reason", "cure"),
    [
        ("tyo", "there is no embedder 'tyo'", "did you mean 'toy'?"),
        ("http", "there is no embedder 'http'", "known: toy"),
    ],
)
def test_an_unknown_embedder_is_explained(tmp_path, chosen, reason, cure):
    with open_memory(tmp_path, embedder=chosen) as engine:
        assert vectors(engine).memcore_status(engine) == (reason, cure)


def test_an_embedder_whose_package_is_missing_is_explained_with_the_package_to_install(tmp_path):
    code = "from memcore import PluginInfo\n\n\nclass Plugin:\n    info = PluginInfo(summary='x', packages={'no_such_package': 'mlx'})\n"
    code += "    from memcore import hookimpl\n\n    @hookimpl\n    def memcore_embedder(self):\n        return None\n"
    (tmp_path / "lacking_embedder.py").write_text(code)
    sys.path.insert(0, str(tmp_path))
    try:
        with open_memory(tmp_path, embedder="lacking", more={"embedder-lacking": "lacking_embedder:Plugin"}) as engine:
            reason, cure = vectors(engine).memcore_status(engine)
    finally:
        sys.path.remove(str(tmp_path))
    assert reason == "the embedder 'lacking' is unavailable: needs no_such_package"
    assert cure == "pip install 'memcore-engine[mlx]'"


def test_asking_for_the_status_opens_no_embedder(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, REPLICA)
        reason, cure = vectors(engine).memcore_status(engine)
        assert (reason, cure) == ("no record has a vector yet, 1 wait", "memcore backfill-vectors")
        engine.check()
        engine.stats()
        assert toy(engine).opened == 0
    with open_memory(tmp_path, embedder_toy__dimension=0) as engine:
        assert vectors(engine).memcore_status(engine) == (
            "embedder-toy.dimension is not set",
            "correct [embedder-toy] in memcore.toml",
        )


def test_an_embedder_that_a_host_registers_is_used(tmp_path):
    class Host:
        @hookimpl
        def memcore_embedder(self):
            opened = lambda _: ToyEmbedder(ToySettings(name="host"), Toy())
            return EmbedderSpec(name="host", summary="host", open=opened, available=lambda _: "")

    with open_memory(tmp_path, embedder="host") as engine:
        engine.register(Host(), name="my-host")
        remember(engine, REPLICA, CAT)
        engine.maintain(only="vectors")
        assert by_meaning(engine, "replica in Lisbon")[0] == REPLICA


def test_records_of_another_backend_are_found_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(JSONL))
    more = {"jsonl": "memcore_backend_jsonl:Plugin"}
    with open_memory(tmp_path, without=("sqlite",), more=more, backend="jsonl") as engine:
        records = remember(engine, REPLICA, BICYCLE, CAT)
        engine.maintain(only="vectors")
        assert embedded(engine) == {record.id for record in records}
        assert by_meaning(engine, "red bicycle", limit=1)[0] == BICYCLE
        engine.retire([records[1].id], reason="test")
        assert by_meaning(engine, "red bicycle", limit=1)[0] != BICYCLE


def test_a_disabled_plugin_costs_nothing_else(tmp_path):
    more = {"prefetch": "memcore_plugins.prefetch:Plugin"}
    with open_memory(tmp_path, more=more, disable="vectors") as engine:
        remember(engine, REPLICA)
        assert [hit.record.content for hit in engine.prefetch("where does the replica run").hits] == [REPLICA]
        assert engine.maintain()
        assert "vec_curated" not in engine.workspace.tables()


def test_importing_the_plugins_loads_nothing_heavy():
    import subprocess

    heavy = "numpy,httpx,tenacity,onnxruntime,tokenizers,sqlite_vec,logging,json.tool,rich,ctypes"
    modules = "memcore_plugins.vectors, memcore_plugins.embedders.http, memcore_plugins.embedders.onnx, memcore_plugins.embedders.mlx"
    code = f"import sys, memcore_toolkit\nbefore = set(sys.modules)\nimport {modules}\nprint(*[n for n in '{heavy}'.split(',') if n in set(sys.modules) - before])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stdout.strip() == ""


def test_scores_mean_the_same_whatever_cosine_a_model_gives_unrelated_texts(tmp_path, monkeypatch):
    real = ToyEmbedder._vector

    def crowded(self, text):
        return [value + 0.2 for value in real(self, text)]  # every pair of texts is alike, as e5 models have it

    def best_and_worst(home):
        with open_memory(home) as engine:
            remember(engine, REPLICA, BICYCLE, CAT)
            engine.maintain(only="vectors")
            query = Query(text="we bought a bicycle", limit=5, now=engine.now())
            hits = vectors(engine).memcore_search(engine=engine, query=query)
            (baseline,) = engine.workspace.connection().execute("SELECT baseline FROM vec_models").fetchone()
            return hits[0].score, hits[-1].score, baseline

    plain = best_and_worst(tmp_path / "plain")
    monkeypatch.setattr(ToyEmbedder, "_vector", crowded)
    alike = best_and_worst(tmp_path / "alike")
    assert alike[2] > 0.85 > 0.3 > plain[2]
    assert alike[0] == pytest.approx(plain[0], abs=0.15)
    assert alike[1] < 0.2
