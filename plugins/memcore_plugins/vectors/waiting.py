"""What waits for a vector: in order of importance, taken batch by batch, safe for several processes at once.

Taking a batch counts as a try of its records, and what was tried comes last. So two processes work on different
batches, a kill costs the order of one batch and nothing else, and a text that kills the embedder cannot block the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from memcore_plugins.vectors.schema import chunks, marks

if TYPE_CHECKING:
    from memcore import Record

__all__ = [
    "IMPORTANCE",
    "forgive",
    "give_back",
    "note",
    "refuse",
    "refused",
    "settle",
    "still_wanted",
    "take",
    "waiting",
]

IMPORTANCE = ("identity", "fact", "world", "opinion", "pattern", "knowledge", "observation", "experience")
"""Kinds in the order in which they get their vectors; all others follow, episodes last."""
MOST_TRIES = 5
"""Tries without an end after which a text is taken to kill the embedder."""

_RANK = {kind: place for place, kind in enumerate(IMPORTANCE)}


def note(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Note records that have no vector of their present text yet; what waits already stays as it is."""
    rows = ((r.id, _place(r.kind), int((r.occurred_at or r.created_at).timestamp())) for r in records)
    connection.executemany("INSERT OR IGNORE INTO vec_curated_pending(record_id, place, told) VALUES(?,?,?)", rows)


def _place(kind: str) -> int:
    return _RANK.get(kind, len(_RANK) + (kind == "episode"))


def waiting(connection: sqlite3.Connection) -> int:
    """Return how many records wait for a vector, without those whose text cannot be embedded."""
    return int(connection.execute("SELECT count(*) FROM vec_curated_pending WHERE problem=''").fetchone()[0])


def take(connection: sqlite3.Connection, count: int, without: Collection[str] = ()) -> list[str]:
    """Return the ids of the next batch, the most important and newest first; call inside a transaction.

    `without` are those that the caller has taken already and not finished yet.
    """
    connection.execute(
        "UPDATE vec_curated_pending SET problem='the embedder died of it' WHERE problem='' AND tries>=?", (MOST_TRIES,)
    )
    rows = connection.execute(
        "SELECT record_id FROM vec_curated_pending WHERE problem='' ORDER BY tries, place, told DESC LIMIT ?",
        (count + len(without) if count else 0,),
    )
    ids = [str(row[0]) for row in rows if row[0] not in without][:count]
    connection.executemany("UPDATE vec_curated_pending SET tries=tries+1 WHERE record_id=?", [(key,) for key in ids])
    return ids


def give_back(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Undo the taking of a batch that failed through no fault of its texts."""
    given = [(key,) for key in ids]
    connection.executemany("UPDATE vec_curated_pending SET tries=max(0, tries-1) WHERE record_id=?", given)


def still_wanted(connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    """Return those that still wait: the others were retired, forgotten or embedded by another process meanwhile."""
    found: set[str] = set()
    for part in chunks(ids):
        statement = f"SELECT record_id FROM vec_curated_pending WHERE record_id IN ({marks(part)})"
        found.update(str(row[0]) for row in connection.execute(statement, part))
    return found


def settle(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Take records off the list."""
    connection.executemany("DELETE FROM vec_curated_pending WHERE record_id=?", [(key,) for key in ids])


def refuse(connection: sqlite3.Connection, problems: Iterable[tuple[str, str]]) -> None:
    """Note (record id, problem) of texts that cannot be embedded, so that they do not hold up the others."""
    rows = [(problem, key) for key, problem in problems]
    connection.executemany("UPDATE vec_curated_pending SET problem=? WHERE record_id=?", rows)


def refused(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return (record id, problem) of the texts that cannot be embedded."""
    rows = connection.execute("SELECT record_id, problem FROM vec_curated_pending WHERE problem<>'' ORDER BY record_id")
    return [(str(key), str(problem)) for key, problem in rows]


def forgive(connection: sqlite3.Connection) -> None:
    """Let everything that was refused or tried be tried anew."""
    connection.execute("UPDATE vec_curated_pending SET problem='', tries=0 WHERE problem<>'' OR tries>0")
