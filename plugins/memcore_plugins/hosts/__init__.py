"""hosts: memory for agents that run elsewhere, behind the article's MemoryProvider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memcore.contracts import PluginInfo
from memcore.hookspecs import hookimpl

from memcore_plugins.hosts.settings import HostsSettings

if TYPE_CHECKING:
    import click
    from memcore import Engine, Scope
    from memcore.events import Finding

__all__ = ["HostsSettings", "Plugin"]


class Plugin:
    """Bring the commands that connect memcore to a host, and tell what went wrong there."""

    info = PluginInfo(
        summary="connects hosts: Hermes Agent, MCP clients, hook commands, any runtime through MemoryProvider",
        settings=HostsSettings,
    )

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Remove turns that wait for the database, if whole namespaces are forgotten."""
        from memcore_plugins.hosts import unsaved

        whole = not (scope.ids or scope.kinds or scope.source or scope.tags or scope.entities or scope.agent_id)
        return unsaved.forget(engine.config.home, scope.namespaces) if whole else 0

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterator[Finding]:
        """Report what hosts.log says of the last week, and turns that wait for the database."""
        from memcore_plugins.hosts.troubles import findings

        yield from findings(engine.config.home, engine.now())

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Return the commands of all hosts."""
        from memcore_plugins.hosts.hermes.commands import hermes
        from memcore_plugins.hosts.hook import hook
        from memcore_plugins.hosts.mcp import mcp

        return [hermes, hook, mcp]
