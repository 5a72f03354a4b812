"""`backfill-vectors` and upkeep: everything gets its vector, the important first, whatever single texts do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from memcore import Capability, Draft, Scope
from memcore.records import Session
from memcore_plugins.vectors.backfill import UNRELATED
from memcore_plugins.vectors.commands import backfill_vectors
from upkeep_engine import Clock, rows, run
from vector_memory import by_meaning, embedded, left, open_memory, remember, toy, vectors


@pytest.fixture
def engine(tmp_path):
    with open_memory(tmp_path, vectors__batch=4) as found:
        yield found


def backfill(engine, *arguments):
    result = run(backfill_vectors, engine, *arguments, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return json.loads(result.stdout)


def passages(engine):
    return [
        text for texts, query in toy(engine).asked if not query for text in texts if text not in ("memory", *UNRELATED)
    ]


def test_every_record_gets_a_vector_once(engine):
    remember(engine, *(f"fact {n}" for n in range(10)))
    assert backfill(engine)["embedded"] == 10
    assert sorted(passages(engine)) == sorted(f"fact {n}" for n in range(10))
    assert backfill(engine) | {"seconds": 0} == {
        "embedded": 0, "refused": 0, "waiting": 0, "dropped": 0, "model": "toy:256", "seconds": 0,
    }  # fmt: skip
    assert max(len(texts) for texts, _ in toy(engine).asked if texts != UNRELATED) == 4


def test_the_important_come_first_and_the_newest_of_them(tmp_path):
    clock = Clock()
    with open_memory(tmp_path, clock=clock, vectors__batch=1) as engine:
        remember(engine, "said", kind="episode")
        remember(engine, "older fact")
        clock.move(days=1)
        remember(engine, "newer fact")
        remember(engine, "who I am", kind="identity")
        backfill(engine)
        assert passages(engine) == ["who I am", "newer fact", "older fact", "said"]


def test_records_written_while_the_plugin_was_off_are_found_by_the_command_and_later_by_upkeep(tmp_path):
    clock = Clock()
    with open_memory(tmp_path, clock=clock) as engine:
        remember(engine, "one")
        engine.maintain(only="vectors")
    with open_memory(tmp_path, without=("vectors",)) as engine:
        remember(engine, "two")
    with open_memory(tmp_path, clock=clock) as engine:
        assert engine.maintain(only="vectors") == {}
        clock.move(days=8)
        engine.maintain(only="vectors")
        assert sorted(by_meaning(engine, "two")) == ["one", "two"]
    with open_memory(tmp_path, without=("vectors",)) as engine:
        remember(engine, "three")
    with open_memory(tmp_path, clock=clock) as engine:
        assert backfill(engine)["embedded"] == 1


def test_a_limit_is_kept_and_the_rest_waits(engine):
    remember(engine, *(f"fact {n}" for n in range(10)))
    told = backfill(engine, "--limit", "6")
    assert (told["embedded"], told["waiting"], len(passages(engine))) == (6, 4, 6)


def test_a_dry_run_counts_and_changes_nothing(engine):
    remember(engine, "one", "two")
    before = rows(engine, "vec_curated_pending")
    assert backfill(engine, "--dry-run") == {"missing": 2}
    backfill(engine, "--limit", "1")
    assert backfill(engine, "--dry-run") == {"missing": 1}
    assert toy(engine).opened == 1
    assert "records have no vector" in run(backfill_vectors, engine, "--dry-run").stdout
    assert engine.maintain(dry_run=True, only="vectors")["vectors"].counts == {"waiting": 1}
    assert len(rows(engine, "vec_curated_pending")) == len(before) - 1


def test_a_rebuild_embeds_everything_anew_and_keeps_it_searchable_meanwhile(engine):
    remember(engine, *(f"fact {n}" for n in range(6)))
    backfill(engine)
    first = embedded(engine)
    assert backfill(engine, "--rebuild", "--limit", "2")["waiting"] == 4
    assert embedded(engine) == first
    assert by_meaning(engine, "fact 3")[0] == "fact 3"
    assert backfill(engine)["embedded"] == 4


def test_one_text_that_cannot_be_embedded_holds_up_no_other(engine):
    toy(engine).poison, toy(engine).zero = "poison", "nothing"
    remember(engine, *(f"fact {n}" for n in range(7)), "some poison here", "nothing at all")
    result = run(backfill_vectors, engine)
    assert result.exit_code == 1
    assert "7 records embedded" in result.stdout
    assert "2 cannot be embedded: memcore doctor names them" in result.stdout
    assert left(engine) == 0
    (finding,) = [finding for _, finding in engine.check("vectors")]
    assert (finding.code, finding.severity, len(finding.record_ids)) == ("vectors.refused", "warning", 2)
    assert "poison" not in finding.message  # the text itself is private
    assert engine.stats()["vectors"]["refused"] == 2
    before = len(toy(engine).asked)
    engine.maintain(only="vectors")
    assert "some poison here" not in [text for texts, _ in toy(engine).asked[before:] for text in texts]


def test_a_model_that_gives_no_direction_to_anything_refuses_no_text(engine):
    toy(engine).zero = "fact"
    remember(engine, *(f"fact {n}" for n in range(4)))
    report = engine.maintain(only="vectors")["vectors"]
    assert report.summary == "0 records embedded, 4 wait; the embedder gives zeros or no numbers"
    assert engine.check("vectors") == []


def test_the_command_tries_refused_texts_again_and_upkeep_does_not(engine):
    toy(engine).poison = "poison"
    remember(engine, "some poison here")
    assert engine.maintain(only="vectors")["vectors"].counts["refused"] == 1
    toy(engine).poison = ""
    assert engine.maintain(only="vectors") == {}
    assert backfill(engine)["embedded"] == 1
    assert engine.check("vectors") == []


def test_a_refused_text_is_forgotten_with_its_record(engine):
    toy(engine).poison = "poison"
    (record,) = remember(engine, "some poison here")
    engine.maintain(only="vectors")
    engine.retire([record.id], reason="test")
    assert rows(engine, "vec_curated_pending") == []


def test_another_model_is_noticed_explained_and_rebuilt_by_upkeep_without_mixing(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, "identity of mine", kind="identity")
        remember(engine, *(f"fact {n}" for n in range(5)))
        engine.maintain(only="vectors")
    changed = {
        "embedder_toy__name": "other",
        "embedder_toy__salt": "x",
        "vectors__upkeep_limit": 3,
        "vectors__batch": 1,
    }
    with open_memory(tmp_path, **changed) as engine:
        assert by_meaning(engine, "fact 3") == []
        (finding,) = [finding for _, finding in engine.check("vectors")]
        assert finding.message == "6 vectors were made by toy:256, before the embedder was set anew"
        engine.maintain(only="vectors")
        assert passages(engine)[0] == "identity of mine"
        assert len(by_meaning(engine, "fact", limit=9)) == 3
        (finding,) = [finding for _, finding in engine.check("vectors")]
        assert finding.message == "3 vectors were made by toy:256, the model is now other:256: they are not searched"
        assert finding.cure == "memcore backfill-vectors"
        engine.maintain(only="vectors")
        assert len(by_meaning(engine, "fact", limit=9)) == 6
        assert [row[1] for row in rows(engine, "vec_models")] == ["other:256"]
        assert engine.check("vectors") == []


def test_another_model_behind_the_same_name_is_noticed_too(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, "one", "two")
        engine.maintain(only="vectors")
    with open_memory(tmp_path, embedder_toy__salt="changed") as engine:
        told = backfill(engine)
        assert (told["embedded"], told["waiting"]) == (2, 0)
        assert by_meaning(engine, "two")[0] == "two"


def test_a_setting_that_changes_no_vector_asks_for_no_rebuild(tmp_path):
    with open_memory(tmp_path) as engine:
        remember(engine, "one")
        engine.maintain(only="vectors")
    with open_memory(tmp_path, embedder_toy__delay=0.0001) as engine:
        assert [finding.severity for _, finding in engine.check("vectors")] == ["info"]
        assert by_meaning(engine, "one") == ["one"]
        engine.maintain(only="vectors")
        assert engine.check("vectors") == []
        assert passages(engine) == []


def test_a_session_that_ends_embeds_a_few_and_stops_in_time(tmp_path):
    with open_memory(tmp_path, vectors__session_limit=5, vectors__batch=2) as engine:
        remember(engine, *(f"fact {n}" for n in range(9)))
        assert engine.session_end(Session(id="s", turns=()))["vectors"].counts == {
            "embedded": 5,
            "refused": 0,
            "waiting": 4,
        }
    with open_memory(tmp_path, vectors__session_seconds=0, vectors__batch=2) as engine:
        assert engine.session_end(Session(id="s", turns=()))["vectors"].counts["embedded"] == 2
        engine.maintain(only="vectors")
        assert engine.session_end(Session(id="s", turns=())) == {}


def test_a_record_retired_while_its_batch_is_embedded_gets_no_vector(engine):
    records = remember(engine, "one", "two")
    from memcore_plugins.vectors import VectorsSettings
    from memcore_plugins.vectors.backfill import run as steps

    class Retiring:
        model, dimension = "toy:256", 256

        def embed(self, texts, *, query=False):
            with open_memory(engine.config.home) as other:
                other.retire([records[0].id], reason="meanwhile")
            return [[1.0] * 256 for _ in texts]

    (step,) = steps(engine, Retiring(), engine.settings("vectors", VectorsSettings))
    assert (step.embedded, step.gone) == (1, 1)
    assert embedded(engine) == {records[1].id}


def test_a_record_that_is_gone_does_not_wait_for_ever(engine):
    remember(engine, "one")
    engine.workspace.connection().execute(
        "INSERT INTO vec_curated_pending(record_id, place, told) VALUES('ghost', 0, 0)"
    )
    assert backfill(engine)["embedded"] == 1
    assert left(engine) == 0


def test_what_waits_is_not_held_in_memory(engine):
    """Each batch is asked for anew: no statement returns more rows than a page."""
    engine.remember([Draft(content=f"fact {n}") for n in range(2500)])
    asked = []
    get, engine.backend.get = engine.backend.get, lambda ids: (asked.append(len(ids)), get(ids))[1]
    backfill(engine)
    assert max(asked) <= 1000


def test_without_an_embedder_the_command_explains_itself(tmp_path):
    with open_memory(tmp_path, embedder="") as engine:
        result = run(backfill_vectors, engine)
        assert result.exit_code == 0
        assert "vectors are inactive: no embedder is chosen" in result.stderr
        assert run(backfill_vectors, engine, "--strict").exit_code == 3
        assert backfill(engine)["inactive"] == "no embedder is chosen"


def test_a_dead_embedder_ends_the_command_with_its_cure(engine):
    remember(engine, "one")
    toy(engine).dead = True
    result = run(backfill_vectors, engine)
    assert "try: repair it" in str(result.exception)
    assert left(engine) == 1


def test_the_command_says_why_the_plugin_cannot_be_used(tmp_path):
    with open_memory(tmp_path) as engine:
        engine.catalog.plugins["vectors"].mark("unavailable", "no such thing", "install it")
        result = run(backfill_vectors, engine)
        assert "vectors are unavailable" in str(result.exception)


def test_the_command_lifts_a_pause(engine):
    remember(engine, "one")
    backfill(engine)
    toy(engine).dead = True
    by_meaning(engine, "one")
    toy(engine).dead = False
    assert by_meaning(engine, "one") == []
    backfill(engine)
    assert by_meaning(engine, "one") == ["one"]


def test_the_bar_counts_records(engine, monkeypatch):
    from memcore_plugins.vectors import commands

    seen = []

    def progress(items, *, total, label):
        seen.append((total, sum(1 for _ in items)))
        return iter(())

    monkeypatch.setattr(commands, "progress", progress)
    remember(engine, *(f"fact {n}" for n in range(10)))
    run(backfill_vectors, engine)
    assert seen == [(10, 10)]


def test_import_and_export_of_the_backend_bring_no_vector_but_a_place_in_the_queue(tmp_path, engine):
    (record,) = remember(engine, "one")
    with open_memory(tmp_path / "second") as other:
        other.remember([record])
        assert left(other) == 1
        assert Capability.TRANSACTIONAL in other.backend.capabilities
        assert [r.id for r in other.scan(Scope())]


def test_the_next_scan_is_due_after_the_days_that_are_set(tmp_path):
    clock = Clock()
    with open_memory(tmp_path, clock=clock, vectors__rescan_days=1) as engine:
        remember(engine, "one")
        engine.maintain(only="vectors")
        (row,) = rows(engine, "vec_models")
        assert row[-1] == clock.now.isoformat()
        clock.move(hours=25)
        engine.maintain(only="vectors")
        assert rows(engine, "vec_models")[0][-1] == clock.now.isoformat()
        assert timedelta(hours=25)
        assert vectors(engine).memcore_status(engine) is None
