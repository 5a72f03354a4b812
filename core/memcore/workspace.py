"""The workspace: one SQLite file with WAL, per-thread connections, short write transactions and a schema ledger."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcore.errors import BusyError, CorruptError, NewerSchemaError, PluginError, WorkspaceError

if TYPE_CHECKING:
    from memcore.contracts import Migration

__all__ = ["SCHEMA", "Workspace", "explain"]

SCHEMA = 1
APPLICATION_ID = 0x6D656D63  # "memc", so that other programs' files are never taken for ours

CAUSES: tuple[tuple[tuple[str, ...], type[WorkspaceError], str, str], ...] = (
    (("locked", "busy"), BusyError, "is locked by another process", "try again, or stop the other process"),
    (("malformed", "not a database"), CorruptError, "is damaged", "restore a backup, or try: sqlite3 FILE .recover"),
    (("full", "readonly", "disk I/O", "unable to open"), WorkspaceError, "cannot be used",
     "free disk space or check its permissions; nothing was half-written"),
)  # fmt: skip


def explain(error: sqlite3.Error, path: Path | str) -> Exception:
    """Return the memcore error that explains an error of SQLite, or the error itself if it is a bug of ours."""
    for words, kind, what, cure in CAUSES:
        if any(word in str(error) for word in words):
            return kind(f"the database {path} {what}", why=str(error), cure=cure)
    return error


class Workspace:
    """Own the connections to one database file. Each thread has its own; all of them are closed by `close`.

    Writes happen inside `transaction()`: the outermost takes the write lock at once (a deferred one fails with
    `database is locked` despite the timeout as soon as two writers read first), inner ones are savepoints.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        busy_timeout: float = 5.0,
        prepare: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        self.path, self.read_only = Path(path), read_only
        self._busy_timeout, self._prepare = busy_timeout, prepare
        self._local, self._lock = threading.local(), threading.Lock()
        self._connections: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self.closed = False
        self._check_file()
        if read_only:
            self._check_schema(self.connection())
        else:
            with self.transaction() as connection:
                self._initialise(connection)

    def _check_file(self) -> None:
        try:
            if not self.read_only:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            with self.path.open("rb") as file:
                head = file.read(16)
        except OSError as error:
            why, cure = error.strerror or str(error), "check the path and its permissions, or name another with --db"
            raise WorkspaceError(f"cannot open the database {self.path}", why=why, cure=cure) from error
        if head and head != b"SQLite format 3\0":
            why, cure = "its first bytes are not those of an SQLite file", "name another file with --db"
            raise CorruptError(f"{self.path} is not a memcore database", why=why, cure=cure)

    def _check_schema(self, connection: sqlite3.Connection) -> int:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if owner != APPLICATION_ID and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            what, why = f"{self.path} belongs to another program", "it holds foreign tables"
            raise CorruptError(what, why=why, cure="name another file with --db")
        if version > SCHEMA:
            what = f"{self.path} was written by a newer memcore (schema {version}, this program knows {SCHEMA})"
            raise NewerSchemaError(what, cure="upgrade memcore-engine; nothing was changed")
        return version

    def _initialise(self, connection: sqlite3.Connection) -> None:
        if self._check_schema(connection) < SCHEMA:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA}")

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, opening it on first use."""
        if not hasattr(self._local, "connection"):
            if self.closed:
                raise WorkspaceError(f"the workspace {self.path} is closed", cure="open a new engine")
            with self.errors():
                self._local.connection = self._open()
        found: sqlite3.Connection = self._local.connection
        return found

    def _open(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={'ro' if self.read_only else 'rw'}"
        connection: sqlite3.Connection
        options: dict[str, Any] = {"uri": True, "isolation_level": None, "check_same_thread": False, "timeout": 0.0}
        connection = sqlite3.connect(uri, **options)
        try:
            connection.execute(f"PRAGMA busy_timeout={int(self._busy_timeout * 1000)}")
            try:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            except sqlite3.OperationalError as error:
                if not self.read_only or "unable to open" not in str(error):
                    raise
                connection.close()  # a read-only folder has no room for the WAL index: read the file as it stands
                connection = sqlite3.connect(uri + "&immutable=1", **options)
            if not self.read_only:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA foreign_keys=ON")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._connections.append((threading.current_thread(), connection))
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block atomically: BEGIN IMMEDIATE outside, a savepoint inside another transaction."""
        connection = self.connection()
        begin, commit, undo = ("SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner; RELEASE inner")
        if not connection.in_transaction:
            begin, commit, undo = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        if self.read_only:
            raise WorkspaceError(f"{self.path} is open for reading only", cure="open it without --read-only")
        with self.errors():
            connection.execute(begin)
            try:
                yield connection
                connection.execute(commit)
            except BaseException:
                if connection.in_transaction:  # a full disk makes SQLite roll back by itself
                    for statement in undo.split(";"):
                        connection.execute(statement)
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors inside the block into one message with its cure."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def get_meta(self, key: str) -> str | None:
        """Return the text stored under this key in `meta`, or None."""
        with self.errors():
            row = self.connection().execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return str(row[0]) if row else None

    def list_meta(self, prefix: str) -> list[tuple[str, str]]:
        """Return the keys and texts in `meta` whose key starts with this prefix, in order."""
        rows = self.connection().execute("SELECT key, value FROM meta WHERE substr(key,1,?)=?", (len(prefix), prefix))
        return [(str(key), str(value)) for key, value in rows]

    def set_meta(self, key: str, value: str | None) -> None:
        """Store a text under this key in `meta`; None removes it."""
        with self.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key=?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    def migrate(self, plugin: str, migrations: Sequence[Migration], tables: Sequence[str]) -> None:
        """Bring a plugin's tables to its newest version in one transaction; refuse tables it did not declare."""
        key = f"schema:{plugin}"
        newest = max((step.version for step in migrations), default=0)
        with self.transaction() as connection:
            done = json.loads(self.get_meta(key) or "0")
            if done > newest:
                what = f"the tables of {plugin} were written by a newer version ({done}, this one knows {newest})"
                raise NewerSchemaError(what, cure=f"upgrade the distribution that brings {plugin}")
            before = self.tables()
            for step in sorted(migrations, key=lambda step: step.version):
                if step.version > done:
                    step.apply(connection)
            foreign = [
                name
                for name in self.tables() ^ before
                if not any(name == own or name.startswith(f"{own}_") for own in tables)
            ]
            if foreign:
                why = f"touched {', '.join(sorted(foreign))}, declares {', '.join(tables) or 'none'}"
                raise PluginError(f"plugin {plugin} changed tables it does not own", why=why)
            if newest > done:
                self.set_meta(key, json.dumps(newest))

    def tables(self) -> set[str]:
        """Return the names of all tables in the file, shadow tables of virtual tables included."""
        rows = self.connection().execute(
            "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
        )
        return {str(row[0]) for row in rows}

    def scrub(self) -> None:
        """Rewrite the file without free pages and empty the WAL, so that deleted text is gone from the disk."""
        with self.errors():
            self.connection().execute("VACUUM")
            busy = self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            what = "deleted text may remain in the WAL: another process is reading the database"
            raise BusyError(what, cure="close the other process and run the command again")

    def close(self) -> None:
        """Close all connections but those a running thread may be using: they close when it lets go of them."""
        self.closed = True
        with self._lock:
            for thread, connection in self._connections:
                if thread is threading.current_thread() or not thread.is_alive():
                    connection.close()
            self._connections.clear()
        self._local = threading.local()

    def release(self) -> None:
        """Close the connection of this thread, which is about to end."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            with self._lock:
                self._connections = [pair for pair in self._connections if pair[1] is not connection]
            connection.close()
