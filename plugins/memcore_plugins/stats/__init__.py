"""Stats: figures of everything, and the short report a person reads in the morning.

`stats` prints what every plugin counts; `warn` prints what every plugin finds wrong or worth a look, the worst first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding

__all__ = ["Plugin", "StatsSettings"]


@frozen(kw_only=True)
class StatsSettings:
    """How long the morning report is, and when the prompt block is too long."""

    lines: int = field(
        default=5, metadata={"help": "findings of each severity that warn prints; 0: all", "source": "one screen"}
    )
    prompt_characters: int = field(
        default=12_000,
        metadata={
            "help": "characters of the system prompt block above which it is reported",
            "source": "the size at which OpenClaw cuts a memory file it injects",
        },
    )


class Plugin:
    """Count what is there, and report what is wrong."""

    info = PluginInfo(summary="Figures, health and the morning report", settings=StatsSettings)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report a backend that does not answer, plugins that fail, missed deliveries and an oversized prompt block."""
        from memcore_plugins.stats.checks import findings

        return findings(engine, engine.settings("stats", StatsSettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the figures of the memory as a whole."""
        from memcore_plugins.stats.figures import figures

        return figures(engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore stats` and `memcore warn`."""
        from memcore_plugins.stats.commands import stats, warn

        return [stats, warn]
