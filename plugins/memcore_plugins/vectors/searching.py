"""The strategy `vector`: nearest by bits, compared exactly, filtered by the scope, widened until enough remain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from memcore import Hit, Query

from memcore_plugins.vectors import schema
from memcore_plugins.vectors.quantise import eight_bit
from memcore_plugins.vectors.shelf import MOST_CANDIDATES, Near, Shelf
from memcore_plugins.vectors.words import question

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.vectors import Plugin, VectorsSettings

__all__ = ["by_meaning", "search"]

WIDEN = 4


def by_meaning(plugin: Plugin, engine: Engine, query: Query) -> Sequence[Hit] | None:
    """Return the records nearest to the question; None where there are no vectors or no embedder answers."""
    with plugin.asker.turn() as admitted:
        return _by_meaning(plugin, engine, query) if admitted else None


def _by_meaning(plugin: Plugin, engine: Engine, query: Query) -> Sequence[Hit] | None:
    from memcore_plugins.vectors import VectorsSettings

    connection = engine.workspace.connection()
    if not schema.prepared(connection) or not connection.execute("SELECT 1 FROM vec_curated LIMIT 1").fetchone():
        return None
    settings = engine.settings("vectors", VectorsSettings)
    text = question(query.text, schema.speakers(connection))[: settings.characters]
    answer = plugin.asker.ask(engine, text, pause=settings.pause)
    if answer is None:
        return None
    embedder, vector = answer
    shelf = Shelf.find(connection, embedder.model, len(vector))
    return search(engine, query, shelf, eight_bit(vector), settings) if shelf else None


def search(engine: Engine, query: Query, shelf: Shelf, vector: bytes, settings: VectorsSettings) -> list[Hit]:
    """Return the records nearest to an eight-bit vector inside the query's scope.

    The score is the cosine beyond what the model gives unrelated texts: 0 for those, 1 for the same text. So a score
    means the same whatever the model.
    """
    wanted = max(query.limit, settings.hits)
    picked = _Picked(engine, query, wanted, shelf.baseline() or 0.0)
    if query.scope.ids:
        picked.add(shelf.exact(vector, query.scope.ids))
        return picked.hits
    spaces = shelf.spaces(query.scope.namespaces) if query.scope.namespaces else None
    if spaces == []:
        return []
    few = 2 * settings.candidates  # so many are compared as fast as they are narrowed down
    if shelf.count(spaces, few + 1) <= few:
        picked.add(shelf.all_of(vector, spaces, few))
        return picked.hits
    k = max(settings.candidates, wanted)
    while True:
        near = shelf.nearest(vector, k, spaces)
        picked.add(near)
        if len(picked.hits) >= query.limit or len(near) < k:
            return picked.hits
        if k >= MOST_CANDIDATES:
            break
        k = min(k * WIDEN, MOST_CANDIDATES)
    ids = [record.id for record in islice(engine.scan(query.scope), settings.scan_limit)]
    picked.add(shelf.exact(vector, ids))  # a narrow scope in a large memory: its records one by one
    return picked.hits


class _Picked:
    """Collect hits inside the scope, the nearest first; each record is read once, and no more than are wanted."""

    def __init__(self, engine: Engine, query: Query, wanted: int, baseline: float) -> None:
        self._engine, self._query, self._wanted = engine, query, wanted
        self._baseline = min(baseline, 0.95)
        self._seen: set[str] = set()
        self.hits: list[Hit] = []

    def add(self, near: Near) -> None:
        """Read the records of a list, nearest first, until enough are inside the scope."""
        new = [(key, cosine) for key, cosine in near if key not in self._seen]
        start = 0
        while start < len(new) and len(self.hits) < self._wanted:
            part = new[start : start + self._wanted]
            start += len(part)
            self._read(part)
        self.hits.sort(key=lambda hit: (-hit.score, hit.record.id))

    def _read(self, part: Sequence[tuple[str, float]]) -> None:
        cosine = dict(part)
        self._seen.update(cosine)
        for record in self._engine.get(list(cosine)):
            if self._query.scope.admits(record):
                score = max(0.0, (cosine[record.id] - self._baseline) / (1 - self._baseline))
                self.hits.append(Hit(record=record, score=score, strategies={"vector": score}))
