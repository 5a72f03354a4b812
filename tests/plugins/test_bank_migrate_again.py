from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_workspace import build_large_workspace
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Scope
from memcore_plugins.bank_migrate.run import Migration, migrate
from memcore_toolkit.text import normal_form
from upkeep_engine import healthy, open_engine

PLUGINS = ("ingest", "bank_migrate", "entities")
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        yield engine
        assert healthy(engine)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "agent"
    (root / "memory").mkdir(parents=True)
    return root


def write(root, name, *lines):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def active(engine):
    return {record.content: record.source for record in engine.scan(Scope())}


def status(engine, content):
    return {record.content: record.status for record in engine.scan(Scope(statuses=()))}.get(content)


LOG = "memory/2026-01-31.md"


# --- running again ---


@pytest.mark.parametrize("incremental", [False, True])
def test_a_second_run_changes_nothing(engine, folder, incremental):
    write(folder, LOG, "- one thing", "- W @Quay: is open")
    first = migrate(engine, folder)
    before = active(engine)
    second = migrate(engine, folder, incremental=incremental)
    assert (second.unchanged, second.changed, second.states, second.retired) == (1, 0, {}, 0)
    assert second.summary == first.summary
    assert active(engine) == before


def test_unchanged_files_are_not_opened_by_an_incremental_run(engine, folder, monkeypatch):
    write(folder, LOG, "- one thing")
    migrate(engine, folder)
    monkeypatch.setattr("memcore_plugins.bank_migrate.run.read", lambda *_, **__: pytest.fail("was read"))
    assert migrate(engine, folder, incremental=True).unchanged == 1


def test_a_touched_file_is_read_once_more_and_then_trusted(engine, folder, monkeypatch):
    file = write(folder, LOG, "- one thing")
    migrate(engine, folder)
    os.utime(file, ns=(1, 1))
    assert migrate(engine, folder, incremental=True).unchanged == 1
    monkeypatch.setattr("memcore_plugins.bank_migrate.run.read", lambda *_, **__: pytest.fail("was read"))
    assert migrate(engine, folder, incremental=True).unchanged == 1


def test_a_full_run_notices_a_change_that_hides_its_time_and_size(engine, folder):
    file = write(folder, LOG, "- one thing")
    migrate(engine, folder)
    times = file.stat()
    write(folder, LOG, "- two thing")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert migrate(engine, folder, incremental=True).changed == 0
    assert migrate(engine, folder).states == {"new": 1}


def test_a_change_adds_only_what_is_new_and_retires_only_what_is_gone(engine, folder):
    write(folder, LOG, "- one thing", "- two things", "- three things")
    migrate(engine, folder)
    write(folder, LOG, "- zero things", "- one thing", "- three things")
    result = migrate(engine, folder, incremental=True)
    assert (result.states, result.retired) == ({"new": 1}, 1)
    assert active(engine) == {"zero things": f"{LOG}#L1", "one thing": f"{LOG}#L2", "three things": f"{LOG}#L3"}
    assert status(engine, "two things") == "retired"


def test_what_comes_back_is_revived(engine, folder):
    write(folder, LOG, "- one thing", "- two things")
    migrate(engine, folder)
    write(folder, LOG, "- one thing")
    migrate(engine, folder)
    write(folder, LOG, "- one thing", "- two things")
    assert migrate(engine, folder).states == {"revived": 1}
    assert status(engine, "two things") == "active"


def test_a_changed_confidence_reaches_the_record(engine, folder):
    write(folder, "bank/opinions.md", "- Fog is good", "  - Confidence: 0.8", "  - Last reinforced: 2026-01-02")
    migrate(engine, folder)
    write(folder, "bank/opinions.md", "- Fog is good", "  - Confidence: 0.6", "  - Last reinforced: 2026-01-09")
    assert migrate(engine, folder).states == {"existing": 1}
    (record,) = engine.scan(Scope())
    assert (record.confidence, record.metadata["last_reinforced"]) == (0.6, "2026-01-09")


def test_a_file_that_goes_takes_with_it_what_no_other_file_says(engine, folder):
    write(folder, LOG, "- W @Quay: is open", "- only here")
    write(folder, "memory/2026-02-01.md", "- W @Quay: is open")
    migrate(engine, folder)
    (folder / LOG).unlink()
    result = migrate(engine, folder, incremental=True)
    assert (result.removed, result.retired) == (1, 1)
    assert active(engine) == {"@Quay: is open": "memory/2026-02-01.md#L1"}


def test_a_fact_that_moves_to_another_file_stays(engine, folder):
    write(folder, LOG, "- one thing", "- W @Quay: is open")
    write(folder, "memory/2026-02-01.md", "- two things")
    migrate(engine, folder)
    write(folder, LOG, "- one thing")
    write(folder, "memory/2026-02-01.md", "- two things", "- W @Quay: is open")
    result = migrate(engine, folder, incremental=True)
    assert result.retired == 0
    assert active(engine)["@Quay: is open"] == "memory/2026-02-01.md#L2"


@pytest.mark.parametrize("first", ["file", "person"])
def test_what_somebody_else_said_too_is_never_retired(engine, folder, first):
    said = Draft(content="@Quay: is open", kind="world")
    if first == "person":
        engine.remember(said)
    write(folder, LOG, "- W @Quay: is open")
    migrate(engine, folder)
    if first == "file":
        engine.remember(said)
    (folder / LOG).unlink()
    assert migrate(engine, folder).retired == 0
    assert status(engine, "@Quay: is open") == "active"


def test_a_file_that_cannot_be_read_now_keeps_its_records(engine, folder):
    write(folder, LOG, "- one thing")
    migrate(engine, folder)
    (folder / LOG).unlink()
    (folder / LOG).symlink_to(folder / "nowhere.md")
    result = migrate(engine, folder)
    assert (result.removed, result.retired, status(engine, "one thing")) == (0, 0, "active")


def test_what_a_person_retired_does_not_come_back_with_the_next_change(engine, folder):
    write(folder, LOG, "- one thing")
    migrate(engine, folder)
    engine.retire([record.id for record in engine.scan(Scope())], reason="wrong")
    write(folder, LOG, "- one thing", "- two things")
    assert migrate(engine, folder).states == {"new": 1}
    assert status(engine, "one thing") == "retired"


def test_another_reader_reads_unchanged_files_again(tmp_path, folder):
    from memcore import hookimpl

    class Reader:
        @hookimpl
        def memcore_extract(self, source):
            return [Draft(content=f"seen {source.path}", source=f"{source.path}#L1")]

    write(folder, LOG, "- one thing")
    with open_engine(tmp_path / "home", *PLUGINS) as engine:
        migrate(engine, folder)
        engine.register(Reader(), name="reader")
        assert migrate(engine, folder, incremental=True).states == {"new": 1}


def test_a_folder_that_was_moved_does_not_hold_on_to_old_facts(engine, folder, tmp_path):
    write(folder, LOG, "- one thing", "- two things")
    migrate(engine, folder)
    moved = tmp_path / "moved"
    folder.rename(moved)
    migrate(engine, moved)
    write(moved, LOG, "- one thing")
    assert migrate(engine, moved).retired == 1
    assert list(active(engine)) == ["one thing"]


def test_namespaces_migrate_apart(tmp_path, folder):
    write(folder, LOG, "- one thing")
    for name in ("a", "b"):
        with open_engine(tmp_path / "home", *PLUGINS, namespace=name) as engine:
            assert migrate(engine, folder).states == {"new": 1}
    write(folder, LOG)
    with open_engine(tmp_path / "home", *PLUGINS, namespace="a") as engine:
        migrate(engine, folder)
        assert [record.namespace for record in engine.scan(Scope())] == ["b"]


def test_a_forgotten_record_stays_away_until_its_file_changes_and_a_namespace_starts_again(engine, folder):
    write(folder, LOG, "- one thing")
    migrate(engine, folder)
    engine.forget(Scope(source=LOG, statuses=()))
    assert migrate(engine, folder).states == {}
    engine.forget(Scope(namespaces=("default",), statuses=()))
    assert migrate(engine, folder).states == {"new": 1}


# --- killed and continued ---

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from memcore import hookimpl
from memcore_plugins.bank_migrate.run import migrate
from upkeep_engine import open_engine

home, folder, at, where = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]

class Killer:
    calls = 0

    @hookimpl
    def memcore_written(self, engine, event):
        Killer.calls += 1
        if where == "inside" and Killer.calls == at:
            os.kill(os.getpid(), signal.SIGKILL)

def files(found):
    for number, each in enumerate(found):
        if where == "between" and number == at * 7:
            os.kill(os.getpid(), signal.SIGKILL)
        yield each

with open_engine(home, "ingest", "bank_migrate", "entities", bank_migrate__batch=150) as engine:
    engine.register(Killer(), name="killer")
    migrate(engine, folder, progress=files)
"""


def everything(home):
    """Return what a home holds that a migration made."""
    with open_engine(home, *PLUGINS) as engine:
        records = {
            (r.id, r.content, r.source, r.status, json.dumps(dict(r.metadata), sort_keys=True))
            for r in engine.scan(Scope(statuses=()))
        }
        rows = engine.workspace.connection()
        said = set(
            rows.execute("SELECT path, record_id, line, gone FROM migrated_records JOIN migrated_files ON file=id")
        )
        files = set(rows.execute("SELECT path, size, digest, reason FROM migrated_files"))
        entities = set(rows.execute("SELECT key, mentions, updated_at FROM entities"))
        assert engine.backend.index.gaps() == (0, 0)
        return records, said, files, entities


@pytest.mark.parametrize(("where", "at"), [("between", 1), ("between", 3), ("inside", 1), ("inside", 4)])
def test_a_killed_run_is_continued_to_the_same_state(tmp_path, folder, where, at):
    build_large_workspace(folder, 30)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    arguments = [sys.executable, "-c", KILLED, str(SUPPORT), str(killed), str(folder), str(at), where]
    done = subprocess.run(arguments, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    before, *_ = everything(killed)
    with open_engine(killed, *PLUGINS, bank_migrate__batch=150) as engine:
        result = migrate(engine, folder, incremental=True)
        assert result.errors == []
    with open_engine(whole, *PLUGINS) as engine:
        migrate(engine, folder)
    assert everything(killed) == everything(whole)
    assert len(before) < len(everything(whole)[0])


def test_a_run_killed_before_it_retires_is_continued_by_the_next(engine, folder):
    write(folder, LOG, "- one thing", "- two things")
    migrate(engine, folder)
    write(folder, LOG, "- one thing")
    run = Migration(engine, folder, incremental=True, dry_run=False)
    for found in run.snapshot.files:
        run.take(found)
    run.flush()
    assert status(engine, "two things") == "active"
    assert migrate(engine, folder, incremental=True).retired == 1
    assert status(engine, "two things") == "retired"


# --- properties ---

LINES = st.sampled_from(
    [
        "- W @Quay: the gate is open",
        "- W @Quay: the gate is **open**",
        "- W @Quay: the gate is open (2026-01-02)",
        "- W @Quay: the gate is closed",
        "- O(c=0.8) @Ana: 潮汐很高",
        "- a plain thing",
        "- another plain thing",
        "## Retain",
        "- S[quay]: busy",
        "```",
        "",
    ]
)
NAMES = ["memory/2026-01-01.md", "memory/2026-01-02.md", "bank/world.md", "bank/entities/quay.md", "MEMORY.md"]
WORKSPACES = st.dictionaries(st.sampled_from(NAMES), st.lists(LINES, max_size=6), max_size=4)


def build(root, files):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name, lines in files.items():
        write(root, name, *lines)


def meaning(engine):
    """Return what is kept, whichever of several copies became the record."""
    return {(record.kind, record.namespace, normal_form(record.content)) for record in engine.scan(Scope())}


@settings(deadline=None, max_examples=25)
@given(WORKSPACES, WORKSPACES, WORKSPACES)
def test_any_way_to_a_workspace_ends_like_the_straight_one(tmp_path_factory, first, second, last):
    base = tmp_path_factory.mktemp("any")
    root = base / "agent"
    with open_engine(base / "steps", *PLUGINS) as engine:
        for number, files in enumerate((first, second, last)):
            build(root, files)
            migrate(engine, root, incremental=bool(number))
        stepwise = meaning(engine)
        sources = {record.source for record in engine.scan(Scope())}
        places = {f"{name}#L{line}" for name, lines in last.items() for line in range(1, len(lines) + 1)}
        assert sources <= places
    with open_engine(base / "straight", *PLUGINS) as engine:
        migrate(engine, root)
        assert meaning(engine) == stepwise
        migrate(engine, root)
        assert meaning(engine) == stepwise


@settings(deadline=None, max_examples=20)
@given(files=WORKSPACES, data=st.data())
def test_the_order_of_files_does_not_matter(tmp_path_factory, files, data):
    base = tmp_path_factory.mktemp("order")
    build(base / "agent", files)
    ends = []
    for number in range(2):
        with open_engine(base / str(number), *PLUGINS, bank_migrate__batch=data.draw(st.integers(1, 9))) as engine:
            run = Migration(engine, base / "agent", incremental=False, dry_run=False)
            for found in data.draw(st.permutations(run.snapshot.files)):
                run.take(found)
            run.finish()
            ends.append(meaning(engine))
    assert ends[0] == ends[1]
