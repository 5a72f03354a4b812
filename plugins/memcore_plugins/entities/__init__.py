"""Entities: who and what memory is about, the last known state of each, and which pages have gone stale.

An entity comes from a page in `bank/entities/`, from the state of a tag (`S[pier]: closed`), or from being named. Its
rows follow the records: what is retired or forgotten no longer counts. An entity with a page or a state is stale when
neither was renewed for 30 days; how the date is known is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import Finding, PluginInfo, Scope, hookimpl

from memcore_plugins.entities.schema import TABLES

if TYPE_CHECKING:
    import click
    from memcore import Engine, Migration
    from memcore.records import RetireEvent, WriteEvent

__all__ = ["EntitySettings", "Plugin"]


@frozen(kw_only=True)
class EntitySettings:
    """When an entity counts as stale."""

    stale_days: int = field(
        default=30,
        metadata={"help": "days without renewal until a page or state is stale", "source": "the memcore article"},
    )


class Plugin:
    """Keep the state of every entity."""

    info = PluginInfo(
        summary="Who and what memory is about: the state of each, and what is stale",
        tables=("entities",),
        settings=EntitySettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the table of entities."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Make all rows anew from what is left, so that nothing forgotten shows through."""
        from memcore_plugins.entities.upkeep import rebuild

        return rebuild(engine, scope.namespaces, without=record_ids) if record_ids else 0

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Add what new and repeated records say of their entities."""
        from memcore_plugins.entities.upkeep import note

        note(engine, event)

    @hookimpl
    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Take back what retired records said."""
        from memcore_plugins.entities.upkeep import take_back

        take_back(engine, event.records)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report stale entities, with what to refresh."""
        from memcore_plugins.entities.upkeep import findings

        return findings(engine, engine.settings("entities", EntitySettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of entities, of those with a page, and of stale ones."""
        from memcore_plugins.entities.upkeep import figures

        return figures(engine, engine.settings("entities", EntitySettings))

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore entities`."""
        from memcore_plugins.entities.commands import entities

        return [entities]
