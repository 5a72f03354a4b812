"""The default backend: records in the workspace's own SQLite file, found by their words, without any service.

Tables: `curated` holds every record but the turns of conversations, which are in `episodes`; `curated_fts` indexes the
words of both. Without FTS5 in the interpreter's SQLite the same questions are answered by substrings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore.contracts import BackendSpec, Capability, OpenContext, PluginInfo
from memcore.hookspecs import hookimpl

from memcore_backends.sqlite import schema

if TYPE_CHECKING:
    import click
    from memcore.contracts import Migration
    from memcore.engine import Engine
    from memcore.records import Finding, Report, Run

    from memcore_backends.sqlite.store import SqliteBackend

__all__ = ["Plugin", "SqliteSettings"]


@frozen(kw_only=True)
class SqliteSettings:
    """How the records are searched."""

    full_text: bool = field(
        default=True,
        metadata={
            "help": "rank by words with FTS5; false: substrings",
            "source": "measured on long conversations: ranked stems find .63 of the evidence among ten hits",
        },
    )


class Plugin:
    """Keep records in the workspace file."""

    info = PluginInfo(
        summary="Records in the workspace file, ranked full-text search in any language",
        tables=("curated", "curated_fts", "episodes"),
        settings=SqliteSettings,
        default=True,
    )

    @hookimpl
    def memcore_backend(self) -> BackendSpec:
        """Offer the backend; without FTS5 it does not claim to rank by words."""
        offered = set(Capability) - {Capability.VECTOR_SEARCH}
        capabilities = offered if schema.fts5_available() else offered - {Capability.TEXT_SEARCH}
        return BackendSpec(name="sqlite", summary=self.info.summary, open=_open, capabilities=capabilities)

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the steps of the three tables."""
        return schema.TABLES

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Merge the index, refresh statistics, empty a large log."""
        from memcore_backends.sqlite.upkeep import maintain

        backend = _own(engine)
        return maintain(backend, run) if backend else None

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report a damaged file and an index that does not fit its records."""
        from memcore_backends.sqlite.upkeep import check

        backend = _own(engine)
        return check(backend) if backend else ()

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any] | None:
        """Count records by kind and status."""
        from memcore_backends.sqlite.upkeep import stats

        backend = _own(engine)
        return stats(backend) if backend else None

    @hookimpl
    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say when search can only look for substrings."""
        from memcore_backends.sqlite.upkeep import CURE_FTS5

        backend = _own(engine)
        if backend is None or backend.index.enabled:
            return None
        return ("search finds substrings only: FTS5 is missing or switched off", CURE_FTS5)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring reindex."""
        from memcore_backends.sqlite.commands import reindex

        return [reindex]


def _open(context: OpenContext) -> SqliteBackend:
    from memcore_backends.sqlite.store import SqliteBackend

    settings = context.settings or SqliteSettings()
    return SqliteBackend(context.workspace, context.clock, full_text=settings.full_text)


def _own(engine: Engine) -> SqliteBackend | None:
    """Return the engine's backend if it is this one."""
    from memcore_backends.sqlite.store import SqliteBackend

    return engine.backend if isinstance(engine.backend, SqliteBackend) else None
