from __future__ import annotations

import pytest
from memcore import Draft, Engine, Scope
from memcore_plugins.core import forget as module
from program import memcore

ONLY = {"MEMCORE_PLUGINS": "sqlite,decay"}
SETTINGS = {"plugins": "sqlite,decay"}
SECRET = "Zwiebelfisch"


@pytest.fixture
def home(tmp_path):
    with Engine.open(home=tmp_path, environ={}, settings=SETTINGS) as engine:
        engine.remember(
            [
                Draft(content=f"The password was {SECRET}", namespace="trial", source="memory/2026-01-20.md#L3"),
                Draft(content=f"{SECRET} again", namespace="trial", kind="opinion", confidence=0.9),
                Draft(content="The pump is blue", source="memory/2026-01-20.md#L9"),
            ]
        )
    return tmp_path


def kept(home):
    with Engine.open(home=home, environ={}, settings=SETTINGS) as engine:
        return {record.content for record in engine.scan(Scope(statuses=()))}


def bytes_of(home):
    return b"".join(path.read_bytes() for path in home.glob("memory.db*"))


def test_a_namespace_is_removed_from_every_byte(home):
    assert SECRET.encode() in bytes_of(home)
    done = memcore(home, "forget", "--namespace", "trial", "--yes", env=ONLY)
    assert done.code == 0
    assert "2 records match: 1 fact, 1 opinion" in done.out
    assert "removed: 2 of records, 1 of decay" in done.out
    assert kept(home) == {"The pump is blue"}
    assert SECRET.encode() not in bytes_of(home)


def test_a_source_is_removed_from_every_line(home):
    memcore(home, "forget", "--source", "memory/2026-01-20.md", "--yes", env=ONLY)
    assert kept(home) == {f"{SECRET} again"}


def test_a_record_is_removed_by_its_id(home):
    with Engine.open(home=home, environ={}, settings=SETTINGS) as engine:
        key = next(iter(engine.scan(Scope(namespaces=("default",))))).id
    memcore(home, "forget", "--record", key, "--yes", env=ONLY)
    assert len(kept(home)) == 2


def test_options_narrow_each_other(home):
    done = memcore(home, "forget", "--namespace", "trial", "--source", "memory/2026-01-20.md", "--yes", env=ONLY)
    assert "1 records match" in done.out
    assert kept(home) == {f"{SECRET} again", "The pump is blue"}


def test_retired_records_are_forgotten_too(home):
    with Engine.open(home=home, environ={}, settings=SETTINGS) as engine:
        engine.retire([record.id for record in engine.scan(Scope())], reason="old")
    memcore(home, "forget", "--namespace", "trial", "--yes", env=ONLY)
    assert kept(home) == {"The pump is blue"}


def test_it_shows_first_and_a_dry_run_stops_there(home):
    done = memcore(home, "forget", "--namespace", "trial", "--dry-run", env=ONLY)
    assert done.code == 0
    assert f"The password was {SECRET}" in done.out
    assert len(kept(home)) == 3


def test_json_tells_both_sides(home):
    done = memcore(home, "forget", "--namespace", "trial", "--yes", "--json", env=ONLY).json
    assert [record["namespace"] for record in done["found"]] == ["trial", "trial"]
    assert done["removed"]["records"] == 2
    dry = memcore(home, "forget", "--namespace", "default", "--dry-run", "--json", env=ONLY).json
    assert (len(dry["found"]), dry["removed"]) == (1, {})


def test_without_a_terminal_it_needs_yes(home):
    done = memcore(home, "forget", "--namespace", "trial", env=ONLY)
    assert done.code == 2
    assert "add --yes" in done.err
    assert len(kept(home)) == 3


@pytest.mark.parametrize(("answer", "left", "code"), [("y\n", 1, 0), ("n\n", 3, 1), ("\n", 3, 1)])
def test_on_a_terminal_it_asks(home, monkeypatch, answer, left, code):
    monkeypatch.setattr(module, "_on_terminal", lambda: True)
    done = memcore(home, "forget", "--namespace", "trial", stdin=answer, env=ONLY)
    assert done.code == code
    assert "Remove these 2 records for good?" in done.err
    assert len(kept(home)) == left


def test_everything_is_never_meant(home):
    done = memcore(home, "forget", "--yes", env=ONLY)
    assert done.code == 2
    assert "name what to forget" in done.err
    assert len(kept(home)) == 3


def test_a_mistyped_namespace_does_not_look_like_success(home):
    done = memcore(home, "forget", "--namespace", "trail", "--yes", env=ONLY)
    assert "no record in trail; there are: default, trial" in done.err
    assert len(kept(home)) == 3


def test_a_plugin_that_is_switched_off_keeps_everything_in_place(home):
    done = memcore(home, "forget", "--namespace", "trial", "--yes", env={"MEMCORE_PLUGINS": "sqlite"})
    assert done.code == 2
    assert "memcore plugins enable decay" in done.err
    assert len(kept(home)) == 3


def test_many_records_are_counted_and_not_all_printed(home):
    with Engine.open(home=home, environ={}, settings=SETTINGS) as engine:
        engine.remember([Draft(content=f"note {number}", namespace="many") for number in range(30)])
    out = memcore(home, "forget", "--namespace", "many", "--dry-run", env=ONLY).out
    assert "... and 10 more" in out
    assert "30 records match: 30 fact" in out
