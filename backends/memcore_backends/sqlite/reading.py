"""Reading records: by id, page by page, and around a turn of a conversation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from memcore.records import Page, Record, Scope

from memcore_backends.sqlite.rows import to_record
from memcore_backends.sqlite.schema import CURATED, EPISODES, placeholders
from memcore_backends.sqlite.scope import Condition, tables_of

__all__ = ["entries", "load", "neighbours", "scan"]

CHUNK = 900  # ids looked up with one statement; old SQLite versions bind no more than 999 values
MOST_ROWS = 2**31


def load(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[int, Record]]:
    """Return the records with these ids and their `seq`, by id; unknown ids are left out."""
    found: dict[str, tuple[int, Record]] = {}
    for table in (CURATED, EPISODES):
        own = [
            key for key in ids if key[:1] == table.letter and key.isascii()
        ]  # the first letter of an id names its table
        for start in range(0, len(own), CHUNK):
            chunk = own[start : start + CHUNK]
            for row in connection.execute(table.select(f"WHERE id IN ({placeholders(len(chunk))})"), chunk):
                found[row[1]] = (row[0], to_record(row))
    return found


def entries(connection: sqlite3.Connection, scope: Scope) -> list[tuple[int, Record]]:
    """Return every record of a scope with its `seq`."""
    condition = Condition(scope)
    return [
        (row[0], to_record(row))
        for table in tables_of(scope)
        for row in connection.execute(table.select(f"WHERE {condition.sql}"), condition.values)
    ]


def scan(connection: sqlite3.Connection, scope: Scope, after: int | None, limit: int) -> Page:
    """Return one page in the order of writing, episodes last; `after` is the `seq` of the last record given."""
    condition, wanted = Condition(scope), min(limit, MOST_ROWS)
    rows: list[tuple[int, Record]] = []
    for table in tables_of(scope):
        if after is not None and (after > 0) is not (table is CURATED):
            if table is CURATED:
                continue  # the cursor stands among the episodes: this table is done
            after = None
        sign, direction = (">", "ASC") if table is CURATED else ("<", "DESC")
        where, values = condition.sql, list(condition.values)
        if after is not None:
            where, values = f"{where} AND seq {sign} ?", [*values, after]
        sql = table.select(f"{condition.access(table)} WHERE {where} ORDER BY seq {direction} LIMIT ?")
        rows += [(row[0], to_record(row)) for row in connection.execute(sql, [*values, wanted + 1 - len(rows)])]
        if len(rows) > wanted:
            return Page(records=[record for _, record in rows[:wanted]], next=str(rows[wanted - 1][0]))
    return Page(records=[record for _, record in rows])


def neighbours(connection: sqlite3.Connection, ids: Sequence[str], before: int, after: int) -> dict[str, list[Record]]:
    """Return the active records of the same session and namespace around each of these, in conversation order."""
    found: dict[str, list[Record]] = {}
    for key, (seq, record) in load(connection, ids).items():
        found[key] = []
        if seq < 0:
            place = connection.execute("SELECT session_id, position FROM episodes WHERE seq=?", (seq,)).fetchone()
            here = (record.namespace, *place, -seq)
            found[key] += reversed(list(_around(connection, here, "<", "DESC", before)))
            found[key] += _around(connection, here, ">", "ASC", after)
    return found


def _around(
    connection: sqlite3.Connection, here: tuple[str, str | None, float, int], side: str, direction: str, count: int
) -> Iterator[Record]:
    """Yield the records on one side of a place in a session, nearest first; turns at one position count by arrival."""
    sql = EPISODES.select(
        "WHERE namespace = ? AND session_id = ? AND status = 'active'"
        f" AND (position, -seq) {side} (?, ?) ORDER BY position {direction}, -seq {direction} LIMIT ?"
    )
    return map(to_record, connection.execute(sql, (*here, max(0, count))))
