"""Keep entries, their search index, vectors and batons in one SQLite file, with the real server's habits (§3, §5, §10)."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from memory_hall_sim.entries import PLAIN, Filters, Row, content_hash, new_id
from memory_hall_sim.schema import ServerError, check_unicode
from memory_hall_sim.text import Vector, cosine, match_expression, tokens

__all__ = ["Conflict", "Stopped", "Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY, entry_id TEXT NOT NULL UNIQUE, tenant_id TEXT NOT NULL, agent_id TEXT NOT NULL,
    namespace TEXT NOT NULL, type TEXT NOT NULL, content TEXT NOT NULL, content_hash TEXT NOT NULL, summary TEXT,
    tags TEXT NOT NULL, refs TEXT NOT NULL, metadata TEXT NOT NULL, sync_status TEXT NOT NULL,
    last_embedded_at TEXT, last_embed_error TEXT, last_embed_attempted_at TEXT,
    embed_attempt_count INTEGER NOT NULL, created_at TEXT NOT NULL, created_by_principal TEXT NOT NULL,
    amh_hash TEXT, UNIQUE (tenant_id, content_hash)
);
CREATE INDEX IF NOT EXISTS entries_newest ON entries (tenant_id, created_at DESC, entry_id DESC);
CREATE INDEX IF NOT EXISTS entries_amh ON entries (tenant_id, amh_hash);
CREATE VIRTUAL TABLE IF NOT EXISTS entries_fts USING fts5 (
    content, summary, tags, tokenize = 'unicode61 remove_diacritics 0'
);
CREATE TABLE IF NOT EXISTS vectors (entry_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, vector TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batons (
    namespace TEXT PRIMARY KEY, revision INTEGER NOT NULL, updated_at TEXT NOT NULL, data TEXT NOT NULL
);
"""
_EMBEDDING = ("last_embedded_at", "last_embed_error", "last_embed_attempted_at")
_INSERT = (
    *(*PLAIN, "tags", "refs", "metadata", "sync_status", *_EMBEDDING),
    *("embed_attempt_count", "created_at", "created_by_principal", "amh_hash"),
)
_INSERT_SQL = f"INSERT INTO entries ({', '.join(_INSERT)}) VALUES ({', '.join(':' + name for name in _INSERT)})"


class Stopped(Exception):
    """Say that the server died while it worked on the request: nothing is answered."""


class Conflict(Exception):
    """Say that a baton has another revision than the caller expected; `args` are (baton, updated_at, revision)."""


class Store:
    """Read and write one SQLite file; safe to use from several threads.

    The writer is *poisoned* by a text that cannot be encoded: its transaction stays open, and every later one fails
    until the store is opened anew (§0.8, §10).
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._vectors: dict[str, dict[str, Vector]] = {}
        self._open = True
        self.poisoned = False
        for entry_id, tenant, text in self._db.execute("SELECT entry_id, tenant_id, vector FROM vectors"):
            self._vectors.setdefault(tenant, {})[entry_id] = {int(k): v for k, v in json.loads(text).items()}

    def close(self) -> None:
        """Close the file; every call from now on raises `Stopped`."""
        with self._lock:
            self._open = False
            self._db.close()

    def insert(self, tenant: str, principal: str, fields: Mapping[str, Any], now: datetime) -> tuple[Row, bool]:
        """Store an entry as `pending` and return (row, True), or (the row with that content, False) (§3.2, §3.3)."""
        texts = {name: fields[name] for name in ("agent_id", "namespace", "type", "content")}
        check_unicode(*texts.values())
        values: dict[str, Any] = dict.fromkeys(_INSERT) | texts | self._documents(fields)
        digest = content_hash(fields["content"])
        amh_hash = fields["metadata"].get("amh_content_hash")
        values |= {
            "entry_id": new_id(now, tenant + digest),
            "tenant_id": tenant,
            "content_hash": digest,
            "sync_status": "pending",
            "embed_attempt_count": 0,
            "created_at": now.isoformat(),
            "created_by_principal": principal,
            "amh_hash": amh_hash if isinstance(amh_hash, str) else None,
        }
        with self._transaction():
            known = self._one("tenant_id = ? AND content_hash = ?", tenant, digest)
            if known is not None:
                return known, False
            seq = self._db.execute(_INSERT_SQL, values).lastrowid
            indexed = (values["content"], values["summary"] or "", " ".join(json.loads(values["tags"])))
            row = [seq, *(" ".join(tokens(text)) for text in indexed)]
            self._db.execute("INSERT INTO entries_fts (rowid, content, summary, tags) VALUES (?, ?, ?, ?)", row)
        return self.get(tenant, values["entry_id"]), True

    def embedded(self, row: Row, vector: Vector, now: datetime) -> Row:
        """Note that an entry has its vector, and return it."""
        tenant, entry_id = row["tenant_id"], row["entry_id"]
        with self._transaction():
            values = (entry_id, tenant, json.dumps(vector))
            self._db.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", values)
            stamps = dict.fromkeys(("last_embedded_at", "last_embed_attempted_at"), now.isoformat())
            self._set(entry_id, sync_status="embedded", last_embed_error=None, **stamps)
            self._vectors.setdefault(tenant, {})[entry_id] = vector
        return self.get(tenant, entry_id)

    def not_embedded(self, row: Row, error: str, now: datetime, *, limit: int) -> Row:
        """Count a failed attempt, and give up (`failed`) at the limit (§7.3)."""
        attempts = row["embed_attempt_count"] + 1
        outcome = {"sync_status": "failed" if attempts >= limit else "pending", "embed_attempt_count": attempts}
        with self._transaction():
            stamps = {"last_embed_error": error[:500], "last_embed_attempted_at": now.isoformat()}
            self._set(row["entry_id"], **outcome, **stamps)
        return self.get(row["tenant_id"], row["entry_id"])

    def get(self, tenant: str, entry_id: str) -> Row:
        """Return one entry or raise `KeyError`."""
        with self._reading():
            row = self._one("tenant_id = ? AND entry_id = ?", tenant, entry_id)
        if row is None:
            raise KeyError(entry_id)
        return row

    def find(self, tenant: str, **columns: str) -> Row | None:
        """Return an entry by column values, or None."""
        with self._reading():
            where = " AND ".join(["tenant_id = ?", *(f"{name} = ?" for name in columns)])
            return self._one(where, tenant, *columns.values())

    def page(self, tenant: str, filters: Filters, limit: int, cursor: str) -> tuple[list[Row], str | None]:
        """Return a page, newest first, and the next cursor: one whenever the page is exactly full (§5)."""
        sql, values = filters.conditions()
        if cursor:
            created_at, entry_id = _decode_cursor(cursor)
            sql.append("(e.created_at, e.entry_id) < (?, ?)")
            values += [created_at, entry_id]
        rows = self._select(tenant, sql, values, limit)
        if len(rows) < limit:
            return rows, None
        last = f"{rows[-1]['created_at']}|{rows[-1]['entry_id']}"
        return rows, base64.urlsafe_b64encode(last.encode()).decode()

    def linked(self, row: Row) -> tuple[list[Row], list[Row]]:
        """Return (entries this one refers to, entries that refer to it), newest first, unknown ids left out (§5)."""
        outgoing = "e.entry_id IN (SELECT value FROM json_each(?))"
        incoming = "EXISTS (SELECT 1 FROM json_each(e.refs) WHERE value = ?)"
        return (
            self._select(row["tenant_id"], [outgoing], [row["refs"]]),
            self._select(row["tenant_id"], [incoming], [row["entry_id"]]),
        )

    def unembedded(self, tenant: str, statuses: Sequence[str]) -> list[Row]:
        """Return the entries in these embedding states, newest first."""
        return self._select(tenant, ["e.sync_status IN (SELECT value FROM json_each(?))"], [json.dumps(statuses)])

    def count(self, tenant: str) -> int:
        """Return how many entries a tenant has."""
        with self._reading():
            row = self._db.execute("SELECT count(*) FROM entries WHERE tenant_id = ?", (tenant,)).fetchone()
        return int(row[0])

    def lexical(self, tenant: str, query: str, filters: Filters, limit: int) -> list[tuple[str, float]]:
        """Return (entry id, score 0..1) of entries that hold every token of the query, best first (§4.2, §4.4)."""
        expression = match_expression(query)
        if not expression:
            return []
        sql, values = filters.conditions()
        where = " AND ".join(["entries_fts MATCH ?", "e.tenant_id = ?", *sql])
        with self._reading():
            rows = self._db.execute(
                "SELECT e.entry_id, -bm25(entries_fts) AS score FROM entries_fts JOIN entries e"
                f" ON e.seq = entries_fts.rowid WHERE {where} ORDER BY score DESC, e.seq LIMIT ?",
                (expression, tenant, *values, limit),
            ).fetchall()
        return [(row["entry_id"], row["score"] / (1.0 + row["score"])) for row in rows]

    def nearest(self, tenant: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """Return (entry id, cosine) of the nearest vectors of the whole tenant, unrelated ones included (§0.1, §4.2)."""
        with self._reading():
            scored = [(entry_id, cosine(vector, other)) for entry_id, other in self._vectors.get(tenant, {}).items()]
        return sorted(scored, key=lambda hit: -hit[1])[:limit]

    def merge_metadata(self, tenant: str, entry_id: str, changes: Mapping[str, Any]) -> Row:
        """Overwrite metadata keys of one entry and return it; raise `KeyError` for an unknown id."""
        row = self.get(tenant, entry_id)
        if not changes:
            return row
        check_unicode(changes)
        with self._transaction():
            row = self.get(tenant, entry_id)
            self._set(entry_id, metadata=_dump(json.loads(row["metadata"]) | dict(changes)))
        return self.get(tenant, entry_id)

    def add_reference(self, tenant: str, source: str, target: str) -> Row:
        """Append a reference once and return the source; raise `KeyError` when either side is unknown."""
        check_unicode(source, target)
        references = [*json.loads(self.get(tenant, source)["refs"]), self.get(tenant, target)["entry_id"]]
        with self._transaction():
            self._set(source, refs=_dump(list(dict.fromkeys(references))))
        return self.get(tenant, source)

    def baton(self, namespace: str) -> tuple[Any, str | None, int | None]:
        """Return (object, updated_at, revision) of a namespace's baton, all None without one."""
        check_unicode(namespace)
        with self._reading():
            row = self._db.execute("SELECT * FROM batons WHERE namespace = ?", (namespace,)).fetchone()
        return (json.loads(row["data"]), row["updated_at"], row["revision"]) if row else (None, None, None)

    def set_baton(self, namespace: str, data: Any, expected: int | None, now: datetime) -> int:
        """Store a baton and return its revision; raise `Conflict` when another revision was expected (§6)."""
        check_unicode(namespace, data)
        with self._transaction():
            current = self.baton(namespace)
            if expected is not None and expected != current[2]:
                raise Conflict(*current)
            revision = (current[2] or 0) + 1
            values = (namespace, revision, now.isoformat(), _dump(data))
            self._db.execute("INSERT OR REPLACE INTO batons VALUES (?, ?, ?, ?)", values)
        return revision

    def audit(self) -> dict[str, Any]:
        """Return counts over all tenants (§6)."""
        return {
            "total_entries": sum(self._counts("tenant_id").values()),
            "tenant_counts": self._counts("tenant_id"),
            "namespace_counts": self._counts("namespace"),
            "sync_status_counts": self._counts("sync_status"),
            "content_hash_collisions": 0,
        }

    def _documents(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        tags = [tag.strip() for tag in fields["tags"] if tag.strip()]
        references = list(dict.fromkeys(item.strip() for item in fields["references"] if item.strip()))
        columns = {"tags": _dump(tags), "refs": _dump(references), "metadata": _dump(fields["metadata"])}
        columns["summary"] = fields["summary"]
        try:
            "".join(filter(None, columns.values())).encode()
        except UnicodeEncodeError as error:
            self.poisoned = True
            raise ServerError("the statement failed after BEGIN and was not rolled back") from error
        return columns

    def _counts(self, column: str) -> dict[str, int]:
        with self._reading():
            rows = self._db.execute(f"SELECT {column}, count(*) FROM entries GROUP BY 1 ORDER BY 1").fetchall()
        return {row[0]: row[1] for row in rows}

    def _one(self, where: str, *values: str) -> Row | None:
        row: Row | None = self._db.execute(f"SELECT * FROM entries WHERE {where} LIMIT 1", values).fetchone()
        return row

    def _select(self, tenant: str, sql: Sequence[str], values: Sequence[Any], limit: int = -1) -> list[Row]:
        where = " AND ".join(["e.tenant_id = ?", *sql])
        order = "ORDER BY e.created_at DESC, e.entry_id DESC"
        with self._reading():
            query = f"SELECT e.* FROM entries e WHERE {where} {order} LIMIT ?"
            return self._db.execute(query, (tenant, *values, limit)).fetchall()

    def _set(self, entry_id: str, **columns: Any) -> None:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(f"UPDATE entries SET {assignments} WHERE entry_id = ?", (*columns.values(), entry_id))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            if not self._open:
                raise Stopped
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._reading():
            if self.poisoned:
                raise ServerError("cannot start a transaction within a transaction")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _decode_cursor(cursor: str) -> tuple[str, str]:
    try:
        created_at, entry_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split("|", 1)
        return datetime.fromisoformat(created_at).isoformat(), entry_id
    except ValueError as error:
        raise ServerError("the cursor cannot be decoded") from error


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise ServerError("the value is nested too deeply to be stored") from error
