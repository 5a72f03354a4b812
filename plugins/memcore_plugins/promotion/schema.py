"""The tables of promotion: the tier of a record, every step it took, and the signals that may carry it further.

Questions are kept as digests: two of the same words are one question, and nobody can read them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast, get_args

from attrs import frozen
from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "NAMES", "TABLES", "TIERS", "Place", "Signals", "Step", "Tier", "add_source", "candidates", "close_conflicts",
    "delete", "digest", "drop_conflicts", "history", "move", "note_conflict", "note_recall", "open_conflicts", "places",
    "prune", "set_ceiling", "signals", "text_of",
]  # fmt: skip

Tier = Literal["local", "lessons", "global"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""The tiers from the lowest to the highest; a record without a row is local."""

NAMES = ("promotions",)
"""The tables this plugin owns, with those whose names begin like this one."""

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE promotions(record_id TEXT PRIMARY KEY, tier TEXT NOT NULL, since TEXT NOT NULL, "
        "ceiling TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE promotions_history(number INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL, "
        "at TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL) STRICT",
        "CREATE INDEX promotions_history_record ON promotions_history(record_id)",
        "CREATE TABLE promotions_signals(record_id TEXT NOT NULL, day TEXT NOT NULL, session TEXT NOT NULL, "
        "query TEXT NOT NULL, times INTEGER NOT NULL, relevance REAL NOT NULL, last TEXT NOT NULL, "
        "PRIMARY KEY(record_id, day, session, query)) STRICT, WITHOUT ROWID",
        "CREATE TABLE promotions_sources(record_id TEXT NOT NULL, source TEXT NOT NULL, "
        "PRIMARY KEY(record_id, source)) STRICT, WITHOUT ROWID",
        "CREATE TABLE promotions_conflicts(record_id TEXT NOT NULL, key TEXT NOT NULL, ground TEXT NOT NULL, "
        "open INTEGER NOT NULL, PRIMARY KEY(record_id, key)) STRICT, WITHOUT ROWID",
    )
]

_CHUNK = 500  # SQLite allows 999 parameters in its oldest supported builds


@frozen(kw_only=True)
class Place:
    """Where a record stands: its tier, since when, and the tier above which upkeep may not lift it."""

    tier: Tier = "local"
    since: datetime | None = None
    ceiling: Tier = "global"


@frozen(kw_only=True)
class Signals:
    """How a record was recalled within the window: by how many questions, sessions and days, and how well it fitted.

    `relevance` lies in 0..1; `last` is the last recall ever, also outside the window; `sources` are the places that
    said it again.
    """

    recalls: int = 0
    queries: int = 0
    sessions: int = 0
    days: int = 0
    relevance: float = 0.0
    last: datetime | None = None
    sources: tuple[str, ...] = ()


@frozen(kw_only=True)
class Step:
    """One row of the history: who moved which record from where to where, when and why."""

    record_id: str
    at: str
    before: str
    after: str
    by: str
    why: str


def digest(text: str) -> str:
    """Return the digest under which a question is counted."""
    import hashlib  # 5 ms, and only what was recalled is counted

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def text_of(at: datetime) -> str:
    """Return a time as it is stored: ISO-8601 in UTC."""
    return at.astimezone(UTC).isoformat()


def note_recall(
    connection: sqlite3.Connection, shown: Mapping[str, float], query: str, session: str, at: datetime
) -> None:
    """Count one recall of each record; the values say how well it fitted, 1 for the best of its list."""
    when = text_of(at)
    connection.executemany(
        "INSERT INTO promotions_signals VALUES(?,?,?,?,1,?,?) ON CONFLICT DO UPDATE SET times=times+1, "
        "relevance=relevance+excluded.relevance, last=max(last, excluded.last)",
        [(key, when[:10], session, query, round(fit, 4), when) for key, fit in shown.items()],
    )


def candidates(connection: sqlite3.Connection, recalls: int) -> list[str]:
    """Return the records that were recalled at least this often, in a stable order."""
    rows = connection.execute(
        "SELECT record_id FROM promotions_signals GROUP BY record_id HAVING sum(times) >= ? ORDER BY record_id",
        (recalls,),
    )
    return [row[0] for row in rows]


def signals(connection: sqlite3.Connection, record_id: str, now: datetime, window_days: int) -> Signals:
    """Return the signals of a record; only recalls of the last `window_days` are counted."""
    first = text_of(now - timedelta(days=window_days))
    row = connection.execute(
        "SELECT total(times), count(DISTINCT query), count(DISTINCT nullif(session, '')), count(DISTINCT day), "
        "total(relevance) FROM promotions_signals WHERE record_id=? AND last >= ?",
        (record_id, first),
    ).fetchone()
    last = connection.execute("SELECT max(last) FROM promotions_signals WHERE record_id=?", (record_id,)).fetchone()[0]
    sources = connection.execute(
        "SELECT source FROM promotions_sources WHERE record_id=? ORDER BY source", (record_id,)
    )
    return Signals(
        recalls=int(row[0]),
        queries=row[1],
        sessions=row[2],
        days=row[3],
        relevance=round(row[4] / row[0], 4) if row[0] else 0.0,
        last=datetime.fromisoformat(last) if last else None,
        sources=tuple(source for (source,) in sources),
    )


def prune(connection: sqlite3.Connection, before: datetime) -> None:
    """Delete recalls that were last repeated before a time."""
    connection.execute("DELETE FROM promotions_signals WHERE last < ?", (text_of(before),))


def add_source(connection: sqlite3.Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Note that a source said a record again."""
    connection.executemany("INSERT OR IGNORE INTO promotions_sources VALUES(?,?)", pairs)


def places(connection: sqlite3.Connection, record_ids: Sequence[str] | None = None) -> dict[str, Place]:
    """Return where these records stand, or all that have a row; a record without one is local."""
    select = "SELECT record_id, tier, since, ceiling FROM promotions"
    if record_ids is None:
        rows = connection.execute(f"{select} ORDER BY since, record_id").fetchall()
    else:
        rows = []
        for start in range(0, len(record_ids), _CHUNK):
            part = record_ids[start : start + _CHUNK]
            rows += connection.execute(f"{select} WHERE record_id IN ({','.join('?' * len(part))})", part).fetchall()
    return {
        key: Place(tier=cast(Tier, tier), since=datetime.fromisoformat(since), ceiling=cast(Tier, ceiling))
        for key, tier, since, ceiling in rows
    }


def move(
    connection: sqlite3.Connection, record_id: str, before: Tier, after: Tier, *, at: datetime, by: str, why: str
) -> None:
    """Put a record on another tier and add the step to its history."""
    connection.execute(
        "INSERT INTO promotions VALUES(?,?,?,'global') "
        "ON CONFLICT DO UPDATE SET tier=excluded.tier, since=excluded.since",
        (record_id, after, text_of(at)),
    )
    connection.execute(
        "INSERT INTO promotions_history(record_id, at, before, after, by, why) VALUES(?,?,?,?,?,?)",
        (record_id, text_of(at), before, after, by, why),
    )


def set_ceiling(connection: sqlite3.Connection, record_id: str, ceiling: Tier, at: datetime) -> None:
    """Say above which tier upkeep may not lift a record."""
    connection.execute(
        "INSERT INTO promotions VALUES(?,'local',?,?) ON CONFLICT DO UPDATE SET ceiling=excluded.ceiling",
        (record_id, text_of(at), ceiling),
    )


def history(connection: sqlite3.Connection, record_id: str = "") -> list[Step]:
    """Return the steps of a record, or of all, oldest first."""
    rows = connection.execute(
        "SELECT record_id, at, before, after, by, why FROM promotions_history "
        "WHERE ?='' OR record_id=? ORDER BY number",
        (record_id, record_id),
    )
    names = ("record_id", "at", "before", "after", "by", "why")
    return [Step(**dict(zip(names, row, strict=True))) for row in rows]


def note_conflict(connection: sqlite3.Connection, key: str, record_ids: Iterable[str], ground: str) -> None:
    """Note that a question about these records is open, unless it was answered on the same ground."""
    connection.executemany(
        "INSERT INTO promotions_conflicts VALUES(?,?,?,1) ON CONFLICT DO UPDATE SET open=1, ground=excluded.ground "
        "WHERE excluded.ground != ground",
        [(record_id, key, ground) for record_id in record_ids],
    )


def close_conflicts(connection: sqlite3.Connection, key: str) -> None:
    """Note that a question was answered."""
    connection.execute("UPDATE promotions_conflicts SET open=0 WHERE key=?", (key,))


def drop_conflicts(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Forget the questions that a removal has settled."""
    for record_id in record_ids:
        connection.execute(
            "DELETE FROM promotions_conflicts WHERE key IN (SELECT key FROM promotions_conflicts WHERE record_id=?)",
            (record_id,),
        )


def conflicts_about(connection: sqlite3.Connection, record_id: str) -> int:
    """Return the number of open questions about one record."""
    select = "SELECT count(*) FROM promotions_conflicts WHERE record_id=? AND open=1"
    return int(connection.execute(select, (record_id,)).fetchone()[0])


def open_conflicts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of open questions by record."""
    rows = connection.execute("SELECT record_id, count(*) FROM promotions_conflicts WHERE open=1 GROUP BY record_id")
    return dict(rows.fetchall())


def delete(connection: sqlite3.Connection, record_ids: Iterable[str]) -> int:
    """Delete everything about these records and return how many rows it was."""
    tables = ("promotions", "promotions_history", "promotions_signals", "promotions_sources", "promotions_conflicts")
    return sum(
        connection.execute(f"DELETE FROM {table} WHERE record_id=?", (key,)).rowcount
        for key in dict.fromkeys(record_ids)
        for table in tables
    )
