"""Housekeeping: retired records past their grace, old conversations, stale orphans, leftovers, the WAL and free pages.

It only reports retired records unless it is told to delete them; by default no record's text is ever lost. What other
plugins keep, such as the record of what was recalled, they tidy themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore import Capability, PluginInfo, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine, Report
    from memcore.records import Run

__all__ = ["HousekeepingSettings", "Plugin"]


@frozen(kw_only=True)
class HousekeepingSettings:
    """What may be tidied, and from when on."""

    grace: int = field(
        default=90,
        metadata={
            "help": "days after which a retired record is past its grace",
            "source": "the age at which the llm-wiki skill of Hermes calls a page stale",
        },
    )
    delete: bool = field(
        default=False, metadata={"help": "delete retired records past their grace; off: only report them"}
    )
    episodes: int = field(
        default=0, metadata={"help": "days after which raw conversation is retired from recall; 0: never"}
    )
    wal_mb: float = field(
        default=16.0,
        metadata={
            "help": "size of the WAL, in MB, that is emptied",
            "source": "four times what SQLite lets it grow to before it writes it back",
        },
    )
    free_share: float = field(
        default=0.25, metadata={"help": "share of free pages from which the file is rewritten, if it is also free_mb"}
    )
    free_mb: float = field(
        default=8.0, metadata={"help": "free pages, in MB, below which a rewrite is not worth its time"}
    )


class Plugin:
    """Tidy up."""

    info = PluginInfo(
        summary="Retired records past their grace, orphans, leftovers, WAL and free pages",
        uses={Capability.DELETE},
        settings=HousekeepingSettings,
    )

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Do all chores."""
        from memcore_plugins.housekeeping.chores import chores, report

        settings = engine.settings("housekeeping", HousekeepingSettings)
        return report(chores(engine, settings, run.now, dry_run=run.dry_run))

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore housekeeping`."""
        from memcore_plugins.housekeeping.commands import housekeeping

        return [housekeeping]
