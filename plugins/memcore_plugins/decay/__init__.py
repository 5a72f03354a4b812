"""Decay: opinions fade unless they are confirmed. What fades below the floor is archived, not destroyed.

The rule is the author's: an opinion loses 0.02 a day since it was last confirmed and leaves curated memory below 0.30.
What is left at a time is computed from dates alone, so recall does not depend on when, or whether, upkeep ran. An
archived opinion keeps its text and comes back, confirmed, as soon as it is written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding, Hit, Migration, Query, Report
    from memcore.records import Run, WriteEvent

__all__ = ["DecaySettings", "Plugin"]

_ARTICLE = "the memcore article: 0.02 a day, out of curated memory below 0.30"


@frozen(kw_only=True)
class DecaySettings:
    """How fast what fades, and when it leaves curated memory."""

    rate: float = field(default=0.02, metadata={"help": "confidence lost per whole day", "source": _ARTICLE})
    floor: float = field(default=0.30, metadata={"help": "archived when below this", "source": _ARTICLE})
    kinds: tuple[str, ...] = field(
        default=("opinion",),
        metadata={"help": "kinds that fade; kind:rate:floor gives one its own numbers", "source": _ARTICLE},
    )
    unstated: float = field(
        default=0.5,
        metadata={
            "help": "confidence of a record that states none",
            "source": "the start value of PAI's OpinionTracker",
        },
    )
    near_days: int = field(
        default=7, metadata={"help": "days before archiving in which a warning is given", "source": "one weekly look"}
    )
    adapt: bool = field(
        default=False,
        metadata={
            "help": "scale the rate with the size of memory",
            "source": "an open question of the memcore article",
        },
    )
    adapt_size: int = field(
        default=295,
        metadata={"help": "records at which the adapted rate equals `rate`", "source": "the author's curated records"},
    )


class Plugin:
    """Let opinions fade, archive what has faded, and bring it back when it is confirmed."""

    info = PluginInfo(
        summary="Opinions fade unless confirmed; what has faded is archived",
        tables=("confirmations",),
        settings=DecaySettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the table of confirmations."""
        from memcore_plugins.decay.schema import TABLES

        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the confirmations of forgotten records."""
        from memcore_plugins.decay import schema

        with engine.workspace.transaction() as connection:
            return schema.delete(connection, record_ids)

    @hookimpl
    def memcore_rerank(self, engine: Engine, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Scale fading hits by the confidence they have left; leave out those that upkeep would archive."""
        from memcore_plugins.decay.recall import rescaled

        return rescaled(engine, engine.settings("decay", DecaySettings), query, hits)

    @hookimpl
    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Note when records of fading kinds were last confirmed."""
        from memcore_plugins.decay.upkeep import note_confirmations

        note_confirmations(engine, engine.settings("decay", DecaySettings), event)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Archive what has faded below its floor."""
        from memcore_plugins.decay.upkeep import archive, report

        return report(archive(engine, engine.settings("decay", DecaySettings), run.now, dry_run=run.dry_run))

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report what is near its floor, and what upkeep should have archived already."""
        from memcore_plugins.decay.upkeep import findings

        return findings(engine, engine.settings("decay", DecaySettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of fading records and the forecast of what will be archived when."""
        from memcore_plugins.decay.upkeep import figures

        return figures(engine, engine.settings("decay", DecaySettings))

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore decay`."""
        from memcore_plugins.decay.commands import decay

        return [decay]
