"""The database file, before anything of memcore opens it: is it ours, whole, free, and not from a newer version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from memcore.workspace import APPLICATION_ID, SCHEMA

from memcore_plugins.core.doctor.look import Check, Look, State

__all__ = ["examine"]

_HEADER = b"SQLite format 3\0"
_PATIENCE = 500  # milliseconds for another writer to finish


def examine(look: Look) -> Iterator[Check]:
    """Yield how the file is; set `look.unusable` where the memory in it cannot be examined."""
    path = look.database
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except FileNotFoundError:
        look.unusable = True
        yield _check("info", f"there is no {path} yet", "it is made by the first command that writes")
        return
    except OSError as error:
        look.unusable = True
        yield _check(
            "error", f"cannot read {path}: {error.strerror}", "check its permissions, or name another with --db"
        )
        return
    if head and head != _HEADER:
        look.unusable = True
        yield _check("error", f"{path} is not an SQLite file", "name another with --db, or restore a backup")
        return
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE / 1000)
        ) as opened:
            found = list(_inside(look, opened))
    except sqlite3.DatabaseError as error:
        look.unusable = True
        found = [_unreadable(str(error))]
    yield from found
    if not look.unusable:
        yield _lock(look)


def _check(state: State, detail: str, cure: str = "", name: str = "database") -> Check:
    return Check(area="database", name=name, state=state, detail=detail, cure=cure)


def _inside(look: Look, connection: sqlite3.Connection) -> Iterator[Check]:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    if owner != APPLICATION_ID and tables:
        look.unusable = True
        yield _check("error", f"{look.database} belongs to another program", "name another file with --db")
    elif version > SCHEMA:
        look.unusable = True
        detail = f"written by a newer memcore (schema {version}, this program knows {SCHEMA})"
        yield _check("error", detail, "upgrade memcore-engine; nothing was changed")
    elif not tables:
        look.unusable = True
        yield _check("info", f"{look.database} is empty", "it is filled by the first command that writes")
    else:
        yield _check("ok", f"{look.database}: schema {version}, {len(tables)} tables", name="database")
        verdict = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        if verdict != ["ok"]:
            look.unusable = True
            yield _unreadable("; ".join(verdict))
        else:
            yield _check("ok", "quick_check found nothing", name="integrity")


def _unreadable(text: str) -> Check:
    if "locked" in text or "busy" in text:
        return _check("error", f"locked by another process: {text}", "stop that process, or wait for it", "lock")
    cure = "restore a backup, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW"
    return _check("error", f"damaged: {text}", cure, "integrity")


def _lock(look: Look) -> Check:
    """Begin to write and take it back; nothing reaches the file."""
    try:
        uri = f"{look.database.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE / 1000, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA user_version={SCHEMA}")  # a file that can only be read refuses no earlier
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            cure = "wait for it, or stop the process that has the file open"
            return _check("warning", "another process is writing and does not finish", cure, "lock")
        return _check("warning", f"cannot be written: {error}", "check its permissions and the disk", "lock")
    return _check("ok", "free", name="lock")
