"""`on_write`: records get their vectors in the background, and no failure costs a record its place in the queue."""

from __future__ import annotations

import threading

import pytest
from memcore import Draft
from memcore_plugins.vectors import upkeep
from vector_memory import by_meaning, embedded, left, open_memory, remember, toy, vectors


def settle(engine):
    """Wait until the thread has nothing to do: it is stopped as at the end of the engine."""
    vectors(engine)._soon.stop()


@pytest.fixture
def done(monkeypatch):
    """Return an event that is set once nothing waits any more."""
    found = threading.Event()
    real = upkeep.embed_waiting

    def watched(plugin, engine, **given):
        report = real(plugin, engine, **given)
        if embedded(engine) and not left(engine):
            found.set()
        return report

    monkeypatch.setattr(upkeep, "embed_waiting", watched)
    return found


def test_a_written_record_is_embedded_in_the_background(tmp_path, done):
    with open_memory(tmp_path, vectors__on_write=True) as engine:
        (record,) = remember(engine, "the replica runs in Lisbon")
        assert done.wait(20)
        assert embedded(engine) == {record.id}
        assert by_meaning(engine, "replica") == ["the replica runs in Lisbon"]


def test_a_write_longer_than_the_patience_for_locks_is_embedded_when_it_ends(tmp_path, done):
    with open_memory(tmp_path, vectors__on_write=True, busy_timeout=0.01) as engine:
        with engine.writing():
            remember(engine, "one")
            assert not done.wait(0.2)
        assert done.wait(20)


def test_the_write_does_not_wait_for_the_embedder_and_keeps_no_lock_meanwhile(tmp_path):
    with open_memory(tmp_path, vectors__on_write=True) as engine:
        toy(engine).hang = released = threading.Event()
        remember(engine, "one")
        with open_memory(tmp_path, busy_timeout=0.2, without=("embedder-toy",), embedder="") as other:
            remember(other, "two")  # would fail with a BusyError
        assert left(engine) == 2
        released.set()


def test_a_dead_embedder_costs_no_write_and_no_place_in_the_queue(tmp_path):
    with open_memory(tmp_path, vectors__on_write=True) as engine:
        toy(engine).dead = True
        (outcome,) = engine.remember([Draft(content="one")])
        assert outcome.state == "new"
        settle(engine)
    with open_memory(tmp_path) as engine:
        assert left(engine) == 1
        assert engine.workspace.list_meta("missed:") == []
        engine.maintain(only="vectors")
        assert left(engine) == 0


def test_what_a_rolled_back_write_noted_is_not_embedded(tmp_path):
    with open_memory(tmp_path, vectors__on_write=True) as engine:
        try:
            with engine.writing():
                remember(engine, "one")
                raise KeyError
        except KeyError:
            assert left(engine) == 0
        settle(engine)
        assert embedded(engine) == set()


def test_an_engine_closes_while_records_wait(tmp_path):
    with open_memory(tmp_path, vectors__on_write=True, embedder_toy__delay=0.01, vectors__batch=1) as engine:
        remember(engine, *(f"fact {n}" for n in range(500)))
    with open_memory(tmp_path) as engine:
        assert left(engine) + len(embedded(engine)) == 500
        assert left(engine) > 0


def test_the_thread_outlives_a_failure_and_logs_its_kind_only(caplog):
    from memcore_plugins.vectors.soon import Soon

    tried, again = [], threading.Event()

    def work(_):
        tried.append(1)
        if len(tried) == 1:
            soon.wake()
            raise ValueError("private text")
        again.set()

    soon = Soon(work)
    soon.wake()
    assert again.wait(20)
    soon.stop()
    assert "ValueError" in caplog.text
    assert "private text" not in caplog.text
