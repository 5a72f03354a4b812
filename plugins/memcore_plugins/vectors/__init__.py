"""vectors: recall by meaning, over the records of any backend, with sqlite-vec and the embedder of your choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Hit, PluginInfo, Query, hookimpl
from memcore.errors import PluginError, UnavailableError

from memcore_plugins.vectors import extension, schema
from memcore_plugins.vectors.asking import Asker
from memcore_plugins.vectors.embedding import Chosen

if TYPE_CHECKING:
    import sqlite3

    import click
    from memcore import Engine, Migration
    from memcore.records import Finding, Report, RetireEvent, Run, WriteEvent

    from memcore_plugins.vectors.soon import Soon

__all__ = ["Plugin", "VectorsSettings"]


@frozen(kw_only=True)
class VectorsSettings:
    """Settings of the vectors plugin."""

    batch: int = field(default=32, metadata={"help": "texts given to the embedder at a time, and stored at a time"})
    characters: int = field(default=8000, metadata={"help": "characters of a record that are embedded"})
    candidates: int = field(
        default=200,
        metadata={"help": "records found by bits and compared exactly", "source": "200 of 54,000: recall 0.9996"},
    )
    hits: int = field(
        default=60, metadata={"help": "hits handed to the ranking", "source": "as many as prefetch reads"}
    )
    scan_limit: int = field(default=5000, metadata={"help": "records of a narrow scope compared one by one"})
    pause: float = field(
        default=30.0,
        metadata={"help": "seconds a failing embedder is left alone; doubled by each failure, ten minutes at most"},
    )
    on_write: bool = field(default=False, metadata={"help": "embed records right after they were written"})
    session_limit: int = field(default=64, metadata={"help": "records embedded when a session ends"})
    session_seconds: float = field(
        default=5.0, metadata={"help": "seconds after which a session's end begins no batch"}
    )
    upkeep_limit: int = field(default=2000, metadata={"help": "records embedded by one run of maintain"})
    rescan_days: float = field(
        default=7.0, metadata={"help": "days after which maintain looks through all records for missing vectors"}
    )


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
        self.asker = Asker(self.chosen)
        self.lacking: UnavailableError | None = None
        self._soon: Soon | None = None
        try:
            extension.register()
        except UnavailableError as error:
            self.lacking = error

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of vectors, models and what waits."""
        return schema.TABLES

    @hookimpl
    def memcore_connection(self, connection: sqlite3.Connection) -> None:
        """Add sqlite-vec to a new connection."""
        if self.lacking is None:
            extension.add_to(connection)

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the vectors of these records; refuse where sqlite-vec is missing, because the bits would stay."""
        if self.lacking:
            what = "the vectors of these records cannot be deleted here; nothing was removed"
            raise PluginError(what, why=self.lacking.what, cure=self.lacking.cure)
        return schema.delete(engine.workspace.connection(), record_ids)

    @hookimpl
    def memcore_search(self, engine: Engine, query: Query) -> Sequence[Hit] | None:
        """Find records whose meaning is near the question."""
        if self.lacking or not engine.core.embedder or not query.text.strip() or not query.limit:
            return None
        from memcore_plugins.vectors.searching import by_meaning

        return by_meaning(self, engine, query)

    @hookimpl
    def memcore_started(self, engine: Engine) -> None:
        """Say that sqlite-vec cannot be used; where there are vectors, the hooks go on, so that forget can refuse."""
        connection = engine.workspace.connection()
        if self.lacking is None and not extension.offers_vectors(connection):
            self.lacking = UnavailableError("sqlite-vec does not answer in this SQLite", cure=extension.CURE)
        if self.lacking and (plugin := engine.catalog.plugins.get("vectors")):
            reason = ": ".join(filter(None, (self.lacking.what, self.lacking.why)))
            used = schema.prepared(connection) and connection.execute("SELECT 1 FROM vec_curated LIMIT 1").fetchone()
            plugin.mark("degraded" if used else "unavailable", reason, self.lacking.cure)

    @hookimpl
    def memcore_stopping(self, engine: Engine) -> None:
        """Let what is at hand finish, within seconds, and release the embedder."""
        if self._soon:
            self._soon.stop()
        self.asker.finish(engine.core.search_timeout)
        self.chosen.close()

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note new records as waiting; with `on_write`, they are embedded as soon as the write is committed."""
        from memcore_plugins.vectors import waiting

        waiting.note(engine.workspace.connection(), event.written)
        if event.written and not self.lacking and engine.settings("vectors", VectorsSettings).on_write:
            from memcore_plugins.vectors.soon import Soon
            from memcore_plugins.vectors.upkeep import embed_written

            if self._soon is None:
                self._soon = Soon(lambda stop: embed_written(self, engine, stop))
            self._soon.wake()

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Delete the vectors of records that left active memory."""
        if self.lacking is None:
            schema.delete(engine.workspace.connection(), [record.id for record in event.records])

    @hookimpl
    def memcore_session_end(self, engine: Engine) -> Report | None:
        """Embed a few of the records that wait, within a few seconds, unless the embedder has just failed."""
        from memcore_plugins.vectors.upkeep import embed_at_session_end

        return None if self.lacking else embed_at_session_end(self, engine)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Embed what waits, the most important first; look for what is missing where the model is new."""
        from memcore_plugins.vectors.upkeep import maintain

        return None if self.lacking else maintain(self, engine, dry_run=run.dry_run)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report vectors of another model, and texts that could not be embedded; opens no embedder."""
        from memcore_plugins.vectors.upkeep import findings

        return findings(self, engine)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Count vectors by model, what waits and what was refused, and the bytes a vector takes."""
        from memcore_plugins.vectors.upkeep import figures

        return figures(engine)

    @hookimpl
    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say why nothing is found by meaning, if so; opens no embedder and asks no server."""
        from memcore_plugins.vectors.upkeep import status

        return status(self, engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `backfill-vectors`."""
        from memcore_plugins.vectors.commands import backfill_vectors

        return [backfill_vectors]
