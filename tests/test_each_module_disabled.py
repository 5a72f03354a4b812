"""Every module can be switched off on its own: its commands go, the others work as before and nobody complains."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from memcore import Draft, Engine, Scope
from memcore.events import Session, Source, Turn
from program import memcore
from whole import own_plugins, small_workspace

NOW = "2026-10-10"
AT = datetime(2026, 10, 10, tzinfo=UTC)
OWNERS = {
    "migrate": "bank_migrate", "search": "prefetch", "remember": "ingest", "maintain": "core", "stats": "stats",
    "warn": "stats", "lint": "lint", "decay": "decay", "ontology-sync": "ontology", "wiki": "wiki",
    "wiki-lint": "wiki_lint", "backfill-vectors": "vectors", "doctor": "core", "export": "core", "forget": "core",
}  # fmt: skip
FINDINGS = ("warn", "lint", "wiki-lint", "doctor")
"""Commands that exit with 1 when they have something to report."""
QUESTION = "Whose boat is named Terne?"
ANSWER = "Sails a 27-foot wooden boat named Terne"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return small_workspace(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Return how every plugin is doing after a full life with nothing disabled."""
    return live(tmp_path_factory.mktemp("usual"))


def live(home, **settings):
    """Use everything an engine offers once and return the status and reason of every plugin."""
    with Engine.open(home=home, environ={}, settings=settings, clock=lambda: AT) as engine:
        engine.remember([Draft(content="The tender sails at noon.", occurred_at=AT)])
        engine.remember(
            engine.extract(Source(text="## Retain\n\n- O(c=0.8) @Ana: Rope beats chain.\n", path="memory/a.md"))
        )
        turns = (Turn(role="user", content="I always ask for numbers first."), Turn(role="assistant", content="Noted."))
        engine.session_end(Session(id="s1", turns=turns))
        engine.prefetch("When does the tender sail?", session_id="s1")
        engine.maintain(dry_run=True)
        engine.maintain()
        engine.check()
        engine.stats()
        engine.prompt_block()
        assert engine.backend.health().ok
        assert engine.missed() == []
        engine.forget(Scope(namespaces=("default",)))
        assert list(engine.scan(Scope(statuses=()))) == []
        return {plugin.name: (plugin.status, plugin.reason) for plugin in engine.catalog.plugins.values()}


def expected(command, disabled):
    if OWNERS[command] in disabled - {"core"}:
        return (2,)
    return (0, 1) if command in FINDINGS else (0,)


def commands(workspace, home):
    yield "migrate", workspace
    yield "remember", "The tender sails at noon on every second Sunday."
    yield "search", "tender noon Sunday"
    yield "ontology-sync", workspace
    yield "wiki", "import", workspace / "wiki"
    yield ("maintain",)
    yield ("maintain",)
    yield ("stats",)
    yield ("warn",)
    yield ("lint",)
    yield ("decay",)
    yield ("wiki-lint",)
    yield ("backfill-vectors",)
    yield ("doctor",)
    yield "export", home / "out.jsonl"


def run_all(home, workspace, disabled, caplog):
    """Run every command on one memory; return the exports before and after everything was forgotten."""
    environ = {"MEMCORE_DISABLE": ",".join(sorted(disabled))}
    home.mkdir(exist_ok=True)
    for command, *rest in commands(workspace, home):
        done = memcore(home, "--now", NOW, command, *rest, env=environ)
        assert done.code in expected(command, disabled), (command, done)
        assert "Traceback" not in done.out + done.err
    kept = (home / "out.jsonl").read_text().splitlines()
    done = memcore(home, "--now", NOW, "forget", "--namespace", "default", "--yes", env=environ)
    assert done.code == 0, done
    done = memcore(home, "--now", NOW, "export", home / "empty.jsonl", env=environ)
    assert done.code == 0, done
    assert not any("failed in" in record.getMessage() for record in caplog.records), caplog.text
    return kept, (home / "empty.jsonl").read_text().splitlines()


@pytest.mark.parametrize("name", [name for name in own_plugins() if name != "sqlite"])
def test_without_the_module_all_other_commands_work(tmp_path, workspace, caplog, name):
    kept, left = run_all(tmp_path / "home", workspace, {name}, caplog)
    texts = [json.loads(line).get("content", "") for line in kept]
    if name not in ("bank_migrate", "ingest"):
        assert any(ANSWER in text for text in texts)
    if name != "ingest":
        assert any("every second Sunday" in text for text in texts)
    assert not any(json.loads(line).get("content") for line in left)


@pytest.mark.parametrize(
    "name", [name for name in own_plugins() if name not in ("bank_migrate", "ingest", "prefetch", "sqlite")]
)
def test_without_the_module_a_migrated_answer_is_found(tmp_path, workspace, name):
    memcore(tmp_path, "--now", NOW, "migrate", workspace, env={"MEMCORE_DISABLE": name})
    done = memcore(tmp_path, "--now", NOW, "search", QUESTION, env={"MEMCORE_DISABLE": name})
    assert done.code == 0
    assert ANSWER in done.out.splitlines()[0]


@pytest.mark.parametrize("name", [name for name in own_plugins() if name != "sqlite"])
def test_no_plugin_suffers_from_the_absence_of_the_module(tmp_path, usual, name):
    found = live(tmp_path, disable=name)
    assert found.pop(name)[0] == ("active" if name == "core" else "disabled")
    assert found == {other: state for other, state in usual.items() if other != name}


def test_nothing_fails_with_all_modules(usual):
    assert {name: reason for name, (status, reason) in usual.items() if "memcore_" in reason} == {}
    assert "broken" not in {status for status, _ in usual.values()}, usual


def test_the_backend_alone_keeps_and_returns_records(tmp_path, workspace, caplog):
    others = set(own_plugins()) - {"sqlite"}
    found = live(tmp_path / "api", plugins="sqlite")
    assert {name for name, (status, _) in found.items() if status == "active"} == {"core", "sqlite"}
    run_all(tmp_path / "program", workspace, others, caplog)


def test_the_backend_alone_finds_what_it_keeps(tmp_path):
    with Engine.open(home=tmp_path, environ={}, settings={"plugins": "sqlite"}, clock=lambda: AT) as engine:
        record = engine.remember([Draft(content="The tender sails at noon.")])[0].record
        assert [hit.record.id for hit in engine.prefetch("tender noon").hits] == [record.id]


@pytest.mark.parametrize("command", sorted(set(OWNERS) - {"doctor"}))
def test_without_its_backend_every_command_says_so(tmp_path, workspace, command):
    arguments = {"migrate": [workspace], "remember": ["a"], "search": ["a"], "ontology-sync": [workspace]}
    arguments |= {"export": [tmp_path / "out"], "forget": ["--namespace", "default"], "wiki": ["list"]}
    done = memcore(tmp_path, command, *arguments.get(command, ()), env={"MEMCORE_DISABLE": "sqlite"})
    assert done.code == 2
    assert "the backend sqlite is disabled" in done.err
    assert "memcore plugins enable sqlite" in done.err
    assert not (tmp_path / "out").exists()


def test_without_its_backend_the_doctor_still_starts(tmp_path):
    done = memcore(tmp_path, "doctor", env={"MEMCORE_DISABLE": "sqlite"})
    assert done.code == 1
    assert "sqlite is disabled" in done.out


def with_tables():
    with_own = {"decay", "decisions", "dialectic", "entities", "ingest", "promotion", "topics"}
    return sorted(with_own & set(own_plugins()))


@pytest.mark.parametrize("name", with_tables())
def test_forgetting_refuses_to_leave_rows_behind_in_a_module_that_is_switched_off(tmp_path, workspace, name):
    assert memcore(tmp_path, "--now", NOW, "migrate", workspace).code == 0
    done = memcore(tmp_path, "forget", "--namespace", "default", "--yes", env={"MEMCORE_DISABLE": name})
    assert done.code == 2
    assert f"memcore plugins enable {name}" in done.err
    with Engine.open(home=tmp_path, environ={}) as engine:
        assert list(engine.scan(Scope())), "nothing was removed"


@pytest.mark.parametrize("name", with_tables())
def test_a_module_that_comes_back_catches_up_with_what_it_missed(tmp_path, workspace, name):
    """Facts are written while the module is off; back on, upkeep runs and everything can be forgotten."""
    memcore(tmp_path, "--now", NOW, "migrate", workspace)
    with Engine.open(home=tmp_path, environ={}, settings={"disable": name}, clock=lambda: AT) as engine:
        engine.remember([Draft(content="O: The new hawser is too short.", kind="opinion", confidence=0.4)])
    found = live(tmp_path)
    assert found[name][0] in ("active", "inactive"), found[name]


@pytest.mark.parametrize("again", [[], ["--incremental"]])
def test_a_migration_without_its_reader_takes_nothing_away(tmp_path, workspace, again):
    """The files still say what they said: that nobody can read them now is no reason to retire it."""
    memcore(tmp_path, "--now", NOW, "migrate", workspace)
    with Engine.open(home=tmp_path, environ={}) as engine:
        before = {record.id for record in engine.scan(Scope())}
    done = memcore(tmp_path, "--now", NOW, "migrate", workspace, *again, env={"MEMCORE_DISABLE": "ingest"})
    with Engine.open(home=tmp_path, environ={}) as engine:
        assert {record.id for record in engine.scan(Scope())} == before
    assert done.code != 0
    assert "ingest" in done.out + done.err


def test_a_first_migration_without_a_reader_does_not_call_the_files_empty(tmp_path, workspace):
    done = memcore(tmp_path, "--now", NOW, "migrate", workspace, env={"MEMCORE_DISABLE": "ingest"})
    assert done.code != 0
    assert "ingest" in done.out + done.err
