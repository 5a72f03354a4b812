"""hosts: memory for agents that run elsewhere, behind the article's MemoryProvider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore.contracts import PluginInfo
from memcore.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

__all__ = ["Plugin"]


class Plugin:
    """Bring the commands that connect memcore to a host."""

    info = PluginInfo(summary="connects hosts: Hermes Agent, Claude Code, Codex, any runtime through MemoryProvider")

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Return the commands of all hosts."""
        from memcore_plugins.hosts.hermes.commands import hermes
        from memcore_plugins.hosts.hook import hook

        return [hermes, hook]
