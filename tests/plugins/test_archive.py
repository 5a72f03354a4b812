from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memcore import Draft, Engine, Scope
from memcore.errors import InvalidInputError, RefusedError, WorkspaceError
from memcore_plugins.archive import runs
from memcore_plugins.archive.dailies import day_of, old_dailies
from memcore_plugins.archive.manifest import load
from program import memcore

NOW = datetime(2026, 10, 10, 12, tzinfo=UTC)


def opened(home, **more):
    given = {"plugins": "sqlite,archive", **more}
    return Engine.open(home=home / "home", environ={}, settings=given, clock=lambda: NOW)


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "agent"
    (folder / "memory").mkdir(parents=True)
    for name in ("2026-01-20.md", "2026-02-09-keys.md", "2026-09-11.md", "2026-10-10.md", "oncall-2026-01-02.md"):
        (folder / "memory" / name).write_text(f"# {name}\n")
    return folder


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.md"))}


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2026-01-31.md", date(2026, 1, 31)),
        ("2026-01-31-webhook-keys.md", date(2026, 1, 31)),
        ("2026-01-31-2215.md", date(2026, 1, 31)),
        ("2026_01_31.md", date(2026, 1, 31)),
        ("2026-01-31_走査.md", date(2026, 1, 31)),
        ("oncall-2026-01-31.md", None),
        ("2026-02-31.md", None),
        ("2026-01-31.txt", None),
        ("2026-01-3100.md", None),
        ("MEMORY.md", None),
    ],
)
def test_a_daily_log_starts_with_its_day(name, day):
    assert day_of(name) == day


def test_old_daily_logs_move_and_everything_else_stays(tmp_path, workspace):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        result = runs.archive(engine, workspace, NOW, 30)
    after = contents(workspace)
    moved = {"memory/2026-01-20.md", "memory/2026-02-09-keys.md"}
    assert {each.path for each in result.files} == moved
    assert set(before) - set(after) == moved
    assert sorted(before.values()) == sorted(after.values())
    assert after["memory/archived/2026-01-20.md"] == before["memory/2026-01-20.md"]


def test_a_second_run_moves_nothing(tmp_path, workspace):
    with opened(tmp_path) as engine:
        runs.archive(engine, workspace, NOW, 30)
        after = contents(workspace)
        again = runs.archive(engine, workspace, NOW, 30)
    assert (again.files, again.manifest, contents(workspace)) == ((), "", after)


def test_a_dry_run_says_the_same_and_moves_nothing(tmp_path, workspace):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        planned = runs.archive(engine, workspace, NOW, 30, dry_run=True)
        assert contents(workspace) == before
        assert not (workspace / "memory" / "archived").exists()
        assert runs.archive(engine, workspace, NOW, 30).files == planned.files


def test_todays_file_stays_even_with_no_age(tmp_path, workspace):
    (workspace / "memory" / "2027-01-01.md").write_text("from a clock that ran ahead")
    found, _ = old_dailies(workspace, NOW.date(), 0)
    assert {each.path for each in found} == {
        "memory/2026-01-20.md",
        "memory/2026-02-09-keys.md",
        "memory/2026-09-11.md",
    }


def test_a_name_that_is_taken_is_never_overwritten(tmp_path, workspace):
    taken = workspace / "memory" / "archived" / "2026-01-20.md"
    taken.parent.mkdir()
    taken.write_text("another file")
    with opened(tmp_path) as engine:
        result = runs.archive(engine, workspace, NOW, 30)
    assert [each.path for each in result.skipped] == ["memory/2026-01-20.md"]
    assert taken.read_text() == "another file"
    assert (workspace / "memory" / "2026-01-20.md").read_text() == "# 2026-01-20.md\n"


def test_a_link_is_not_followed(tmp_path, workspace):
    outside = tmp_path / "outside.md"
    outside.write_text("mine")
    (workspace / "memory" / "2026-01-01.md").symlink_to(outside)
    with opened(tmp_path) as engine:
        result = runs.archive(engine, workspace, NOW, 30)
    assert "memory/2026-01-01.md" in {each.path for each in result.skipped}
    assert (workspace / "memory" / "2026-01-01.md").is_symlink()


def test_a_linked_memory_folder_is_refused(tmp_path, workspace):
    (workspace / "memory").rename(tmp_path / "elsewhere")
    (workspace / "memory").symlink_to(tmp_path / "elsewhere")
    with opened(tmp_path) as engine, pytest.raises(InvalidInputError, match="links are not followed"):
        runs.archive(engine, workspace, NOW, 30)


def test_the_wrong_folder_is_explained(tmp_path, workspace):
    with opened(tmp_path) as engine:
        with pytest.raises(InvalidInputError, match=f"did you mean {workspace}"):
            runs.archive(engine, workspace / "memory", NOW, 30)
        with pytest.raises(InvalidInputError, match="not a folder"):
            runs.archive(engine, tmp_path / "nowhere", NOW, 30)
        with pytest.raises(InvalidInputError, match="0 or more days"):
            runs.archive(engine, workspace, NOW, -1)


# --- records follow ---


def sources(engine):
    return {record.content: record.source for record in engine.scan(Scope(statuses=()))}


def test_records_follow_their_file_there_and_back(tmp_path, workspace):
    with opened(tmp_path) as engine:
        engine.remember(
            [
                Draft(content="the pump is blue", source="memory/2026-01-20.md#L3"),
                Draft(content="the whole page", source="memory/2026-01-20.md"),
                Draft(content="recent", source="memory/2026-09-11.md#L1"),
                Draft(content="elsewhere", source="memory/2026-01-20.md#L3", namespace="other"),
            ]
        )
        engine.retire(
            [engine.scan(Scope(source="memory/2026-01-20.md#L3", namespaces=("default",))).__next__().id], reason="x"
        )
        before = sources(engine)
        result = runs.archive(engine, workspace, NOW, 30)
        assert result.records == 2
        assert sources(engine) == {
            "the pump is blue": "memory/archived/2026-01-20.md#L3",
            "the whole page": "memory/archived/2026-01-20.md",
            "recent": "memory/2026-09-11.md#L1",
            "elsewhere": "memory/2026-01-20.md#L3",
        }
        runs.undo(engine, workspace, workspace / result.manifest)
        assert sources(engine) == before


def test_undo_restores_every_file(tmp_path, workspace):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
        planned = runs.undo(engine, workspace, manifest, dry_run=True)
        assert load(manifest).state == "moved"
        undone = runs.undo(engine, workspace, manifest)
        assert contents(workspace) == before
        assert [each.path for each in planned.files] == [each.path for each in undone.files]
        assert runs.undo(engine, workspace, manifest).files == ()
    assert load(manifest).state == "undone"


def test_undo_refuses_to_overwrite_and_moves_nothing(tmp_path, workspace):
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
        (workspace / "memory" / "2026-02-09-keys.md").write_text("a new file of that name")
        after = contents(workspace)
        with pytest.raises(RefusedError, match="2026-02-09-keys"):
            runs.undo(engine, workspace, manifest)
    assert contents(workspace) == after


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"format": "memcore-archive", "version": 2}',
        json.dumps(
            {
                "format": "memcore-archive",
                "version": 1,
                "state": "moved",
                "namespace": "default",
                "created_at": "",
                "moves": [{"from": "memory/../../x.md", "to": "memory/archived/../../x.md"}],
            }
        ),
        json.dumps(
            {
                "format": "memcore-archive",
                "version": 1,
                "state": "moved",
                "namespace": "default",
                "created_at": "",
                "moves": [{"from": "/etc/passwd", "to": "memory/archived/passwd"}],
            }
        ),
    ],
)
def test_a_manifest_that_is_none_moves_nothing(tmp_path, workspace, text):
    path = workspace / "memory" / "archived" / "manifest-20260101T000000Z.json"
    path.parent.mkdir()
    path.write_text(text)
    before = contents(workspace)
    with opened(tmp_path) as engine, pytest.raises(InvalidInputError, match="not a manifest"):
        runs.undo(engine, workspace, path)
    assert contents(workspace) == before


def test_a_manifest_of_another_workspace_is_refused(tmp_path, workspace):
    other = tmp_path / "other"
    (other / "memory").mkdir(parents=True)
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
        with pytest.raises(InvalidInputError, match="does not belong"):
            runs.undo(engine, other, manifest)


# --- a kill at any point ---

CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from memcore import Engine
from memcore_plugins.archive import runs

home, workspace, mode, fatal, manifest = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
calls = 0


def counted(function):
    def wrapper(*given, **named):
        global calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return wrapper


now = datetime(2026, 10, 10, 12, tzinfo=UTC)
engine = Engine.open(home=home, environ={}, settings={"plugins": "sqlite,archive"}, clock=lambda: now)
os.link, os.unlink, os.replace, os.fsync = counted(os.link), counted(os.unlink), counted(os.replace), counted(os.fsync)
engine.backend.update = counted(engine.backend.update)
if mode == "archive":
    runs.archive(engine, workspace, now, 30)
else:
    runs.undo(engine, workspace, Path(manifest))
engine.close()
"""


def run_child(tmp_path, workspace, mode, fatal, manifest=""):
    command = [sys.executable, "-c", CHILD, str(tmp_path / "home"), str(workspace), mode, str(fatal), str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("fatal", range(1, 13, 2))
def test_a_run_that_was_killed_is_finished_by_the_next_one(tmp_path, workspace, fatal):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        engine.remember(Draft(content="the pump is blue", source="memory/2026-01-20.md#L3"))
    assert run_child(tmp_path, workspace, "archive", fatal)
    assert set(contents(workspace).values()) == set(before.values())
    with opened(tmp_path) as engine:
        runs.archive(engine, workspace, NOW, 30)
        assert sources(engine) == {"the pump is blue": "memory/archived/2026-01-20.md#L3"}
        assert sorted(contents(workspace).values()) == sorted(before.values())
        assert not (workspace / "memory" / "2026-01-20.md").exists()
        assert runs.archive(engine, workspace, NOW, 30).finished == ()


@pytest.mark.parametrize("fatal", range(1, 13, 3))
def test_an_undo_that_was_killed_is_finished_by_the_next_run(tmp_path, workspace, fatal):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        engine.remember(Draft(content="the pump is blue", source="memory/2026-01-20.md#L3"))
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
    run_child(tmp_path, workspace, "undo", fatal, manifest)
    assert set(contents(workspace).values()) == set(before.values())
    with opened(tmp_path) as engine:
        runs.undo(engine, workspace, manifest)
        assert contents(workspace) == before
        assert sources(engine) == {"the pump is blue": "memory/2026-01-20.md#L3"}


def test_a_file_that_vanished_meanwhile_is_named(tmp_path, workspace):
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
        (workspace / "memory" / "archived" / "2026-01-20.md").unlink()
        assert runs.undo(engine, workspace, manifest).gone == ("2026-01-20.md",)


# --- any history ---

days = st.lists(st.integers(0, 120), unique=True, max_size=8)
steps = st.lists(st.tuples(st.sampled_from(["archive", "undo"]), st.integers(0, 100), st.integers(0, 60)), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=days, history=steps)
def test_no_history_loses_or_changes_a_file(tmp_path_factory, ages, history):
    base = tmp_path_factory.mktemp("history")
    workspace = base / "agent"
    (workspace / "memory").mkdir(parents=True)
    for age in ages:
        name = f"{NOW.date() - timedelta(days=age)}.md"
        (workspace / "memory" / name).write_text(f"{age} days old")
    texts = sorted(contents(workspace).values())
    with opened(base) as engine:
        manifests = []
        for word, older_than, later in history:
            if word == "archive":
                result = runs.archive(engine, workspace, NOW + timedelta(days=later), older_than)
                manifests += [workspace / result.manifest] if result.manifest else []
            elif manifests:
                runs.undo(engine, workspace, manifests[-1])
            assert sorted(contents(workspace).values()) == texts
        for manifest in reversed(manifests):
            runs.undo(engine, workspace, manifest)
    assert {path.parent.name for path in workspace.rglob("*.md")} <= {"memory"}


# --- upkeep ---


def test_upkeep_moves_nothing_unless_a_workspace_is_named(tmp_path, workspace):
    before = contents(workspace)
    with opened(tmp_path) as engine:
        assert "archive" not in engine.maintain()
    assert contents(workspace) == before


def test_upkeep_archives_the_workspace_that_is_named(tmp_path, workspace):
    with opened(tmp_path, **{"archive.workspace": str(workspace), "archive.older_than": 10}) as engine:
        assert "3 files would move" in engine.maintain(dry_run=True)["archive"].summary
        report = engine.maintain()["archive"]
    assert report.counts == {"files": 3, "records": 0}
    assert not (workspace / "memory" / "2026-09-11.md").exists()


def test_a_backend_that_cannot_update_says_what_stays_behind(tmp_path, workspace):
    with opened(tmp_path) as engine:
        engine.remember(Draft(content="the pump is blue", source="memory/2026-01-20.md#L3"))
        engine.backend.capabilities = frozenset(engine.backend.capabilities - {"update"})
        result = runs.archive(engine, workspace, NOW, 30)
        assert (result.records, result.behind) == (0, 1)
        assert sources(engine) == {"the pump is blue": "memory/2026-01-20.md#L3"}


def test_a_file_system_without_links_moves_files_too(tmp_path, workspace, monkeypatch):
    def refuse(*given, **named):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    before = contents(workspace)
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
        assert not (workspace / "memory" / "2026-01-20.md").exists()
        runs.undo(engine, workspace, manifest)
    assert contents(workspace) == before


def test_the_manifest_is_private_and_durable_before_the_first_move(tmp_path, workspace, monkeypatch):
    seen = []
    real = os.link

    def watch(start, end, **named):
        seen.append([load(path).state for path in Path(end).parent.glob("manifest-*.json")])
        real(start, end, **named)

    monkeypatch.setattr(os, "link", watch)
    with opened(tmp_path) as engine:
        manifest = workspace / runs.archive(engine, workspace, NOW, 30).manifest
    assert seen == [["moving"], ["moving"]]
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert load(manifest).state == "moved"


def test_a_failure_in_the_middle_says_how_to_go_on(tmp_path, workspace, monkeypatch):
    real, calls = os.link, []

    def fail_once(start, end, **named):
        calls.append(start)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(start, end, **named)

    monkeypatch.setattr(os, "link", fail_once)
    with opened(tmp_path) as engine:
        with pytest.raises(WorkspaceError, match="it goes on where it stopped"):
            runs.archive(engine, workspace, NOW, 30)
        result = runs.archive(engine, workspace, NOW, 30)
    assert len(result.finished) == 1
    assert not (workspace / "memory" / "2026-02-09-keys.md").exists()


def test_a_file_that_appears_in_the_way_is_not_overwritten(tmp_path, workspace, monkeypatch):
    real = os.link

    def race(start, end, **named):
        Path(end).write_text("written by somebody else just now")
        real(start, end, **named)

    monkeypatch.setattr(os, "link", race)
    with opened(tmp_path) as engine:
        with pytest.raises(WorkspaceError, match="cannot move"):
            runs.archive(engine, workspace, NOW, 30)
        assert (workspace / "memory" / "2026-01-20.md").read_text() == "# 2026-01-20.md\n"
        with pytest.raises(RefusedError, match="would be overwritten"):
            runs.archive(engine, workspace, NOW, 30)
    assert (workspace / "memory" / "archived" / "2026-01-20.md").read_text() == "written by somebody else just now"


def test_two_manifests_of_one_second_have_two_names(tmp_path, workspace):
    with opened(tmp_path) as engine:
        first = runs.archive(engine, workspace, NOW, 100).manifest
        (workspace / "memory" / "2026-03-03.md").write_text("late")
        second = runs.archive(engine, workspace, NOW, 100).manifest
    assert first != second
    assert second.endswith("-1.json")


# --- the command ---

ONLY = {"MEMCORE_PLUGINS": "sqlite,archive"}


def test_the_command_moves_and_says_how_to_undo(tmp_path, workspace):
    home, before = tmp_path / "home", contents(workspace)
    dry = memcore(home, "archive", workspace, "--dry-run", env=ONLY)
    assert "memory/2026-01-20.md -> memory/archived/2026-01-20.md" in dry.out
    assert "would move" in dry.out
    done = memcore(home, "archive", workspace, env=ONLY)
    assert done.code == 0
    undo = done.out.splitlines()[-1]
    assert undo.startswith(f"undo: memcore archive {workspace} --undo ")
    assert contents(workspace) != before
    assert memcore(home, "archive", workspace, "--undo", undo.rpartition(" ")[2], env=ONLY).code == 0
    assert contents(workspace) == before


def test_the_command_speaks_json_and_knows_the_age(tmp_path, workspace):
    done = memcore(tmp_path / "home", "archive", workspace, "--older-than", "100000", "--json", env=ONLY).json
    assert done["result"]["files"] == []
    done = memcore(tmp_path / "home", "archive", workspace, "--older-than", "0", "--json", env=ONLY).json
    assert "memory/2026-01-20.md" in [each["path"] for each in done["result"]["files"]]
    assert done["result"]["manifest"].startswith("memory/archived/manifest-")


def test_the_command_warns_of_what_stays_behind(tmp_path, workspace, monkeypatch):
    taken = workspace / "memory" / "archived" / "2026-01-20.md"
    taken.parent.mkdir()
    taken.write_text("another file")
    done = memcore(tmp_path / "home", "archive", workspace, env=ONLY)
    assert "memory/2026-01-20.md stays: memory/archived/2026-01-20.md exists" in done.err
    monkeypatch.setattr(runs, "archive", lambda *given, **named: runs.Result(gone=("x.md",), behind=2))
    done = memcore(tmp_path / "home", "archive", workspace, env=ONLY)
    assert "x.md is neither in memory/ nor in memory/archived/ any more" in done.err
    assert "2 records keep their old source" in done.err


def test_the_command_explains_a_wrong_folder(tmp_path):
    done = memcore(tmp_path / "home", "archive", tmp_path / "nowhere", env=ONLY)
    assert done.code == 2
    assert "name the folder that holds memory/" in done.err
