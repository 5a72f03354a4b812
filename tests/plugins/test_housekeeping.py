from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from memcore import Draft, Engine, Scope
from memcore.errors import BusyError
from memcore_plugins.housekeeping import HousekeepingSettings
from memcore_plugins.housekeeping.chores import chores
from program import memcore

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
ONLY = {"MEMCORE_PLUGINS": "sqlite,housekeeping"}


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    engines = []

    def opener(**more):
        given = {"plugins": "sqlite,housekeeping", **{f"housekeeping.{key}": value for key, value in more.items()}}
        engines.append(Engine.open(home=tmp_path, environ={}, settings=given, clock=clock))
        return engines[-1]

    yield opener
    for engine in engines:
        engine.close()


def tidied(engine, *, dry_run=False):
    return engine.maintain(only="housekeeping", dry_run=dry_run)["housekeeping"]


def texts(engine, *statuses):
    return {record.content for record in engine.scan(Scope(statuses=statuses))}


def test_a_tidy_memory_is_left_alone(opened):
    report = tidied(opened())
    assert (report.summary, report.counts) == ("tidy", {})


# --- retired records ---


def retired(engine, *contents):
    outcomes = engine.remember([Draft(content=text) for text in contents])
    engine.retire([outcome.record.id for outcome in outcomes], reason="old")


def test_retired_records_are_only_counted_by_default(opened, clock):
    engine = opened()
    retired(engine, "gone")
    clock.now += 91 * DAY
    report = tidied(engine)
    assert report.summary == "1 retired records past 90 days (set housekeeping.delete to remove them)"
    assert report.counts == {"retired": 0}
    assert texts(engine, "retired") == {"gone"}


def test_when_told_to_it_deletes_what_is_past_its_grace_and_nothing_else(opened, clock, tmp_path):
    engine = opened(delete=True, grace=10)
    engine.remember(Draft(content="still true"))
    old = engine.remember(Draft(content="replaced"))[0].record
    engine.supersede([old.id], Draft(content="the successor"))
    retired(engine, "Zwiebelfisch")
    clock.now += 5 * DAY
    retired(engine, "younger")
    clock.now += 5 * DAY
    assert tidied(engine).counts == {}
    clock.now += timedelta(seconds=1)
    assert tidied(engine, dry_run=True).counts == {"retired": 1}
    assert tidied(engine).counts == {"retired": 1}
    assert texts(engine) == {"still true", "replaced", "the successor", "younger"}
    assert b"Zwiebelfisch" not in b"".join(path.read_bytes() for path in tmp_path.glob("memory.db*"))


def test_what_came_back_is_not_deleted(opened, clock):
    engine = opened(delete=True, grace=10)
    retired(engine, "back again")
    engine.remember(Draft(content="back again"))
    clock.now += 400 * DAY
    assert tidied(engine).counts == {}
    assert texts(engine, "active") == {"back again"}


def test_a_backend_that_cannot_delete_says_so(opened, clock):
    engine = opened(delete=True)
    retired(engine, "gone")
    clock.now += 91 * DAY
    engine.backend.capabilities = frozenset(engine.backend.capabilities - {"delete"})
    assert "the backend sqlite cannot delete" in tidied(engine).summary
    assert texts(engine, "retired") == {"gone"}


def test_a_retirement_without_a_date_is_never_past(opened, clock):
    engine = opened(delete=True)
    retired(engine, "gone")
    (record,) = engine.scan(Scope(statuses=("retired",)))
    engine.backend.update(record.id, metadata={"retired_at": "some day"})
    clock.now += 4000 * DAY
    assert tidied(engine).counts == {}


# --- conversation ---


def test_old_turns_leave_recall_only_when_told_to(opened, clock):
    engine = opened()
    engine.remember(Draft(content="a turn", kind="episode", metadata={"session_id": "s", "position": 0}))
    clock.now += 400 * DAY
    assert tidied(engine).counts == {}
    engine = opened(episodes=30)
    assert tidied(engine, dry_run=True).counts == {"episodes": 1}
    assert texts(engine, "active") == {"a turn"}
    assert tidied(engine).counts == {"episodes": 1}
    assert texts(engine, "retired") == {"a turn"}
    assert tidied(engine).counts == {}


# --- orphans and leftovers ---


def test_a_missed_delivery_of_records_that_are_gone_is_removed(opened):
    engine = opened()
    kept = engine.remember(Draft(content="here"))[0].record
    engine.workspace.set_meta("missed:acme:memcore_written:x", json.dumps({"records": ["x"], "confirmed": []}))
    engine.workspace.set_meta("missed:acme:memcore_written:y", json.dumps({"records": ["y", kept.id], "confirmed": []}))
    assert tidied(engine, dry_run=True).counts == {"orphans": 1}
    assert tidied(engine).counts == {"orphans": 1}
    assert [key for key, _ in engine.workspace.list_meta("missed:")] == ["missed:acme:memcore_written:y"]


def test_files_of_broken_runs_are_removed_and_those_of_running_ones_stay(opened, tmp_path):
    engine = opened()
    dead = [tmp_path / ".b.db.memcore-999999999.tmp", tmp_path / "cache" / "plugins.999999999"]
    alive = [
        tmp_path / f".b.db.memcore-{os.getpid()}.tmp",
        tmp_path / "cache" / f"plugins.{os.getpid()}",
        tmp_path / "notes.tmp",
        tmp_path / "cache" / "plugins.json",
    ]
    for path in [*dead, *alive]:
        path.write_text("{}")
    report = tidied(engine, dry_run=True)
    assert set(report.lines) == set(map(str, dead))
    assert all(path.exists() for path in dead)
    assert tidied(engine).counts == {"leftovers": 2}
    assert [path.exists() for path in dead] == [False, False]
    assert all(path.exists() for path in alive)


# --- the file ---


def test_free_pages_are_given_back(opened, tmp_path):
    engine = opened(free_mb=0.5)
    with engine.workspace.transaction() as connection:
        connection.execute("CREATE TABLE ballast(x)")
        connection.executemany("INSERT INTO ballast VALUES(?)", [(b"x" * 4000,) for _ in range(500)])
    with engine.workspace.transaction() as connection:
        connection.execute("DROP TABLE ballast")
    engine.workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (tmp_path / "memory.db").stat().st_size
    assert tidied(engine, dry_run=True).counts["pages"] > 500_000
    assert (tmp_path / "memory.db").stat().st_size == size
    assert "of free pages given back" in tidied(engine).summary
    assert (tmp_path / "memory.db").stat().st_size < size / 2
    assert tidied(engine).counts == {}


def test_a_rewrite_that_is_not_possible_now_is_left_for_later(opened, monkeypatch):
    engine = opened(free_mb=-1.0, free_share=-1.0)

    def busy():
        raise BusyError("the database is locked by another process")

    monkeypatch.setattr(engine.workspace, "scrub", busy)
    monkeypatch.setattr("memcore_plugins.housekeeping.chores.free_pages", lambda workspace: (10**7, 0.5))
    report = tidied(engine)
    assert report.counts["pages"] == 0
    assert "not rewritten: the database is locked" in report.summary


def test_a_large_wal_is_emptied(opened, tmp_path):
    engine = opened(wal_mb=0.1)
    engine.remember([Draft(content=f"fact {number} " * 20) for number in range(300)])
    wal = tmp_path / "memory.db-wal"
    assert wal.stat().st_size > 100_000
    assert tidied(engine, dry_run=True).counts["wal"] == wal.stat().st_size > 0
    assert "of WAL emptied" in tidied(engine).summary
    assert wal.stat().st_size == 0


def test_a_reader_keeps_the_wal(opened, tmp_path):
    engine = opened(wal_mb=0.1)
    with closing(sqlite3.connect(tmp_path / "memory.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchone()
        engine.remember([Draft(content=f"fact {number} " * 20) for number in range(300)])
        done = chores(engine, HousekeepingSettings(wal_mb=0.1), START)
        assert [(chore.name, chore.tidied) for chore in done] == [("wal", 0)]
        assert "in use by a reader" in done[0].line


# --- the command ---


def test_the_command_says_what_it_does(tmp_path):
    assert memcore(tmp_path, "housekeeping", env=ONLY).out == "tidy\n"
    (tmp_path / ".b.db.memcore-999999999.tmp").write_text("")
    dry = memcore(tmp_path, "housekeeping", "--dry-run", env=ONLY).out
    assert dry.splitlines()[0] == "would be: 1 temporary files of broken runs removed"
    done = memcore(tmp_path, "housekeeping", "--json", env=ONLY).json
    assert [(chore["name"], chore["tidied"]) for chore in done["chores"]] == [("leftovers", 1)]
    assert memcore(tmp_path, "housekeeping", env=ONLY).out == "tidy\n"


def test_a_process_of_somebody_else_is_running_too(opened, tmp_path, monkeypatch):
    engine = opened()
    (tmp_path / ".b.db.memcore-12345.tmp").write_text("")

    def refuse(pid, signal):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert tidied(engine).counts == {}
