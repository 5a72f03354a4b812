from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from memcore.contracts import Migration
from memcore.errors import BusyError, CorruptError, NewerSchemaError, PluginError, WorkspaceError
from memcore.workspace import Workspace, explain


@pytest.fixture
def workspace(tmp_path):
    space = Workspace(tmp_path / "deep" / "memory.db")
    yield space
    space.close()


def test_the_file_is_private_and_in_wal_mode(workspace):
    assert workspace.path.stat().st_mode & 0o777 == 0o600
    assert workspace.path.parent.stat().st_mode & 0o777 == 0o700
    assert workspace.connection().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    for name in (workspace.path.name + "-wal", workspace.path.name + "-shm"):
        assert (workspace.path.parent / name).stat().st_mode & 0o077 == 0


def test_meta_keeps_lists_and_removes_texts(workspace):
    workspace.set_meta("a:1", "x")
    workspace.set_meta("a:2", "y")
    workspace.set_meta("b", "z")
    assert workspace.get_meta("a:1") == "x"
    assert workspace.list_meta("a:") == [("a:1", "x"), ("a:2", "y")]
    workspace.set_meta("a:1", None)
    assert workspace.get_meta("a:1") is None


def test_a_failed_transaction_changes_nothing(workspace):
    with pytest.raises(ZeroDivisionError), workspace.transaction():
        workspace.set_meta("k", "v")
        _ = 1 / 0
    assert workspace.get_meta("k") is None


def test_an_inner_failure_undoes_the_inner_part_only(workspace):
    with workspace.transaction():
        workspace.set_meta("outer", "kept")
        with pytest.raises(ZeroDivisionError), workspace.transaction():
            workspace.set_meta("inner", "lost")
            _ = 1 / 0
    assert workspace.get_meta("outer") == "kept"
    assert workspace.get_meta("inner") is None


def test_each_thread_has_its_own_connection_and_close_closes_all(workspace):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(workspace.connection()))
    thread.start()
    thread.join()
    assert seen[0] is not workspace.connection()
    assert workspace.connection() is workspace.connection()
    workspace.close()
    workspace.close()
    with pytest.raises(sqlite3.ProgrammingError):
        seen[0].execute("SELECT 1")
    with pytest.raises(WorkspaceError, match="closed"):
        workspace.connection()


def test_every_connection_is_prepared(tmp_path):
    space = Workspace(tmp_path / "m.db", prepare=lambda connection: connection.create_function("seven", 0, lambda: 7))
    assert space.connection().execute("SELECT seven()").fetchone()[0] == 7
    space.close()


def test_a_connection_that_cannot_be_prepared_is_closed_again(tmp_path):
    def fail(connection):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Workspace(tmp_path / "m.db", prepare=fail)


def test_a_locked_file_is_explained_and_later_usable(tmp_path):
    space = Workspace(tmp_path / "m.db", busy_timeout=0.05)
    other = sqlite3.connect(space.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError) as caught:
        space.set_meta("k", "v")
    assert "locked" in caught.value.what
    assert caught.value.cure
    other.execute("ROLLBACK")
    other.close()
    space.set_meta("k", "v")
    space.close()


def test_a_file_that_is_not_sqlite_is_left_alone(tmp_path):
    path = tmp_path / "m.db"
    path.write_text("dear diary, this is not a database\n")
    with pytest.raises(CorruptError, match="not a memcore database"):
        Workspace(path)
    assert path.read_text().startswith("dear diary")


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "m.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs(x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(CorruptError, match="another program"):
        Workspace(path)
    assert path.read_bytes()[100:] == before[100:], "nothing but the header's journal mode may differ"


def test_a_newer_schema_is_refused_and_unchanged(workspace):
    workspace.connection().execute("PRAGMA user_version=99")
    workspace.close()
    with pytest.raises(NewerSchemaError, match="schema 99") as caught:
        Workspace(workspace.path)
    assert "upgrade" in caught.value.cure


def test_a_damaged_file_is_explained(workspace):
    workspace.connection().execute("CREATE TABLE t(x)")
    workspace.connection().executemany("INSERT INTO t VALUES(?)", [("word " * 500,)] * 50)
    workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    workspace.close()
    data = bytearray(workspace.path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    workspace.path.write_bytes(bytes(data))
    with pytest.raises(CorruptError, match="damaged"):
        Workspace(workspace.path).get_meta("x")


@pytest.mark.parametrize("kind", ["folder", "missing parent is a file"])
def test_a_path_that_cannot_be_a_database_is_explained(tmp_path, kind):
    path = tmp_path / "m.db"
    if kind == "folder":
        path.mkdir()
    else:
        (tmp_path / "file").write_text("x")
        path = tmp_path / "file" / "m.db"
    with pytest.raises(WorkspaceError, match="cannot open"):
        Workspace(path)


def test_reading_only_reads_and_refuses_to_write(workspace):
    workspace.set_meta("k", "v")
    reader = Workspace(workspace.path, read_only=True)
    assert reader.get_meta("k") == "v"
    with pytest.raises(WorkspaceError, match="reading only"), reader.transaction():
        pass
    reader.close()


def test_reading_only_needs_a_file(tmp_path):
    with pytest.raises(WorkspaceError, match="cannot open"):
        Workspace(tmp_path / "none.db", read_only=True)
    assert not (tmp_path / "none.db").exists()


def test_reading_only_works_where_the_wal_index_cannot_be_made(workspace, monkeypatch):
    workspace.set_meta("k", "v")
    workspace.close()
    real = sqlite3.connect

    class Refusing(sqlite3.Connection):
        def execute(self, sql, *rest):
            if "sqlite_master" in sql:
                raise sqlite3.OperationalError("unable to open database file")
            return super().execute(sql, *rest)

    def connect(name, **options):
        return real(name, **options) if "immutable" in name else real(name, factory=Refusing, **options)

    monkeypatch.setattr("memcore.workspace.sqlite3.connect", connect)
    reader = Workspace(workspace.path, read_only=True)
    assert reader.get_meta("k") == "v"
    reader.close()


def test_an_unreadable_database_is_not_mistaken_for_a_read_only_folder(workspace, monkeypatch):
    real = sqlite3.connect

    class Failing(sqlite3.Connection):
        def execute(self, sql, *rest):
            if "sqlite_master" in sql:
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *rest)

    monkeypatch.setattr("memcore.workspace.sqlite3.connect", lambda name, **o: real(name, factory=Failing, **o))
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Workspace(workspace.path, read_only=True).connection()


def test_migrations_run_once_in_order(workspace):
    steps = [Migration.sql(2, "ALTER TABLE own ADD COLUMN y"), Migration.sql(1, "CREATE TABLE own(x)")]
    workspace.migrate("p", steps, ["own"])
    workspace.migrate("p", steps, ["own"])
    workspace.connection().execute("SELECT x, y FROM own")


def test_a_migration_may_not_touch_tables_it_did_not_declare(workspace):
    with pytest.raises(PluginError, match="does not own"):
        workspace.migrate("p", [Migration.sql(1, "CREATE TABLE own(x)", "CREATE TABLE other(x)")], ["own"])
    assert workspace.tables() == {"meta"}


def test_shadow_tables_belong_to_their_virtual_table(workspace):
    workspace.migrate("p", [Migration.sql(1, "CREATE VIRTUAL TABLE own USING fts5(x)")], ["own"])
    assert "own_data" in workspace.tables()


def test_a_newer_ledger_of_a_plugin_is_refused(workspace):
    workspace.migrate(
        "p", [Migration.sql(1, "CREATE TABLE own(x)"), Migration.sql(2, "CREATE TABLE own_b(x)")], ["own"]
    )
    with pytest.raises(NewerSchemaError, match="p were written by a newer version"):
        workspace.migrate("p", [Migration.sql(1, "CREATE TABLE own(x)")], ["own"])


def test_a_failing_migration_leaves_nothing_behind(workspace):
    with pytest.raises(sqlite3.OperationalError):
        workspace.migrate("p", [Migration.sql(1, "CREATE TABLE own(x)", "NOT SQL")], ["own"])
    assert workspace.tables() == {"meta"}


def test_scrubbing_takes_deleted_text_off_the_disk(workspace):
    workspace.set_meta("k", "quokkasecret " * 400)
    workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = [workspace.path, Path(f"{workspace.path}-wal")]
    assert any(b"quokkasecret" in file.read_bytes() for file in files), "positive control"
    workspace.set_meta("k", None)
    workspace.scrub()
    assert not any(b"quokkasecret" in file.read_bytes() for file in files)


def test_scrubbing_beside_a_reader_says_that_text_may_remain(tmp_path):
    space = Workspace(tmp_path / "m.db", busy_timeout=0.05)
    space.set_meta("k", "v")
    reader = sqlite3.connect(space.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM meta").fetchall()
    with pytest.raises(BusyError, match="WAL"):
        space.scrub()
    reader.close()
    space.close()


def test_a_full_disk_rolls_back_and_is_explained(workspace):
    workspace.connection().execute("CREATE TABLE t(x)")
    pages = workspace.connection().execute("PRAGMA page_count").fetchone()[0]
    workspace.connection().execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(WorkspaceError, match="cannot be used") as caught, workspace.transaction() as connection:
        connection.executemany("INSERT INTO t VALUES(?)", [("word " * 900,)] * 20)
    assert "full" in caught.value.why
    assert workspace.connection().execute("SELECT count(*) FROM t").fetchone()[0] == 0


def test_an_error_of_our_own_making_is_not_dressed_up():
    error = sqlite3.OperationalError("no such column: x")
    assert explain(error, "m.db") is error


WRITER = """
import sys
from pathlib import Path
from memcore.workspace import Workspace
space = Workspace(Path(sys.argv[1]), busy_timeout=20)
for number in range(50):
    with space.transaction() as connection:
        count = int(space.get_meta("count") or 0)
        space.set_meta("count", str(count + 1))
space.close()
"""


def test_two_processes_that_read_and_write_lose_nothing(workspace):
    command = [sys.executable, "-c", WRITER, str(workspace.path)]
    writers = [subprocess.Popen(command, env=os.environ.copy()) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert workspace.get_meta("count") == "150"


def test_a_thread_that_ends_gives_its_connection_back(workspace):
    seen = []

    def work():
        seen.append(workspace.connection())
        workspace.release()
        workspace.release()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with pytest.raises(sqlite3.ProgrammingError):
        seen[0].execute("SELECT 1")
    workspace.set_meta("k", "v")


def test_closing_leaves_the_connection_of_a_running_thread_alone(workspace):
    opened, closed, seen = threading.Event(), threading.Event(), []

    def work():
        connection = workspace.connection()
        opened.set()
        closed.wait(30)
        seen.append(connection.execute("SELECT 1").fetchone()[0])

    thread = threading.Thread(target=work)
    thread.start()
    opened.wait(30)
    workspace.close()
    closed.set()
    thread.join()
    assert seen == [1]
