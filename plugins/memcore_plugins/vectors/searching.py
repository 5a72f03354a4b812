"""The strategy `vector`: nearest by bits, compared exactly, filtered by the scope, widened until enough remain."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from memcore import Hit, Query

from memcore_plugins.vectors.embedding import embed
from memcore_plugins.vectors.schema import MOST_CANDIDATES, Shelf
from memcore_plugins.vectors.words import question

if TYPE_CHECKING:
    from memcore import Embedder, Engine
    from memcore.records import Finding

__all__ = ["other_models", "search"]

WIDEN = 4


def search(engine: Engine, query: Query, embedder: Embedder, names: Collection[str]) -> list[Hit]:
    """Return the records nearest to the question inside its scope, scored by cosine."""
    from memcore_plugins.vectors import VectorsSettings

    settings = engine.settings("vectors", VectorsSettings)
    shelf = Shelf(engine.workspace.connection(), embedder.model)
    if shelf.model is None:
        return []
    (vector,) = embed(embedder, [question(query.text, names)], query=True)
    wanted, k = min(query.limit, settings.candidates), settings.candidates
    while True:
        near = shelf.nearest(vector, k)
        hits = _hits(engine, query, near)
        if len(hits) >= wanted or len(near) < k or k >= MOST_CANDIDATES:
            break
        k = min(k * WIDEN, MOST_CANDIDATES)
    if len(hits) < wanted and len(near) >= k:  # a small scope in a large memory: compare its records one by one
        ids = [record.id for record in islice(engine.scan(query.scope), settings.scan_limit)]
        hits = _hits(engine, query, shelf.exact(vector, ids))
    return hits[: max(query.limit, settings.candidates)]


def _hits(engine: Engine, query: Query, near: Sequence[tuple[str, float]]) -> list[Hit]:
    cosine = dict(near)
    records = [record for record in engine.get(list(cosine)) if query.scope.admits(record)]
    return [Hit(record=r, score=cosine[r.id], strategies={"vector": cosine[r.id]}) for r in records]


def other_models(engine: Engine, fingerprint: str) -> Iterator[Finding]:
    """Yield a finding for each model whose vectors are of no use to the chosen one."""
    from memcore.records import Finding

    rows = engine.workspace.connection().execute(
        "SELECT fingerprint, count(seq) FROM vec_models JOIN vec_curated ON model = vec_models.id"
        " WHERE fingerprint <> ? GROUP BY fingerprint",
        (fingerprint,),
    )
    for name, count in rows:
        message = f"{count} vectors were made by {name}, the chosen model is {fingerprint}: they are not searched"
        yield Finding(code="vectors.model", severity="warning", message=message, cure="memcore backfill-vectors")
