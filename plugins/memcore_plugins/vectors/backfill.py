"""Embedding what has no vector yet: in batches, each committed, so that a kill costs one batch at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from memcore import Record, Scope

from memcore_plugins.vectors.embedding import embed
from memcore_plugins.vectors.schema import Shelf, chunks, note_pending
from memcore_plugins.vectors.words import passage, speaker_of

if TYPE_CHECKING:
    from memcore import Embedder, Engine

    from memcore_plugins.vectors import VectorsSettings

__all__ = ["IMPORTANCE", "find_missing", "pending", "run"]

IMPORTANCE = ("identity", "fact", "world", "opinion", "pattern", "knowledge", "observation", "experience")
"""Kinds in the order in which they get their vectors; all others follow, episodes last."""


def find_missing(engine: Engine, shelf: Shelf) -> int:
    """Note every active record without a vector of this model as pending; return how many wait."""
    records = engine.scan(Scope())
    while page := list(islice(records, 1000)):
        have = shelf.having([record.id for record in page])
        missing = [record.id for record in page if record.id not in have]
        names = {(speaker,) for record in page if (speaker := speaker_of(record))}
        with engine.workspace.transaction() as connection:
            note_pending(connection, missing)
            connection.executemany("INSERT OR IGNORE INTO vec_curated_names VALUES(?)", sorted(names))
    return pending(engine)


def pending(engine: Engine) -> int:
    """Return how many records wait for a vector."""
    return int(engine.workspace.connection().execute("SELECT count(*) FROM vec_curated_pending").fetchone()[0])


def run(engine: Engine, embedder: Embedder, settings: VectorsSettings, limit: int | None = None) -> Iterator[int]:
    """Embed what waits, the most important first; yield the size of each batch after it is committed."""
    shelf = Shelf(engine.workspace.connection(), embedder.model)
    for batch in _batches(_queue(engine, limit), settings.batch):
        vectors = embed(embedder, [passage(record, settings.characters) for record in batch])
        with engine.workspace.transaction():
            shelf.open(embedder.dimension, engine.now())
            shelf.put(zip((record.id for record in batch), vectors, strict=True))
        yield len(batch)


def _queue(engine: Engine, limit: int | None) -> list[Record]:
    connection = engine.workspace.connection()
    waiting = [str(row[0]) for row in connection.execute("SELECT record_id FROM vec_curated_pending")]
    rank = {kind: place for place, kind in enumerate(IMPORTANCE)}
    found: list[tuple[int, float, str]] = []
    for part in chunks(waiting):
        records = {record.id: record for record in engine.get(part) if record.status == "active"}
        gone = [(key,) for key in part if key not in records]
        if gone:
            with engine.workspace.transaction() as writing:
                writing.executemany("DELETE FROM vec_curated_pending WHERE record_id=?", gone)
        found += [(_place(r, rank), -(r.occurred_at or r.created_at).timestamp(), r.id) for r in records.values()]
    ids = [key for _, _, key in sorted(found)[:limit]]
    return _Records(engine, ids)  # type: ignore[return-value]


class _Records(Iterable[Record]):
    """Records by id, read a part at a time, so that a million of them never stand in memory."""

    def __init__(self, engine: Engine, ids: list[str]) -> None:
        self._engine, self._ids = engine, ids

    def __iter__(self) -> Iterator[Record]:
        for part in chunks(self._ids):
            yield from self._engine.get(part)


def _place(record: Record, rank: dict[str, int]) -> int:
    return rank.get(record.kind, len(rank) + (record.kind == "episode"))


def _batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    rest = iter(records)
    while batch := list(islice(rest, size)):
        yield batch
