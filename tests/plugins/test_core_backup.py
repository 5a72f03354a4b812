from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from memcore import Draft, Engine, Scope
from memcore.errors import CorruptError, WorkspaceError
from memcore.workspace import Workspace
from memcore_plugins.core import backup as module
from memcore_plugins.core import files
from program import memcore

ONLY = {"MEMCORE_PLUGINS": "sqlite,decay"}
SETTINGS = {"plugins": "sqlite,decay"}


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    with Engine.open(home=folder, environ={}, settings=SETTINGS) as engine:
        engine.remember([Draft(content=f"fact {number}") for number in range(50)])
    return folder


def texts(database):
    with Engine.open(home=database.parent, environ={}, settings={**SETTINGS, "db": str(database)}) as engine:
        return {record.content for record in engine.scan(Scope())}


def test_a_backup_holds_everything_in_one_private_file(home, tmp_path):
    target = tmp_path / "copy.db"
    done = memcore(home, "backup", target, env=ONLY)
    assert done.code == 0
    assert "checked; holds all of memory" in done.out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "home"]
    assert texts(target) == {f"fact {number}" for number in range(50)}


def test_others_may_write_meanwhile(home, tmp_path):
    stop, problems = threading.Event(), []

    def write():
        with Engine.open(home=home, environ={}, settings=SETTINGS) as engine:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    engine.remember([Draft(content=f"pair {number} {half}") for half in ("a", "b")])
                except Exception as error:
                    problems.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            assert memcore(home, "backup", tmp_path / f"copy{number}.db", env=ONLY).code == 0
    finally:
        stop.set()
        writer.join()
    assert problems == []
    for number in range(3):
        found = {text for text in texts(tmp_path / f"copy{number}.db") if text.startswith("pair")}
        assert {text[:-1] + "b" for text in found} == {text for text in found if text.endswith("b")}


def test_nothing_is_replaced_without_force(home, tmp_path):
    target = tmp_path / "copy.db"
    target.write_text("precious")
    done = memcore(home, "backup", target, env=ONLY)
    assert done.code == 1
    assert "add --force" in done.err
    assert target.read_text() == "precious"
    assert memcore(home, "backup", target, "--force", env=ONLY).code == 0
    assert len(texts(target)) == 50


@pytest.mark.parametrize("name", ["memory.db", "memory.db-wal", "memory.db-shm"])
def test_the_database_itself_is_never_the_target(home, name):
    done = memcore(home, "backup", home / name, "--force", env=ONLY)
    assert done.code == 1
    assert "is the database itself" in done.err
    assert len(texts(home / "memory.db")) == 50


def test_a_link_to_the_database_is_no_target_either(home, tmp_path):
    (tmp_path / "link.db").symlink_to(home / "memory.db")
    assert memcore(home, "backup", tmp_path / "link.db", "--force", env=ONLY).code == 1


def test_impossible_targets_are_explained(home, tmp_path):
    assert "is a folder" in memcore(home, "backup", tmp_path, env=ONLY).err
    assert "there is no folder" in memcore(home, "backup", tmp_path / "no" / "x.db", env=ONLY).err


def test_without_a_database_there_is_nothing_to_copy(tmp_path):
    done = memcore(tmp_path, "backup", tmp_path / "copy.db", env=ONLY)
    assert done.code == 2
    assert "there is no database" in done.err
    assert not (tmp_path / "memory.db").exists()


def test_a_dry_run_writes_nothing(home, tmp_path):
    done = memcore(home, "backup", tmp_path / "copy.db", "--dry-run", "--json", env=ONLY).json
    assert done["written"] is False
    assert not (tmp_path / "copy.db").exists()


def test_a_damaged_database_gives_no_backup(home, tmp_path):
    database = home / "memory.db"
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 8)
    target = tmp_path / "copy.db"
    target.write_text("the last good one")
    done = memcore(home, "backup", target, "--force", env=ONLY)
    assert done.code == 2
    assert "try:" in done.err
    assert target.read_text() == "the last good one"
    assert not list(tmp_path.glob(".copy*"))


def test_a_remote_backend_says_which_side_is_covered(home, tmp_path, monkeypatch):
    from memcore import BackendSpec

    remote = BackendSpec(name="hall", summary="", open=lambda context: None)
    monkeypatch.setattr("memcore_plugins.core.listing.chosen_backend", lambda catalog, name: remote)
    out = memcore(home, "backup", tmp_path / "copy.db", env=ONLY).out
    assert "the records are on the side of the backend hall: back them up there" in out


CHILD = """
import os, signal, sys
from pathlib import Path
from memcore.workspace import Workspace
from memcore_plugins.core import backup, files

files.publish = lambda path, target: os.kill(os.getpid(), signal.SIGKILL)
backup.copy_database(Workspace(Path(sys.argv[1]), read_only=True), Path(sys.argv[2]))
"""


def test_a_backup_that_was_killed_leaves_no_half_file_and_the_next_one_sweeps(home, tmp_path):
    target = tmp_path / "copy.db"
    done = subprocess.run([sys.executable, "-c", CHILD, str(home / "memory.db"), str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(list(tmp_path.glob(".copy.db.memcore-*.tmp"))) == 1
    assert memcore(home, "backup", tmp_path / "other.db", env=ONLY).code == 0
    assert not list(tmp_path.glob(".*.tmp*"))


def test_the_temporary_file_of_a_running_process_is_left_alone(tmp_path):
    mine = tmp_path / f".x.db.memcore-{os.getpid()}.tmp"
    mine.write_text("")
    theirs = tmp_path / ".x.db.memcore-1.tmp"  # always running, and not ours
    theirs.write_text("")
    (tmp_path / ".x.db.memcore-x.tmp").write_text("")
    assert files.sweep(tmp_path) == []


def test_a_full_disk_leaves_no_temporary_file(home, tmp_path, monkeypatch):
    def full(path, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "publish", full)
    workspace = Workspace(home / "memory.db", read_only=True)
    with pytest.raises(OSError, match="No space left"):
        module.copy_database(workspace, tmp_path / "copy.db")
    workspace.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_a_process_of_somebody_else_is_running_too(tmp_path, monkeypatch):
    def refuse(pid, signal):
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / ".x.db.memcore-12345.tmp").write_text("")
    monkeypatch.setattr(os, "kill", refuse)
    assert files.sweep(tmp_path) == []


def test_a_folder_that_takes_no_file_is_explained(tmp_path, monkeypatch):
    def refuse(*given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WorkspaceError, match="cannot write to"), files.temporary_beside(tmp_path / "x.db"):
        pass


def test_a_copy_that_does_not_pass_its_check_is_thrown_away(home, tmp_path, monkeypatch):
    class Doubtful(sqlite3.Connection):
        def execute(self, sql, *given):
            return super().execute("SELECT 'row 3 missing'" if "quick_check" in sql else sql, *given)

    real = sqlite3.connect
    monkeypatch.setattr(module.sqlite3, "connect", lambda path, **named: real(path, factory=Doubtful, **named))
    workspace = Workspace(home / "memory.db", read_only=True)
    with pytest.raises(CorruptError, match="row 3 missing"):
        module.copy_database(workspace, tmp_path / "copy.db")
    workspace.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_an_unknown_backend_does_not_keep_from_copying(home, tmp_path):
    done = memcore(home, "--backend", "nowhere", "backup", tmp_path / "copy.db", env=ONLY)
    assert done.code == 0
    assert "the backend cannot be asked where its records are" in done.out
