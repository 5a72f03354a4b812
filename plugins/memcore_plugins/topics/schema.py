"""The tables `topics` and `topic_curated`, and all SQL on them.

A link says why it is there. A link that somebody took back stays as a refusal, so that no rule makes it again; topic 0
holds the records of which was decided that they have no topic.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen
from memcore import Migration
from memcore.records import strings

__all__ = [
    "NO_TOPIC",
    "TABLES",
    "Link",
    "Topic",
    "add_links",
    "counts",
    "drop_records",
    "drop_topics",
    "linked",
    "links_of",
    "load_topics",
    "move_links",
    "save_topics",
    "settled",
    "unlink",
]

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL,"
        " aliases TEXT NOT NULL, cues TEXT NOT NULL, description TEXT NOT NULL, origin TEXT NOT NULL,"
        " created_at TEXT NOT NULL, UNIQUE(namespace, slug)) STRICT",
        "CREATE TABLE topic_curated(topic_id INTEGER NOT NULL, record_id TEXT NOT NULL, reason TEXT NOT NULL,"
        " refused INTEGER NOT NULL, linked_at TEXT NOT NULL, PRIMARY KEY(topic_id, record_id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX topic_curated_by_record ON topic_curated(record_id)",
    )
]
NO_TOPIC = 0
CHUNK = 500

_COLUMNS = "id, namespace, slug, name, aliases, cues, description, origin, created_at"


@frozen(kw_only=True)
class Topic:
    """One topic of a namespace. `origin` is `hand`, `page`, `section` or `tag`; `id` is None until it is stored."""

    namespace: str
    slug: str
    name: str
    aliases: tuple[str, ...] = field(default=(), converter=strings)
    cues: tuple[str, ...] = field(default=(), converter=strings)
    description: str = ""
    origin: str = "hand"
    created_at: str = ""
    id: int | None = None


@frozen(kw_only=True)
class Link:
    """One record under one topic, and why."""

    topic_id: int
    record_id: str
    reason: str
    refused: bool = False


def load_topics(connection: sqlite3.Connection, namespaces: Sequence[str] = ()) -> list[Topic]:
    """Return the topics of these namespaces (none: of all) by name."""
    marks = ",".join("?" * len(namespaces))
    where = f" WHERE namespace IN ({marks})" if namespaces else ""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM topics{where} ORDER BY namespace, slug", namespaces)
    return [
        Topic(
            id=row[0],
            namespace=row[1],
            slug=row[2],
            name=row[3],
            aliases=json.loads(row[4]),
            cues=json.loads(row[5]),
            description=row[6],
            origin=row[7],
            created_at=row[8],
        )
        for row in rows
    ]


def save_topics(connection: sqlite3.Connection, topics: Iterable[Topic]) -> None:
    """Add topics, or write over those that have an id; a new one whose slug is taken changes nothing."""
    for topic in topics:
        values = (
            topic.namespace,
            topic.slug,
            topic.name,
            json.dumps(topic.aliases, ensure_ascii=False),
            json.dumps(topic.cues, ensure_ascii=False),
            topic.description,
            topic.origin,
            topic.created_at,
        )
        if topic.id is None:
            columns = _COLUMNS.removeprefix("id, ")
            connection.execute(f"INSERT OR IGNORE INTO topics({columns}) VALUES(?,?,?,?,?,?,?,?)", values)
        else:
            sets = ", ".join(f"{column}=?" for column in _COLUMNS.removeprefix("id, ").split(", "))
            connection.execute(f"UPDATE topics SET {sets} WHERE id=?", (*values, topic.id))


def drop_topics(connection: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Delete topics and their links; return how many rows went."""
    gone = 0
    for key in ids:
        gone += connection.execute("DELETE FROM topic_curated WHERE topic_id=?", (key,)).rowcount
        gone += connection.execute("DELETE FROM topics WHERE id=?", (key,)).rowcount
    return gone


def add_links(connection: sqlite3.Connection, links: Iterable[Link], at: str, *, replace: bool = False) -> int:
    """Store links; one that exists, or was refused, stays as it is unless `replace`. Return how many changed."""
    verb = "INSERT OR REPLACE" if replace else "INSERT OR IGNORE"
    before = connection.total_changes
    connection.executemany(
        f"{verb} INTO topic_curated VALUES(?,?,?,?,?)",
        [(link.topic_id, link.record_id, link.reason, int(link.refused), at) for link in links],
    )
    return connection.total_changes - before


def unlink(connection: sqlite3.Connection, topic_id: int, record_ids: Sequence[str], reason: str, at: str) -> int:
    """Refuse links for good; return how many stood before."""
    standing = {link.record_id for link in links_of(connection, topic_id)}
    refusals = [Link(topic_id=topic_id, record_id=key, reason=reason, refused=True) for key in record_ids]
    add_links(connection, refusals, at, replace=True)
    return len(standing & set(record_ids))


def links_of(connection: sqlite3.Connection, topic_id: int, limit: int = -1) -> list[Link]:
    """Return the links of a topic, newest first; a negative limit sets none."""
    rows = connection.execute(
        "SELECT record_id, reason FROM topic_curated WHERE topic_id=? AND NOT refused"
        " ORDER BY linked_at DESC, record_id LIMIT ?",
        (topic_id, limit),
    )
    return [Link(topic_id=topic_id, record_id=key, reason=reason) for key, reason in rows]


def counts(connection: sqlite3.Connection) -> dict[int, int]:
    """Return how many records each topic has."""
    rows = connection.execute("SELECT topic_id, count(*) FROM topic_curated WHERE NOT refused GROUP BY topic_id")
    return {int(key): int(number) for key, number in rows}


def settled(connection: sqlite3.Connection, record_ids: Sequence[str]) -> set[str]:
    """Return those of the records that have a topic, or of which was decided that they have none."""
    where = f"NOT refused OR topic_id={NO_TOPIC}"
    return {row[0] for row in _among(connection, f"SELECT record_id FROM topic_curated WHERE ({where})", record_ids)}


def linked(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of all records that have any row."""
    return [row[0] for row in connection.execute("SELECT DISTINCT record_id FROM topic_curated")]


def drop_records(connection: sqlite3.Connection, record_ids: Sequence[str]) -> int:
    """Delete all rows of these records, refusals included; return how many."""
    before = connection.total_changes
    connection.executemany("DELETE FROM topic_curated WHERE record_id=?", [(key,) for key in record_ids])
    return connection.total_changes - before


def move_links(connection: sqlite3.Connection, record_ids: Sequence[str], successor: str) -> None:
    """Give the successor of records all their links and refusals, then drop the old ones."""
    connection.executemany(
        "INSERT OR IGNORE INTO topic_curated SELECT topic_id, ?, reason, refused, linked_at FROM topic_curated"
        " WHERE record_id=?",
        [(successor, key) for key in record_ids],
    )
    drop_records(connection, record_ids)


def _among(connection: sqlite3.Connection, sql: str, ids: Sequence[str]) -> Iterator[tuple[str]]:
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        yield from connection.execute(f"{sql} AND record_id IN ({','.join('?' * len(chunk))})", chunk)
