"""Storing a batch: one pass, known records recognised by their id, records that had left brought back."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from memcore.records import Draft, Record, Stored, evolve

from memcore_backends.sqlite.index import Entry, Index
from memcore_backends.sqlite.reading import load
from memcore_backends.sqlite.rows import EPISODE, record_of, table_of, to_row
from memcore_backends.sqlite.schema import CURATED, EPISODES, Table

__all__ = ["RETIREMENT", "change", "put"]

CHUNK = 5000  # records whose rows are in memory at once
RETIREMENT = ("retired_reason", "superseded_by", "retired_at")
"""What retiring adds to the metadata of a record, and reviving takes away."""


def put(connection: sqlite3.Connection, index: Index, drafts: Sequence[Draft], now: datetime) -> list[Stored]:
    """Store drafts inside the open transaction; answer in their order."""
    stored: list[Stored] = []
    with _in_bulk(connection):
        for start in range(0, len(drafts), CHUNK):
            records = [record_of(draft, now) for draft in drafts[start : start + CHUNK]]
            stored += _put_chunk(connection, index, records)
    return stored


@contextmanager
def _in_bulk(connection: sqlite3.Connection) -> Iterator[None]:
    """Spare the work that a batch has no use for, a sixth of its time.

    Freed pages need no zeros, because `erase` rewrites the file; and the garbage collector finds nothing, because all
    that a batch makes is returned.
    """
    wiping = connection.execute("PRAGMA secure_delete").fetchone()[0]
    connection.execute("PRAGMA secure_delete=OFF").fetchone()
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        connection.execute(f"PRAGMA secure_delete={wiping}").fetchone()


def _put_chunk(connection: sqlite3.Connection, index: Index, records: list[Record]) -> list[Stored]:
    episodes = [record for record in records if record.kind == EPISODE]
    curated = [record for record in records if record.kind != EPISODE] if episodes else records
    new: set[str] = set()
    for table, batch in ((CURATED, curated), (EPISODES, episodes)):
        added = _insert(connection, table, batch) if batch else []
        index.add(connection, added)
        new.update(record.id for _, record in added)
    if len(new) == len(records):
        return [Stored(record=record, state="new") for record in records]
    known = load(connection, [record.id for record in records if record.id not in new])
    return list(_answers(connection, index, records, new, known))


def _insert(connection: sqlite3.Connection, table: Table, records: list[Record]) -> Sequence[Entry]:
    """Insert the records whose id is not there yet; return them with their numbers."""
    first = connection.execute(table.first).fetchone()[0]
    step = 1 if first > 0 else -1
    numbers = range(first, first + step * len(records), step)
    done = _insert_rows(connection, table, map(to_row, records, numbers))
    entries = list(zip(numbers, records, strict=True))
    if done == len(records):
        return entries
    side = ">=" if step > 0 else "<="
    fresh = {row[0] for row in connection.execute(f"SELECT seq FROM {table.name} WHERE seq {side} ?", (first,))}
    return [entry for entry in entries if entry[0] in fresh]


def _insert_rows(connection: sqlite3.Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows without the columns that are empty in all of them: Python takes its time to bind a None."""
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    used = [(name, values) for name, values in columns if any(value is not None for value in values)]
    statement = table.insert([name for name, _ in used])
    return connection.executemany(statement, zip(*(values for _, values in used), strict=True)).rowcount


def _answers(
    connection: sqlite3.Connection,
    index: Index,
    records: Sequence[Record],
    new: set[str],
    known: Mapping[str, tuple[int, Record]],
) -> Iterator[Stored]:
    """Answer for each record of a batch in which some were known, or stood twice."""
    there: dict[str, Record] = {}
    for record in records:
        key = record.id
        if key in there:
            yield Stored(record=there[key], state="existing")
        elif key in new:
            there[key] = record
            yield Stored(record=record, state="new")
        else:
            seq, old = known[key]
            there[key] = old
            if old.status == "active" or record.status != "active":
                yield Stored(record=old, state="existing")
            else:
                there[key] = _revived(old, record)
                change(connection, index, seq, old, there[key])
                yield Stored(record=there[key], state="revived")


def _revived(old: Record, said: Record) -> Record:
    """Return a record that had left, active again: what is said now comes first, what it knew before is kept."""
    before = {key: value for key, value in old.metadata.items() if key not in RETIREMENT}
    return evolve(
        old,
        status="active",
        summary=old.summary if said.summary is None else said.summary,
        agent_id=old.agent_id if said.agent_id is None else said.agent_id,
        tags=tuple(dict.fromkeys(said.tags + old.tags)),
        entities=tuple(dict.fromkeys(said.entities + old.entities)),
        confidence=old.confidence if said.confidence is None else said.confidence,
        provenance=said.provenance,
        upstream_ids=tuple(dict.fromkeys(said.upstream_ids + old.upstream_ids)),
        source=old.source if said.source is None else said.source,
        occurred_at=old.occurred_at if said.occurred_at is None else said.occurred_at,
        metadata={**before, **said.metadata},
    )


def change(connection: sqlite3.Connection, index: Index, seq: int, old: Record, new: Record) -> None:
    """Replace the row of a record inside the open transaction, and its index entry if indexed fields differ."""
    named = {f"c{number}": value for number, value in enumerate(to_row(new, seq), 1)}
    connection.execute(table_of(new).update, named)
    if (old.summary, old.tags, old.entities) != (new.summary, new.tags, new.entities):
        index.replace(connection, seq, old, new)
