"""Describe entries: their ids, their hashes, how they are filtered and how they look to a client (§3.3, §5)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from memory_hall_sim.schema import ServerError, depth

__all__ = ["PLAIN", "Filters", "Row", "content_hash", "finite", "new_id", "render", "stored_entries", "zulu"]

PLAIN: Final = ("entry_id", "tenant_id", "agent_id", "namespace", "type", "content", "content_hash", "summary")
"""The fields an entry shows as they are stored."""

MAX_RENDER_DEPTH: Final = 255
"""Nesting of metadata above which an entry can be stored but never returned (§10)."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Row = sqlite3.Row


@frozen(kw_only=True)
class Filters:
    """Hold the filters of a list or of the lexical half of a search; empty means unfiltered (§4.1, §5)."""

    namespace: Sequence[str] = ()
    agent_id: str = ""
    type: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> tuple[list[str], list[Any]]:
        """Return SQL conditions on `e` and their values; times are compared as text, offset and all (§5)."""
        sql: list[str] = []
        values: list[Any] = []
        for column, wanted in (("namespace", self.namespace), ("type", self.type)):
            if wanted:
                sql.append(f"e.{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        if self.agent_id:
            sql.append("e.agent_id = ?")
            values.append(self.agent_id)
        for tag in self.tags:
            sql.append("EXISTS (SELECT 1 FROM json_each(e.tags) WHERE value = ?)")
            values.append(tag)
        for operator, bound in ((">=", self.since), ("<=", self.until)):
            if bound is not None:
                sql.append(f"e.created_at {operator} ?")
                values.append(bound.isoformat())
        return sql, values


def content_hash(content: str) -> str:
    """Return the dedup key of a content: `sha256:` and the hex digest of its UTF-8 bytes (§3.3)."""
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def new_id(now: datetime, seed: str) -> str:
    """Return a ULID: 26 characters of Crockford's alphabet, the time first (§3.2)."""
    low = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10])
    value = (int(now.timestamp() * 1000) << 80) | low
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def zulu(stamp: str | None) -> str | None:
    """Return a stored time the way entries show it, with `Z` for UTC (§5)."""
    return stamp.replace("+00:00", "Z") if stamp else None


def finite(value: Any) -> Any:
    """Return a JSON value with `NaN` and the infinities as None, the way the server shows them (§3.1)."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render(row: Row) -> dict[str, Any]:
    """Return the 18 keys of an entry; raise `ServerError` when its metadata is nested too deeply to return (§5, §10)."""
    metadata = json.loads(row["metadata"])
    if depth(metadata) > MAX_RENDER_DEPTH:
        raise ServerError("the metadata is nested too deeply to be returned")
    return {
        **{name: row[name] for name in PLAIN},
        "tags": json.loads(row["tags"]),
        "references": json.loads(row["refs"]),
        "metadata": metadata,
        "sync_status": row["sync_status"],
        "last_embedded_at": zulu(row["last_embedded_at"]),
        "last_embed_error": row["last_embed_error"],
        "last_embed_attempted_at": zulu(row["last_embed_attempted_at"]),
        "embed_attempt_count": row["embed_attempt_count"],
        "created_at": zulu(row["created_at"]),
        "created_by_principal": row["created_by_principal"],
    }


def stored_entries(path: Path, namespace: str | None = None) -> list[dict[str, Any]]:
    """Return the entries of a data file, oldest first, straight from SQLite, whether or not a server has it open."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = Row
        rows = db.execute("SELECT * FROM entries ORDER BY seq").fetchall()
    return [render(row) for row in rows if namespace in {None, row["namespace"]}]
