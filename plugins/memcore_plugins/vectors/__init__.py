"""vectors: recall by meaning, over the records of any backend, with sqlite-vec and the embedder of your choice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Hit, PluginInfo, Query, hookimpl

from memcore_plugins.vectors import extension, schema
from memcore_plugins.vectors.embedding import Chosen, embed

if TYPE_CHECKING:
    import sqlite3

    import click
    from memcore import Engine, Migration
    from memcore.records import Finding, Report, RetireEvent, Run, WriteEvent

__all__ = ["Plugin", "VectorsSettings"]


@frozen(kw_only=True)
class VectorsSettings:
    """Settings of the vectors plugin."""

    batch: int = field(default=16, metadata={"help": "texts given to the embedder at a time"})
    characters: int = field(default=8000, metadata={"help": "characters of a record that are embedded"})
    candidates: int = field(
        default=200,
        metadata={"help": "records found by bits and compared exactly", "source": "200 of 54,000: recall 0.9996"},
    )
    upkeep_limit: int = field(default=2000, metadata={"help": "records embedded by one run of maintain"})
    session_limit: int = field(default=64, metadata={"help": "records embedded when a session ends"})
    on_write: bool = field(default=False, metadata={"help": "embed records as they are written"})
    scan_limit: int = field(default=5000, metadata={"help": "records of a small scope compared one by one"})


class Plugin:
    """Embeds records, finds them by the cosine of their vectors, and follows what becomes of them."""

    info = PluginInfo(
        summary="recall by meaning: vectors of any embedder, compact, rebuilt when the model changes",
        packages={"sqlite_vec": "vectors"},
        tables=("vec_curated", "vec_models"),
        settings=VectorsSettings,
        blocking=True,
    )

    def __init__(self) -> None:
        self.chosen = Chosen()
        self._names: set[str] | None = None
        self._lock = threading.Lock()
        extension.register()

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of vectors, models and what waits."""
        return schema.TABLES

    @hookimpl
    def memcore_connection(self, connection: sqlite3.Connection) -> None:
        """Add sqlite-vec to a new connection."""
        extension.add_to(connection)

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the vectors of these records."""
        return schema.delete(engine.workspace.connection(), record_ids)

    @hookimpl
    def memcore_search(self, engine: Engine, query: Query) -> Sequence[Hit] | None:
        """Find records whose meaning is near the question."""
        from memcore_plugins.vectors.searching import search

        if not query.text.strip() or not query.limit:
            return None
        embedder = self.chosen.get(engine)
        return search(engine, query, embedder, self._known_names(engine)) if embedder else None

    def _known_names(self, engine: Engine) -> set[str]:
        with self._lock:
            if self._names is None:
                rows = engine.workspace.connection().execute("SELECT name FROM vec_curated_names")
                self._names = {str(row[0]) for row in rows}
            return self._names

    @hookimpl
    def memcore_stopping(self) -> None:
        """Release the embedder."""
        self.chosen.close()

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note new records as waiting, or embed them at once if `on_write` says so."""
        from memcore_plugins.vectors.words import speaker_of

        names = {speaker for record in event.written if (speaker := speaker_of(record))}
        connection = engine.workspace.connection()
        schema.note_pending(connection, [record.id for record in event.written])
        connection.executemany("INSERT OR IGNORE INTO vec_curated_names VALUES(?)", [(name,) for name in sorted(names)])
        if names:
            with self._lock:
                self._names = None
        settings = engine.settings("vectors", VectorsSettings)
        if settings.on_write and (embedder := self.chosen.get(engine)):
            from memcore_plugins.vectors.words import passage

            vectors = embed(embedder, [passage(record, settings.characters) for record in event.written])
            shelf = schema.Shelf(connection, embedder.model)
            shelf.open(embedder.dimension, engine.now())
            shelf.put(zip((record.id for record in event.written), vectors, strict=True))

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Delete the vectors of records that left active memory."""
        schema.delete(engine.workspace.connection(), [record.id for record in event.records])

    @hookimpl
    def memcore_session_end(self, engine: Engine) -> Report | None:
        """Embed a few of the records that wait."""
        return self._embed(engine, engine.settings("vectors", VectorsSettings).session_limit)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Embed what waits, the most important first."""
        from memcore.records import Report

        from memcore_plugins.vectors.backfill import pending

        if run.dry_run:
            waiting = pending(engine)
            return Report(summary=f"{waiting} records wait for a vector", counts={"waiting": waiting})
        return self._embed(engine, engine.settings("vectors", VectorsSettings).upkeep_limit)

    def _embed(self, engine: Engine, limit: int) -> Report | None:
        from memcore.records import Report

        from memcore_plugins.vectors.backfill import pending, run

        embedder = self.chosen.get(engine)
        if embedder is None or not pending(engine):
            return None
        done = sum(run(engine, embedder, engine.settings("vectors", VectorsSettings), limit))
        left = pending(engine)
        return Report(summary=f"{done} records embedded, {left} wait", counts={"embedded": done, "waiting": left})

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report vectors that the chosen model cannot be compared with."""
        from memcore_plugins.vectors.searching import other_models

        embedder = self.chosen.get(engine)
        return other_models(engine, embedder.model) if embedder else ()

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Count vectors by model, what waits, and the bytes a vector takes."""
        from memcore_plugins.vectors.backfill import pending

        rows = engine.workspace.connection().execute(
            "SELECT fingerprint, count(seq), coalesce(avg(length(vector) + dimension / 8), 0)"
            " FROM vec_models LEFT JOIN vec_curated ON model = vec_models.id GROUP BY vec_models.id"
        )
        models = {str(name): {"vectors": count, "bytes_each": round(size)} for name, count, size in rows}
        return {"models": models, "waiting": pending(engine)}

    @hookimpl
    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say why nothing is found by meaning, if so."""
        return None if self.chosen.get(engine) else (self.chosen.reason, self.chosen.cure)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `backfill-vectors`."""
        from memcore_plugins.vectors.commands import backfill_vectors

        return [backfill_vectors]
