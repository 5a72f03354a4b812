"""The tables of decisions: the queue, the records each item is about, and those that upkeep has yet to compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen
from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

    from memcore.records import DecisionItem, DecisionRequest

__all__ = [
    "NAMES", "TABLES", "Item", "about", "add_unchecked", "counts", "delete", "drop_unchecked", "find", "fingerprint",
    "insert", "item_id", "items", "load", "move", "note_result", "text_of", "unchecked", "waits",
]  # fmt: skip

NAMES = ("decisions",)
"""The tables this plugin owns, with those whose names begin like this one."""

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE decisions(id TEXT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, question TEXT NOT NULL, "
        "options TEXT NOT NULL, record_ids TEXT NOT NULL, evidence TEXT NOT NULL, deadline TEXT NOT NULL, "
        "status TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at TEXT NOT NULL, history TEXT NOT NULL) STRICT",
        "CREATE INDEX decisions_due ON decisions(status, deadline)",
        "CREATE TABLE decisions_records(record_id TEXT NOT NULL, decision_id TEXT NOT NULL, "
        "PRIMARY KEY(record_id, decision_id)) STRICT, WITHOUT ROWID",
        "CREATE TABLE decisions_unchecked(number INTEGER PRIMARY KEY AUTOINCREMENT, "
        "record_id TEXT NOT NULL UNIQUE) STRICT",
    )
]

Status = Literal["queued", "answered", "moot"]

_COLUMNS = "id, kind, key, question, options, record_ids, evidence, deadline, status, fingerprint, created_at, history"


@frozen(kw_only=True)
class Item:
    """One row of the queue. `history` holds every answer, reopening and withdrawal, oldest first."""

    id: str
    kind: str
    key: str
    question: str
    options: tuple[str, ...]
    record_ids: tuple[str, ...]
    evidence: Mapping[str, Any]
    deadline: datetime
    status: Status
    fingerprint: str
    created_at: datetime
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def last_choice(self) -> str:
        """Return the choice of the last answer, empty if there was none."""
        return next((str(event["choice"]) for event in reversed(self.history) if event["event"] == "answered"), "")

    def asked(self) -> DecisionItem:
        """Return the item as the hooks know it."""
        from memcore.records import DecisionItem, DecisionRequest

        request = DecisionRequest(
            kind=self.kind,
            key=self.key,
            question=self.question,
            options=self.options,
            record_ids=self.record_ids,
            evidence=self.evidence,
            deadline=self.deadline,
        )
        return DecisionItem(id=self.id, request=request)


def item_id(key: str) -> str:
    """Return the id of the item with this key: asking twice finds the same item."""
    return "d" + hashlib.sha256(key.encode()).hexdigest()[:15]


def text_of(at: datetime) -> str:
    """Return a time as it is stored: ISO-8601 in UTC."""
    return at.astimezone(UTC).isoformat()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def fingerprint(request: DecisionRequest) -> str:
    """Return a digest of what the judgment rests on: the evidence, the records and the options."""
    ground = [list(request.options), sorted(request.record_ids), dict(request.evidence)]
    return hashlib.sha256(_json(ground).encode()).hexdigest()


def insert(connection: sqlite3.Connection, item: Item) -> None:
    """Store a new item or a new state of one, and which records it is about."""
    connection.execute(
        f"INSERT OR REPLACE INTO decisions({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        (item.id, item.kind, item.key, item.question, _json(list(item.options)), _json(list(item.record_ids)),
         _json(dict(item.evidence)), text_of(item.deadline), item.status, item.fingerprint, text_of(item.created_at),
         _json([dict(event) for event in item.history])),
    )  # fmt: skip
    connection.execute("DELETE FROM decisions_records WHERE decision_id=?", (item.id,))
    connection.executemany(
        "INSERT OR IGNORE INTO decisions_records VALUES(?,?)", [(key, item.id) for key in item.record_ids]
    )


def move(connection: sqlite3.Connection, item: Item, status: Status, event: Mapping[str, Any]) -> None:
    """Give an item another status and add the reason to its history."""
    connection.execute(
        "UPDATE decisions SET status=?, history=? WHERE id=?",
        (status, _json([*map(dict, item.history), dict(event)]), item.id),
    )


def note_result(connection: sqlite3.Connection, key: str, record_id: str) -> None:
    """Note which record came of the last answer to an item, and that the item is about it."""
    item = load(connection, key)
    if item is not None and item.history:
        history = (*item.history[:-1], {**item.history[-1], "record_id": record_id})
        insert(
            connection, evolve(item, record_ids=tuple(dict.fromkeys((*item.record_ids, record_id))), history=history)
        )


def load(connection: sqlite3.Connection, key: str) -> Item | None:
    """Return the item with this id, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM decisions WHERE id=?", (key,)).fetchone()
    return _item(row) if row else None


def find(connection: sqlite3.Connection, beginning: str) -> list[str]:
    """Return the ids that begin like this."""
    rows = connection.execute(
        "SELECT id FROM decisions WHERE substr(id, 1, ?)=? ORDER BY id", (len(beginning), beginning)
    )
    return [row[0] for row in rows]


def items(connection: sqlite3.Connection, status: str = "", kind: str = "") -> list[Item]:
    """Return the items of a status and kind (empty: any), the most urgent first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM decisions WHERE (?='' OR status=?) AND (?='' OR kind=?) ORDER BY deadline, id",
        (status, status, kind, kind),
    )
    return [_item(row) for row in rows]


def waits(connection: sqlite3.Connection, kind: str) -> bool:
    """Return whether an item of this kind is queued."""
    found = connection.execute("SELECT 1 FROM decisions WHERE status='queued' AND kind=? LIMIT 1", (kind,)).fetchone()
    return found is not None


def about(connection: sqlite3.Connection, record_ids: Iterable[str]) -> list[Item]:
    """Return the items about any of these records, of any status."""
    found: dict[str, None] = {}
    for key in record_ids:
        for row in connection.execute("SELECT decision_id FROM decisions_records WHERE record_id=?", (key,)):
            found[row[0]] = None
    return [item for key in sorted(found) if (item := load(connection, key)) is not None]


def _item(row: Sequence[Any]) -> Item:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    for name in ("options", "record_ids", "history"):
        values[name] = tuple(json.loads(values[name]))
    for name in ("deadline", "created_at"):
        values[name] = datetime.fromisoformat(values[name])
    values["evidence"] = json.loads(values["evidence"])
    return Item(**values)


def delete(connection: sqlite3.Connection, keys: Iterable[str]) -> int:
    """Delete items with their history and return how many there were."""
    count = 0
    for key in keys:
        connection.execute("DELETE FROM decisions_records WHERE decision_id=?", (key,))
        count += connection.execute("DELETE FROM decisions WHERE id=?", (key,)).rowcount
    return count


def counts(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return the number of items by (status, kind)."""
    rows = connection.execute(
        "SELECT status, kind, count(*) FROM decisions GROUP BY status, kind ORDER BY status, kind"
    )
    return {(status, kind): number for status, kind, number in rows}


def add_unchecked(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Leave records for upkeep to look for conflicts."""
    connection.executemany(
        "INSERT OR REPLACE INTO decisions_unchecked(record_id) VALUES(?)", [(key,) for key in record_ids]
    )


def unchecked(connection: sqlite3.Connection, limit: int = -1) -> list[str]:
    """Return the records left for upkeep, the last written first; a negative limit means all."""
    rows = connection.execute("SELECT record_id FROM decisions_unchecked ORDER BY number DESC LIMIT ?", (limit,))
    return [row[0] for row in rows]


def drop_unchecked(connection: sqlite3.Connection, record_ids: Iterable[str]) -> int:
    """Take records off the list and return how many were on it."""
    return sum(
        connection.execute("DELETE FROM decisions_unchecked WHERE record_id=?", (key,)).rowcount for key in record_ids
    )
