"""Reading and writing the tables of dialectic: the evidence is the truth, the rest is computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import fields, frozen

from memcore_plugins.dialectic.phases import Evidence
from memcore_plugins.dialectic.tables import text_of

if TYPE_CHECKING:
    import sqlite3

    from memcore_plugins.dialectic.phases import Assessment

__all__ = [
    "Pattern", "add_evidence", "delete_evidence", "drop_pattern", "evidence", "known", "patterns", "save", "set_record",
]  # fmt: skip


@frozen(kw_only=True)
class Pattern:
    """One row of `u_patterns`: the state the last upkeep left, with the record that tells it when verified."""

    id: str
    namespace: str
    subject: str
    tag: str
    status: str
    source: str
    confidence: float
    verified_at: str | None
    last_updated: str
    why: str
    record_id: str | None


def add_evidence(connection: sqlite3.Connection, rows: Iterable[tuple[str, str, str, Evidence]]) -> int:
    """Store (pattern id, namespace, tag, evidence) rows that are new; return how many were.

    Evidence that arrives again keeps what it is and the earliest of its dates.
    """
    before = connection.total_changes
    for pattern_id, namespace, tag, item in rows:
        connection.execute(
            "INSERT INTO u_observations VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET at=excluded.at "
            "WHERE excluded.at < at",
            (item.id, pattern_id, item.record_id, namespace, item.subject, tag, item.stance, item.source, item.text,
             item.session, text_of(item.at), item.excluded),
        )  # fmt: skip
    return connection.total_changes - before


def evidence(
    connection: sqlite3.Connection, keys: Iterable[str] | None = None
) -> dict[str, tuple[str, str, list[Evidence]]]:
    """Return namespace, tag and evidence by pattern id, of these patterns or of all."""
    if keys is not None:
        return {
            key: value for one in keys for key, value in _evidence(connection, "WHERE pattern_id=?", (one,)).items()
        }
    return _evidence(connection, "", ())


def _evidence(
    connection: sqlite3.Connection, where: str, values: tuple[str, ...]
) -> dict[str, tuple[str, str, list[Evidence]]]:
    found: dict[str, tuple[str, str, list[Evidence]]] = {}
    rows = connection.execute(
        "SELECT pattern_id, namespace, tag, id, record_id, subject, stance, source, text, session, at, excluded "
        f"FROM u_observations {where} ORDER BY pattern_id, at, id",
        values,
    )
    for pattern_id, namespace, tag, key, record_id, subject, stance, source, text, session, at, excluded in rows:
        item = Evidence(
            id=key,
            record_id=record_id,
            subject=subject,
            stance=stance,
            source=source,
            text=text,
            session=session,
            at=datetime.fromisoformat(at),
            excluded=excluded,
        )
        found.setdefault(pattern_id, (namespace, tag, []))[2].append(item)
    return found


def patterns(connection: sqlite3.Connection) -> dict[str, Pattern]:
    """Return the stored state of every pattern by id, in a stable order."""
    names = [item.name for item in fields(Pattern)]
    rows = connection.execute(f"SELECT {', '.join(names)} FROM u_patterns ORDER BY namespace, subject, tag")
    return {row[0]: Pattern(**dict(zip(names, row, strict=True))) for row in rows}


def known(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of all stored patterns."""
    return {row[0] for row in connection.execute("SELECT id FROM u_patterns")}


def set_record(connection: sqlite3.Connection, key: str, record_id: str | None) -> None:
    """Store which record tells a verified pattern."""
    connection.execute("UPDATE u_patterns SET record_id=? WHERE id=?", (record_id, key))


def save(
    connection: sqlite3.Connection, key: str, namespace: str, tag: str, state: Assessment, record_id: str | None
) -> None:
    """Store what the evidence says of one pattern, with its way through the phases."""
    connection.execute(
        "INSERT OR REPLACE INTO u_patterns VALUES(?,?,?,?,?,?,?,?,?,?,?)",
        (key, namespace, state.subject, tag, state.status, state.source, state.confidence,
         text_of(state.verified_at) if state.verified_at else None, text_of(state.last_updated), state.why, record_id),
    )  # fmt: skip
    tables = {"formed": "u_hypotheses", "dropped": "u_hypotheses"}
    for table in ("u_hypotheses", "u_verifications"):
        connection.execute(f"DELETE FROM {table} WHERE pattern_id=?", (key,))
    for number, step in enumerate(state.steps):
        connection.execute(
            f"INSERT INTO {tables.get(step.event, 'u_verifications')} VALUES(?,?,?,?,?,?)",
            (key, number, step.event, text_of(step.at), step.confidence, step.sessions),
        )


def drop_pattern(connection: sqlite3.Connection, key: str) -> None:
    """Remove a pattern that has no evidence left."""
    for table in ("u_hypotheses", "u_verifications"):
        connection.execute(f"DELETE FROM {table} WHERE pattern_id=?", (key,))
    connection.execute("DELETE FROM u_patterns WHERE id=?", (key,))


def delete_evidence(connection: sqlite3.Connection, record_ids: Sequence[str]) -> int:
    """Delete all evidence that came from these records and return how much it was."""
    count = 0
    for key in dict.fromkeys(record_ids):
        count += connection.execute("DELETE FROM u_observations WHERE record_id=?", (key,)).rowcount
        connection.execute("DELETE FROM u_shown WHERE record_id=?", (key,))
    return count
