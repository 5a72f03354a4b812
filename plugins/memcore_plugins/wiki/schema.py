"""The tables of the wiki: files with their bytes, earlier revisions, the records they gave, sources and the log.

A page of any role has one row for its newest state; older states are moved to `wiki_pages_revisions`, never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

    from memcore_toolkit.vault import LogEntry

__all__ = [
    "NAMES",
    "TABLES",
    "Revision",
    "StoredPage",
    "add_log",
    "current_links",
    "delete",
    "figures",
    "find",
    "keep_revision",
    "knows",
    "log_rows",
    "pages",
    "replace_log",
    "revisions",
    "save",
    "select_in",
    "set_links",
    "set_sources",
    "source_rows",
]

NAMES = ("wiki_pages", "wiki_sources", "wiki_log")

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE wiki_pages(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, path TEXT NOT NULL, "
        "role TEXT NOT NULL, title TEXT NOT NULL, type TEXT NOT NULL, data BLOB NOT NULL, digest TEXT NOT NULL, "
        "revision INTEGER NOT NULL, status TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, "
        "vault TEXT NOT NULL, synced TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, "
        "UNIQUE(namespace, path)) STRICT",
        "CREATE TABLE wiki_pages_revisions(page INTEGER NOT NULL, revision INTEGER NOT NULL, data BLOB NOT NULL, "
        "digest TEXT NOT NULL, status TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, "
        "PRIMARY KEY(page, revision)) STRICT",
        "CREATE TABLE wiki_pages_records(page INTEGER NOT NULL, record_id TEXT NOT NULL, current INTEGER NOT NULL, "
        "owned INTEGER NOT NULL, PRIMARY KEY(page, record_id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX wiki_pages_records_record ON wiki_pages_records(record_id)",
        "CREATE TABLE wiki_sources(page INTEGER NOT NULL, position INTEGER NOT NULL, field TEXT NOT NULL, "
        "source TEXT NOT NULL, PRIMARY KEY(page, position)) STRICT, WITHOUT ROWID",
        "CREATE TABLE wiki_log(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, day TEXT NOT NULL, time TEXT NOT NULL, "
        "action TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, "
        "page TEXT NOT NULL) STRICT",
    )
]

_COLUMNS = (
    "id, namespace, path, role, title, type, data, digest, revision, status, action, reason, vault, synced, "
    "created_at, updated_at"
)


@frozen(kw_only=True)
class StoredPage:
    """One file of the wiki as it is now. `synced` is the digest it had when it last met the folder `vault`."""

    id: int
    namespace: str
    path: str
    role: str
    title: str
    type: str
    data: bytes = field(repr=False)
    digest: str
    revision: int
    status: str
    action: str
    reason: str
    vault: str
    synced: str
    created_at: str
    updated_at: str


@frozen(kw_only=True)
class Revision:
    """One state of a page: its number from 1, what made it and why, when (ISO-8601), and its bytes."""

    revision: int
    action: str
    reason: str
    status: str
    at: str
    digest: str
    data: bytes = field(repr=False)


def _page(row: Sequence[Any]) -> StoredPage:
    return StoredPage(**dict(zip(_COLUMNS.split(", "), row, strict=True)))


def find(connection: sqlite3.Connection, namespace: str, path: str) -> StoredPage | None:
    """Return the file with this path, retired or not."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM wiki_pages WHERE namespace=? AND path=?", (namespace, path)
    ).fetchone()
    return _page(row) if row else None


def pages(connection: sqlite3.Connection, namespace: str, *, retired: bool = False) -> Iterator[StoredPage]:
    """Yield the files of a namespace in the order of their paths."""
    wanted = "" if retired else " AND status='active'"
    statement = f"SELECT {_COLUMNS} FROM wiki_pages WHERE namespace=?{wanted} ORDER BY path"
    yield from map(_page, connection.execute(statement, (namespace,)))


def save(connection: sqlite3.Connection, page: StoredPage) -> int:
    """Insert a page (id 0) or bring its row up to date; return its id."""
    names = [name for name in _COLUMNS.split(", ") if name != "id"]
    values = [getattr(page, name) for name in names]
    if page.id:
        connection.execute(f"UPDATE wiki_pages SET {', '.join(f'{n}=?' for n in names)} WHERE id=?", (*values, page.id))
        return page.id
    marks = ",".join("?" * len(names))
    cursor = connection.execute(f"INSERT INTO wiki_pages({', '.join(names)}) VALUES({marks})", values)
    return int(cursor.lastrowid or 0)


def keep_revision(connection: sqlite3.Connection, page: StoredPage) -> None:
    """Keep the state of a page that is about to change."""
    values = (page.id, page.revision, page.data, page.digest, page.status, page.action, page.reason, page.updated_at)
    connection.execute("INSERT INTO wiki_pages_revisions VALUES(?,?,?,?,?,?,?,?)", values)


def revisions(connection: sqlite3.Connection, page: StoredPage) -> list[Revision]:
    """Return every state of a page, the oldest first and the present one last."""
    statement = (
        "SELECT revision, action, reason, status, at, digest, data FROM wiki_pages_revisions "
        "WHERE page=? ORDER BY revision"
    )
    names = ("revision", "action", "reason", "status", "at", "digest", "data")
    found = [Revision(**dict(zip(names, row, strict=True))) for row in connection.execute(statement, (page.id,))]
    given = {name: getattr(page, "updated_at" if name == "at" else name) for name in names}
    return [*found, Revision(**given)]


def knows(connection: sqlite3.Connection, page: StoredPage, digest: str) -> bool:
    """Tell whether these bytes are, or once were, the page."""
    statement = "SELECT 1 FROM wiki_pages_revisions WHERE page=? AND digest=?"
    return digest == page.digest or connection.execute(statement, (page.id, digest)).fetchone() is not None


def current_links(connection: sqlite3.Connection, page: int) -> dict[str, bool]:
    """Return the records a page says now, and whether only the wiki says them."""
    statement = "SELECT record_id, owned FROM wiki_pages_records WHERE page=? AND current=1"
    return {key: bool(owned) for key, owned in connection.execute(statement, (page,))}


def set_links(connection: sqlite3.Connection, page: int, links: Mapping[str, bool]) -> None:
    """Make these the records a page says now; those it said before are kept as history."""
    connection.execute("UPDATE wiki_pages_records SET current=0 WHERE page=?", (page,))
    connection.executemany(
        "INSERT OR REPLACE INTO wiki_pages_records VALUES(?,?,1,?)",
        [(page, key, int(owned)) for key, owned in links.items()],
    )


def set_sources(connection: sqlite3.Connection, page: int, sources: Iterable[tuple[str, str]]) -> None:
    """Make these the sources of a page, (field, source) in the order the page names them."""
    connection.execute("DELETE FROM wiki_sources WHERE page=?", (page,))
    rows = [(page, number, field, source) for number, (field, source) in enumerate(sources, 1)]
    connection.executemany("INSERT INTO wiki_sources VALUES(?,?,?,?)", rows)


def source_rows(connection: sqlite3.Connection, namespace: str) -> list[tuple[str, str, str]]:
    """Return (page, field, source) of all active pages."""
    statement = (
        "SELECT path, field, source FROM wiki_sources JOIN wiki_pages ON page=id "
        "WHERE namespace=? AND status='active' ORDER BY path, position"
    )
    return [(path, name, source) for path, name, source in connection.execute(statement, (namespace,))]


def replace_log(connection: sqlite3.Connection, namespace: str, file: str, entries: Iterable[LogEntry]) -> None:
    """Make these the entries that a log file of the vault holds."""
    connection.execute("DELETE FROM wiki_log WHERE namespace=? AND file=?", (namespace, file))
    for entry in entries:
        add_log(connection, namespace, entry, file=file)


def add_log(connection: sqlite3.Connection, namespace: str, entry: LogEntry, *, file: str = "", page: str = "") -> None:
    """Add one entry; `file` is the log it stands in, empty for what memcore did by itself."""
    values = (namespace, entry.day, entry.time, entry.action, entry.subject, entry.body, file, entry.line, page)
    names = "namespace, day, time, action, subject, body, file, line, page"
    connection.execute(f"INSERT INTO wiki_log({names}) VALUES(?,?,?,?,?,?,?,?,?)", values)


def log_rows(connection: sqlite3.Connection, namespace: str) -> list[tuple[str, ...]]:
    """Return day, time, action, subject, body, file, line and page of all entries by day."""
    statement = (
        "SELECT day, time, action, subject, body, file, line, page FROM wiki_log "
        "WHERE namespace=? ORDER BY day, file, line, id"
    )
    return [tuple(row) for row in connection.execute(statement, (namespace,))]


def delete(connection: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Delete pages with their revisions, sources, links and log entries; return how many rows went."""
    count = 0
    for key in ids:
        row = connection.execute("SELECT namespace, path FROM wiki_pages WHERE id=?", (key,)).fetchone()
        if row:
            gone = connection.execute("DELETE FROM wiki_log WHERE namespace=? AND ? IN (file, page)", tuple(row))
            count += gone.rowcount
        for table, column in (
            ("wiki_pages_revisions", "page"),
            ("wiki_pages_records", "page"),
            ("wiki_sources", "page"),
            ("wiki_pages", "id"),
        ):
            count += connection.execute(f"DELETE FROM {table} WHERE {column}=?", (key,)).rowcount
    return count


def select_in(connection: sqlite3.Connection, statement: str, keys: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Run a statement that ends in `IN (?)` for many keys, a chunk at a time."""
    every = list(keys)
    for start in range(0, len(every), 500):  # SQLite allows 999 parameters in its oldest supported builds
        part = every[start : start + 500]
        yield from connection.execute(statement.replace("(?)", f"({','.join('?' * len(part))})"), part)


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the numbers of active pages, their sources, log entries, other files, revisions and retired pages."""
    counts = {
        "pages": "wiki_pages WHERE role='page' AND status='active'",
        "sources": "wiki_sources JOIN wiki_pages ON page=id WHERE status='active'",
        "log": "wiki_log",
        "files": "wiki_pages WHERE role<>'page' AND status='active'",
        "revisions": "wiki_pages_revisions",
        "retired": "wiki_pages WHERE status='retired'",
    }
    return {
        name: int(connection.execute(f"SELECT count(*) FROM {rest}").fetchone()[0]) for name, rest in counts.items()
    }
