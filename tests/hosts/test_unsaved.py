"""Turns the database would not take, and the troubles a check reports."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

from memcore import Engine, Scope
from memcore.records import Session, Turn
from memcore_plugins.hosts import unsaved
from memcore_plugins.hosts.guard import Guard
from memcore_plugins.hosts.provider import MemcoreProvider
from memcore_plugins.hosts.troubles import findings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def session(name, *texts, namespace="default"):
    turns = tuple(Turn(role="user", content=text, speaker="Ada", occurred_at=NOW) for text in texts)
    return Session(id=name, turns=turns, namespace=namespace, agent_id="a1")


def test_what_waits_comes_back_as_it_was_and_once(tmp_path):
    unsaved.put_aside(tmp_path, session("s1", "The kiln fires at noon."))
    unsaved.put_aside(tmp_path, session("s2", "눈이 온다", namespace="other"))
    assert unsaved.waiting(tmp_path) == 2
    assert (tmp_path / "hosts.unsaved.jsonl").stat().st_mode & 0o777 == 0o600
    assert list(unsaved.take(tmp_path)) == [
        session("s1", "The kiln fires at noon."),
        session("s2", "눈이 온다", namespace="other"),
    ]
    assert unsaved.waiting(tmp_path) == 0


def test_what_was_not_taken_to_the_end_waits_on(tmp_path):
    unsaved.put_aside(tmp_path, session("s1", "one two"))
    for _ in unsaved.take(tmp_path):
        break
    unsaved.put_aside(tmp_path, session("s2", "three four"))
    assert [each.id for each in unsaved.take(tmp_path)] == ["s1", "s2"]


def test_torn_and_foreign_lines_are_left_out(tmp_path):
    unsaved.put_aside(tmp_path, session("s1", "one two"))
    with (tmp_path / "hosts.unsaved.jsonl").open("a") as file:
        file.write('[1]\n{"id": "s2"}\n{"id": "s3", "turns": [{"ro')
    assert [each.id for each in unsaved.take(tmp_path)] == ["s1"]


def test_a_locked_database_loses_no_turn(tmp_path):
    opened = Engine.open(home=tmp_path, environ={}, settings={"busy_timeout": 0.05})
    memory = MemcoreProvider(lambda: opened, home=tmp_path, session_id="s1")
    lock = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert memory.keep([Turn(role="user", content="The kiln fires at noon.")]), "it is on the disk"
    assert unsaved.waiting(tmp_path) == 1
    lock.execute("ROLLBACK")
    lock.close()
    assert memory.keep([Turn(role="user", content="ok")])
    kept = sorted(r.content for r in memory.engine().scan(Scope(kinds=("episode",))))
    assert kept == ["user: The kiln fires at noon.", "user: ok"]
    assert unsaved.waiting(tmp_path) == 0
    memory.close()


def test_turns_put_aside_before_the_settings_were_read_get_their_namespace(tmp_path):
    (tmp_path / "memory.db").write_text("this is no database at all")
    memory = MemcoreProvider(lambda: Engine.open(home=tmp_path, environ={}), home=tmp_path, session_id="s1")
    assert memory.keep([Turn(role="user", content="The kiln fires at noon.")])
    (tmp_path / "memory.db").unlink()
    assert memory.keep([Turn(role="user", content="The glaze is celadon.")])
    assert {r.namespace for r in memory.engine().scan(Scope())} == {"default"}
    assert len(list(memory.engine().scan(Scope()))) == 2
    memory.close()


def test_turns_that_cannot_even_wait_are_not_called_kept(tmp_path):
    (tmp_path / "home").write_text("a file where the home should be")
    memory = MemcoreProvider(lambda: Engine.open(home=tmp_path / "home", environ={}), home=tmp_path / "home")
    assert not memory.keep([Turn(role="user", content="The kiln fires at noon.")])


def test_forgetting_a_namespace_forgets_what_waits_for_it(tmp_path):
    unsaved.put_aside(tmp_path, session("s1", "one two", namespace="trial"))
    unsaved.put_aside(tmp_path, session("s2", "three four", namespace="default"))
    with Engine.open(home=tmp_path, environ={}) as engine:
        assert engine.forget(Scope(namespaces=("trial",)))["hosts"] == 1
    assert "one two" not in (tmp_path / "hosts.unsaved.jsonl").read_text()
    assert [each.id for each in unsaved.take(tmp_path)] == ["s2"]


def test_the_troubles_of_a_week_are_findings_with_a_cure(tmp_path):
    guard = Guard(tmp_path, "hermes")
    guard.note("prefetch", "BusyError", "the database is locked")
    guard.note("prefetch", "BusyError", "the database is locked")
    guard.note("prefetch", "Nothing", "nothing relevant")
    guard.run("sync_turn", lambda: 1 / 0, None)
    with (tmp_path / "hosts.log").open("a") as file:
        file.write(json.dumps({"at": "2020-01-01T00:00:00+00:00", "entry": "x", "kind": "OldError"}) + "\n")
        file.write(json.dumps({"at": "never", "entry": "x", "kind": "OddError"}) + "\n[1]\n")
    unsaved.put_aside(tmp_path, session("s1", "one two"))
    now = datetime.now(UTC)
    found = {finding.code: finding for finding in findings(tmp_path, now)}
    assert set(found) == {"hosts.BusyError", "hosts.ZeroDivisionError", "hosts.unsaved"}
    assert "2 times" in found["hosts.BusyError"].message
    assert all(finding.cure for finding in found.values())
    assert list(findings(tmp_path / "nowhere", now)) == []
    assert len(list(findings(tmp_path, now + timedelta(days=9)))) == 1, "only what still waits"


def test_the_check_of_the_engine_reports_them(tmp_path):
    Guard(tmp_path, "hook").note("stop", "CorruptError", "damaged")
    with Engine.open(home=tmp_path, environ={}) as engine:
        assert [finding.code for _, finding in engine.check("hosts")] == ["hosts.CorruptError"]
