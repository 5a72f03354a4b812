"""A dead, slow, hanging or wrong embedder costs its strategy, once, and everything else works."""

from __future__ import annotations

import threading

import pytest
from memcore import Query, Scope
from upkeep_engine import START, Clock
from vector_memory import by_meaning, embedded, left, open_memory, remember, toy, vectors

PREFETCH = {"prefetch": "memcore_plugins.prefetch:Plugin"}
TEXT = "the replica runs in Lisbon"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(tmp_path, clock):
    with open_memory(tmp_path, clock=clock, more=PREFETCH) as found:
        remember(found, TEXT, "we bought a red bicycle")
        found.maintain(only="vectors")
        yield found


def status(engine):
    plugin = engine.catalog.plugins["vectors"]
    return plugin.status, plugin.reason


def asked(engine):
    return len(toy(engine).asked)


def test_a_dead_embedder_costs_its_strategy_only_and_is_named_in_the_notes(engine):
    toy(engine).dead = True
    recall = engine.prefetch("where does the replica run")
    assert [hit.record.content for hit in recall.hits] == [TEXT]
    assert "vectors is degraded: the toy is broken: a test said so" in recall.notes


def test_a_dead_embedder_is_left_alone_then_tried_again_after_a_growing_while(engine, clock):
    toy(engine).dead = True
    assert by_meaning(engine, "replica") == []
    once = asked(engine)
    for _ in range(5):
        assert by_meaning(engine, "replica") == []
    assert asked(engine) == once
    clock.move(seconds=31)
    by_meaning(engine, "replica")
    assert asked(engine) == once + 1
    clock.move(seconds=31)
    by_meaning(engine, "replica")
    assert asked(engine) == once + 1  # the second pause is twice as long
    clock.move(seconds=31)
    toy(engine).dead = False
    assert by_meaning(engine, "replica")[0] == TEXT
    assert status(engine) == ("active", "")
    assert vectors(engine).memcore_status(engine) is None


def test_a_pause_never_grows_past_ten_minutes(engine, clock):
    toy(engine).dead = True
    for _ in range(12):
        before = asked(engine)
        by_meaning(engine, "replica")
        assert asked(engine) == before + 1
        clock.move(seconds=601)


def test_other_processes_leave_a_dead_embedder_alone_too(tmp_path, engine):
    toy(engine).dead = True
    by_meaning(engine, "replica")
    with open_memory(tmp_path, more=PREFETCH) as other:
        reason, _ = vectors(other).memcore_status(other)
        assert reason.startswith("the toy is broken: a test said so; it is left alone until")
        recall = other.prefetch("where does the replica run")
        assert recall.hits
        assert "vectors is degraded: the toy is broken: a test said so" in recall.notes
        assert (toy(other).opened, asked(other)) == (0, 0)


def test_a_corrected_setting_is_tried_at_once(tmp_path, engine):
    toy(engine).dead = True
    by_meaning(engine, "replica")
    with open_memory(tmp_path, embedder_toy__delay=0.0001) as other:
        assert by_meaning(other, "replica")[0] == TEXT


def test_a_memory_open_for_reading_only_remembers_the_pause_itself(tmp_path, engine):
    engine.close()
    with open_memory(tmp_path, read_only=True) as reading:
        toy(reading).dead = True
        by_meaning(reading, "replica")
        once = asked(reading)
        by_meaning(reading, "replica")
        assert asked(reading) == once == 1


def test_a_clock_that_was_set_back_does_not_hold_the_pause_for_long(engine, clock):
    clock.now = START.replace(year=2030)
    toy(engine).dead = True
    by_meaning(engine, "replica")
    clock.now, toy(engine).dead = START, False
    assert by_meaning(engine, "replica")[0] == TEXT


def test_an_embedder_that_hangs_is_cut_off_and_then_not_waited_for(tmp_path, clock):
    with open_memory(tmp_path, clock=clock, more=PREFETCH, search_timeout=0.3) as engine:
        remember(engine, TEXT)
        engine.maintain(only="vectors")
        toy(engine).hang = released = threading.Event()
        try:
            recall = engine.prefetch("where does the replica run")
            assert recall.hits
            assert "vectors was too slow and is left out" in recall.notes
            engine.prefetch("where does the replica run")  # may begin just before the first is counted as hanging
            waiting = asked(engine)
            for _ in range(3):
                recall = engine.prefetch("where does the replica run")
                assert "vectors was too slow and is left out" not in recall.notes
                assert any("has not answered" in note for note in recall.notes)
            assert asked(engine) == waiting
        finally:
            released.set()


def test_an_embedder_slower_than_a_search_may_be_is_left_alone(tmp_path):
    with open_memory(tmp_path, search_timeout=0.05) as engine:
        remember(engine, TEXT)
        engine.maintain(only="vectors")
    with open_memory(tmp_path, search_timeout=0.05, embedder_toy__delay=0.2) as engine:
        by_meaning(engine, "replica")
        assert status(engine)[0] == "degraded"
        assert "of 0.05 s" in status(engine)[1]
        by_meaning(engine, "replica")
        assert asked(engine) == 1


def test_loading_a_model_for_long_is_no_failure_and_other_searches_do_without_it(tmp_path, monkeypatch):
    with open_memory(tmp_path) as engine:
        remember(engine, TEXT)
        engine.maintain(only="vectors")
    loading, go_on = threading.Event(), threading.Event()

    from toy_embedder import ToyEmbedder

    real = ToyEmbedder.__init__

    def slow(self, *given):
        loading.set()
        go_on.wait()
        real(self, *given)

    monkeypatch.setattr(ToyEmbedder, "__init__", slow)
    with open_memory(tmp_path, search_timeout=0.05) as engine:
        first = threading.Thread(target=lambda: by_meaning(engine, "replica"))
        first.start()
        loading.wait()
        assert by_meaning(engine, "replica") == []
        go_on.set()
        first.join()
        assert status(engine) == ("active", "")
        assert by_meaning(engine, "replica")[0] == TEXT


@pytest.mark.parametrize("fault", ["opening", "count", "zero", "mixed"])
def test_whatever_an_embedder_does_wrong_costs_its_strategy_only(engine, monkeypatch, fault):
    from toy_embedder import ToyEmbedder

    wrong = {
        "opening": None,
        "count": lambda *_, **__: [],
        "zero": lambda *_, **__: [[0.0] * 256],
        "mixed": lambda *_, **__: [[1.0], [1.0, 2.0]],
    }[fault]
    if wrong:
        monkeypatch.setattr(ToyEmbedder, "embed", wrong)
    else:
        vectors(engine).chosen.close()
        monkeypatch.setattr(ToyEmbedder, "__init__", lambda *_: 1 / 0)
    recall = engine.prefetch("where does the replica run")
    assert [hit.record.content for hit in recall.hits] == [TEXT]
    assert status(engine)[0] == "degraded"
    assert TEXT not in status(engine)[1]


def test_an_answer_of_another_dimension_is_compared_with_nothing(engine, monkeypatch):
    from toy_embedder import ToyEmbedder

    monkeypatch.setattr(ToyEmbedder, "embed", lambda *_, **__: [[1.0] * 32])
    assert by_meaning(engine, "replica") == []


def test_upkeep_with_a_dead_embedder_loses_nothing_and_says_why(engine):
    remember(engine, "the cat sleeps")
    toy(engine).dead = True
    report = engine.maintain(only="vectors")["vectors"]
    assert report.summary == "0 records embedded, 1 wait; the toy is broken: a test said so"
    assert left(engine) == 1
    toy(engine).dead = False
    assert engine.maintain(only="vectors")["vectors"].counts["embedded"] == 1
    assert status(engine) == ("active", "")


def test_a_dead_embedder_is_not_even_asked_when_a_session_ends_during_its_pause(engine):
    from memcore.records import Session

    remember(engine, "the cat sleeps")
    toy(engine).dead = True
    by_meaning(engine, "cat")
    before = asked(engine)
    engine.session_end(Session(id="s", turns=()))
    assert asked(engine) == before
    assert left(engine) == 1


def test_an_embedder_that_dies_in_the_middle_gives_its_batch_back_in_its_place(tmp_path):
    with open_memory(tmp_path, vectors__batch=2) as engine:
        remember(engine, *(f"fact number {n}" for n in range(6)))
        asked_of = toy(engine)
        from memcore_plugins.vectors import VectorsSettings
        from memcore_plugins.vectors.backfill import run

        steps = run(engine, vectors(engine).chosen.get(engine), engine.settings("vectors", VectorsSettings))
        assert next(steps).embedded == 2
        asked_of.dead = True
        with pytest.raises(Exception, match="the toy is broken"):
            next(steps)
        assert left(engine) == 4
        assert len(embedded(engine)) == 2
        tries = engine.workspace.connection().execute("SELECT DISTINCT tries FROM vec_curated_pending").fetchall()
        assert tries == [(0,)]


def test_a_failing_plugin_changes_no_other_answer(engine):
    toy(engine).dead = True
    query = Query(text="red bicycle", scope=Scope(), limit=5, now=engine.now())
    assert [hit.record.content for hit in engine.search(query)][:1] == ["we bought a red bicycle"]


def test_an_engine_that_closes_waits_for_a_question_in_flight_but_not_for_ever(tmp_path):
    with open_memory(tmp_path, search_timeout=0.3) as engine:
        remember(engine, TEXT)
        engine.maintain(only="vectors")
        toy(engine).hang = released = threading.Event()
        before, found = asked(engine), []
        thread = threading.Thread(target=lambda: found.append(by_meaning(engine, "replica")), daemon=True)
        thread.start()
        while asked(engine) == before:
            thread.join(0.01)
    assert thread.is_alive()
    released.set()
    thread.join()
    assert found == [[]]  # it touched the closed memory no more, which would crash the process


@pytest.mark.parametrize("dead", [False, True])
def test_engines_that_close_in_the_middle_of_searches_crash_nothing(tmp_path, dead):
    with open_memory(tmp_path) as engine:
        remember(engine, *(f"fact number {n}" for n in range(50)))
        engine.maintain(only="vectors")
    for _ in range(15):
        _search_while_closing(tmp_path, dead)


def _search_while_closing(home, dead):
    engine = open_memory(home, search_timeout=0.05, vectors__pause=0, embedder_toy__delay=0.001)
    toy(engine).dead = dead
    threads = [threading.Thread(target=lambda: by_meaning(engine, "fact 7")) for _ in range(4)]
    for thread in threads:
        thread.start()
    engine.close()
    for thread in threads:
        thread.join()
