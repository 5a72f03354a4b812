"""Records on a memory-hall server, reached over HTTP, with an outbox in the workspace.

A write is in the outbox before it is accepted, and leaves it when the server has confirmed it: nothing is lost while the
server is away. The server keeps one copy of a text for everybody, filters half of its search, and deletes nothing; what
that means for the contract is handled in `delivery`, `search` and `store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memcore.contracts import BackendSpec, Capability, OpenContext, PluginInfo
from memcore.hookspecs import hookimpl

from memcore_backends.memory_hall.schema import TABLES
from memcore_backends.memory_hall.settings import MemoryHallSettings

if TYPE_CHECKING:
    import click
    from memcore.contracts import Migration
    from memcore.engine import Engine
    from memcore.records import Finding, Report, Run, Scope

    from memcore_backends.memory_hall.store import MemoryHall

__all__ = ["MemoryHallSettings", "Plugin"]


class Plugin:
    """Keep records on a memory-hall server."""

    info = PluginInfo(
        summary="Records on a memory-hall server, with an outbox for when it is away",
        packages={"httpx": "memory-hall", "tenacity": "memory-hall"},
        tables=("outbox", "hall_entries"),
        settings=MemoryHallSettings,
    )

    @hookimpl
    def memcore_backend(self) -> BackendSpec:
        """Offer the backend: it finds words and meanings, and can neither change nor delete a record."""
        return BackendSpec(
            name="memory-hall",
            summary=self.info.summary,
            open=_open,
            capabilities={Capability.TEXT_SEARCH, Capability.VECTOR_SEARCH},
        )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the outbox and the table of what is known of the server."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete local copies and waiting writes, left from a time when this backend was in use."""
        from memcore_backends.memory_hall.upkeep import forget

        return forget(engine.workspace, scope, record_ids)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Send what waits in the outbox."""
        from memcore_backends.memory_hall.upkeep import chosen, maintain

        backend = chosen(engine)
        return maintain(backend, run) if backend else None

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report writes that were refused or wait for long, and a token others can read."""
        from memcore_backends.memory_hall.upkeep import check

        return check(engine)

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any] | None:
        """Count what waits."""
        from memcore_backends.memory_hall.upkeep import chosen, stats

        backend = chosen(engine)
        return stats(backend) if backend else None

    @hookimpl
    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say when the server is away or does not take writes."""
        from memcore_backends.memory_hall.upkeep import chosen, status

        backend = chosen(engine)
        return status(backend) if backend else None

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring outbox and revoke."""
        from memcore_backends.memory_hall.commands import outbox, revoke

        return [outbox, revoke]


def _open(context: OpenContext) -> MemoryHall:
    from memcore_backends.memory_hall.store import MemoryHall

    return MemoryHall(context)
