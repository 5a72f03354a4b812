"""Embedding what has no vector yet: in batches, each committed, so that a kill costs one batch at most."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import frozen
from memcore import Capability, Scope
from memcore.errors import UnavailableError

from memcore_plugins.vectors import waiting as queue
from memcore_plugins.vectors.embedding import embed
from memcore_plugins.vectors.job import Job
from memcore_plugins.vectors.pause import describe
from memcore_plugins.vectors.quantise import eight_bit
from memcore_plugins.vectors.schema import delete, drop_models
from memcore_plugins.vectors.shelf import Shelf
from memcore_plugins.vectors.words import passage

if TYPE_CHECKING:
    from memcore import Embedder, Engine, Record

    from memcore_plugins.vectors import VectorsSettings

__all__ = ["Step", "count_missing", "due", "find_missing", "open_shelf", "run", "tidy"]

PROBE = "memory"
"""A text every embedder can embed: whether it answers, and whether it is still the same model."""
NO_DIRECTION = "its vector has no direction"
UNRELATED = (
    "The ferry to the island leaves at seven in the morning.",
    "Compile the module again without optimisation.",
    "Meine Großmutter züchtet Tomaten auf dem Balkon.",
    "The judge adjourned the hearing until Thursday.",
    "低気圧が近づいて、明日は雪になるでしょう。",
    "Whisk the egg whites before you add the sugar.",
    "Le violoncelle est accordé un demi-ton trop bas.",
    "Her left knee still hurts after the operation.",
)
"""Texts that have nothing to do with each other: models differ in the cosine they give such pairs, from 0.0 to 0.8."""
PAGE = 1000


@frozen(kw_only=True)
class Step:
    """What one batch came to: texts that got a vector, that cannot be embedded, and that are no longer wanted."""

    embedded: int = 0
    refused: int = 0
    gone: int = 0

    @property
    def settled(self) -> int:
        """Return how many records no longer wait."""
        return self.embedded + self.refused + self.gone


def open_shelf(engine: Engine, embedder: Embedder, origin: str, *, patient: bool = False) -> Shelf:
    """Return the shelf of the embedder's model, after proof that it answers and is the model that it was.

    A question must be answered within the embedder's time for questions; `patient` gives it the time of a batch first,
    to load its model.
    """
    if patient:
        embed(embedder, [PROBE])
    (probe,) = embed(embedder, [PROBE], query=True)
    known = Shelf.find(engine.workspace.connection(), embedder.model, len(probe))
    measured = known is not None and known.baseline() is not None
    unrelated = embed(embedder, UNRELATED) if patient and not measured else None
    with engine.workspace.transaction() as connection:
        shelf = Shelf.open(connection, embedder.model, len(probe), engine.now())
        if not shelf.recognise(probe, engine.now()):
            shelf = Shelf.open(connection, embedder.model, len(probe), engine.now())
            shelf.recognise(probe, engine.now())
        if unrelated is not None:
            shelf.note_baseline(unrelated)
        shelf.note_origin(origin)
    return shelf


def due(shelf: Shelf, now: datetime, days: float) -> bool:
    """Return whether all records should be looked through again for missing vectors."""
    scanned = shelf.scanned()
    return scanned is None or datetime.fromisoformat(scanned) + timedelta(days=days) <= now


def find_missing(engine: Engine, shelf: Shelf, *, everything: bool = False) -> None:
    """Note every active record without a vector of this model (or all of them) as waiting; drop vectors of others."""
    for page in _pages(engine):
        have = set() if everything else shelf.having([record.id for record in page])
        with engine.workspace.transaction() as connection:
            queue.note(connection, (record for record in page if record.id not in have))
    if Capability.TRANSACTIONAL in engine.backend.capabilities:
        _drop_orphans(engine)
    with engine.workspace.transaction():
        shelf.note_scan(engine.now())


def count_missing(engine: Engine, shelf: Shelf | None) -> int:
    """Return how many active records have no vector of this model; changes nothing."""
    ids = ([record.id for record in page] for page in _pages(engine))
    return sum(len(page) - (len(shelf.having(page)) if shelf else 0) for page in ids)


def _pages(engine: Engine) -> Iterator[list[Record]]:
    records = engine.scan(Scope())
    while page := list(islice(records, PAGE)):
        yield page


def _drop_orphans(engine: Engine) -> None:
    """Delete vectors of records that left active memory while this plugin was switched off."""
    last = 0
    while True:
        query = "SELECT seq, record_id FROM vec_curated WHERE seq>? ORDER BY seq LIMIT ?"
        rows = engine.workspace.connection().execute(query, (last, PAGE)).fetchall()
        if not rows:
            return
        last, ids = rows[-1][0], [str(row[1]) for row in rows]
        active = {record.id for record in engine.get(ids) if record.status == "active"}
        if orphans := [key for key in ids if key not in active]:
            with engine.workspace.transaction() as connection:
                delete(connection, orphans)


def run(
    engine: Engine, embedder: Embedder, settings: VectorsSettings, limit: int | None = None, *, ahead: bool = False
) -> Generator[Step]:
    """Embed what waits, the most important first; yield what each batch came to, after it is committed.

    With `ahead`, one batch is embedded while the one before it is stored. Raises what the embedder raises when it does
    not answer any more; what was not stored then waits again. Close it (`contextlib.closing`) if you leave it early.
    """
    begun: list[_Batch] = []
    left = limit
    try:
        while True:
            size = settings.batch if left is None else min(settings.batch, left)
            with engine.workspace.transaction() as connection:
                ids = queue.take(connection, size, {key for batch in begun for key in batch.ids})
            if ids:
                begun.append(_begin(engine, embedder, ids, settings.characters, begun[-1].job if begun else None))
                left = None if left is None else left - len(ids)
            elif not begun:
                return
            if not ids or len(begun) > ahead:
                yield _store(engine, embedder, begun)
    finally:
        if begun and not engine.workspace.closed:
            with engine.workspace.transaction() as connection:
                for batch in begun:
                    queue.give_back(connection, batch.ids)


@frozen
class _Batch:
    ids: list[str]
    records: list[Record]
    job: Job[list[Sequence[float] | str]]


def _begin(engine: Engine, embedder: Embedder, ids: list[str], characters: int, after: Job[Any] | None) -> _Batch:
    records = [record for record in engine.get(ids) if record.status == "active"]
    texts = [passage(record, characters) for record in records]
    return _Batch(ids, records, Job(_embedded, embedder, texts, after=after))


def _store(engine: Engine, embedder: Embedder, begun: list[_Batch]) -> Step:
    """Store the oldest batch begun, as far as its records still wait, and take it off the list."""
    batch = begun[0]
    found = _stored(batch.job.result())
    with engine.workspace.transaction() as connection:
        wanted = queue.still_wanted(connection, batch.ids)
        good: dict[int, list[tuple[Record, bytes]]] = {}
        bad = []
        for record, vector in zip(batch.records, found, strict=True):
            if record.id in wanted and isinstance(vector, bytes):
                good.setdefault(len(vector), []).append((record, vector))
            elif record.id in wanted:
                bad.append((record.id, str(vector)))
        for dimension, rows in good.items():
            Shelf.open(connection, embedder.model, dimension, engine.now()).put(rows)
        queue.refuse(connection, bad)
        queue.settle(connection, wanted.difference(record.id for record in batch.records))
    begun.pop(0)
    embedded = sum(map(len, good.values()))
    return Step(embedded=embedded, refused=len(bad), gone=len(batch.ids) - embedded - len(bad))


def _embedded(embedder: Embedder, texts: Sequence[str]) -> list[Sequence[float] | str]:
    """Return the vector of each text, or why it has none; raises if the embedder is what fails."""
    if not texts:
        return []
    try:
        return list(embed(embedder, texts))
    except Exception:  # noqa: BLE001 - embedders raise anything; the probe tells a bad text from a dead embedder
        embed(embedder, [PROBE])
    found: list[Sequence[float] | str] = []
    for text in texts:
        try:
            found.append(embed(embedder, [text])[0])
        except Exception as error:  # noqa: BLE001 - as above
            embed(embedder, [PROBE])
            found.append(describe(error))
    return found


def _stored(found: Sequence[Sequence[float] | str]) -> list[bytes | str]:
    """Return the eight-bit vectors; one that has no direction becomes a problem of its text, several a broken model."""
    told: list[bytes | str] = []
    for vector in found:
        try:
            told.append(vector if isinstance(vector, str) else eight_bit(vector))
        except ValueError:
            told.append(NO_DIRECTION)
    if len(told) > 1 and all(vector == NO_DIRECTION for vector in told):
        raise UnavailableError(
            "the embedder gives zeros or no numbers", cure="look at its log, or choose another model"
        )
    return told


def tidy(engine: Engine, shelf: Shelf) -> int:
    """Delete the vectors of other models once nothing waits any more; return how many there were."""
    if queue.waiting(engine.workspace.connection()):
        return 0
    with engine.workspace.transaction() as connection:
        return drop_models(connection, shelf.model)
