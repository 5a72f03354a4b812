"""Ontology: the agents, relations and layers that CLAUDE.md, AGENTS.md and .claude/agents describe, as tables.

One way: the markdown is the truth and is only read. A sync changes what changed and says what; without the files the
tables are empty. Only what is written is taken over: an arrow counts where it stands between agents that are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import PluginInfo, Report, hookimpl

from memcore_plugins.ontology.schema import NAMES, TABLES

if TYPE_CHECKING:
    import click
    from memcore import Engine, Finding, Migration, Scope
    from memcore.records import Run

__all__ = ["OntologySettings", "Plugin"]

_CLAUDE = "code.claude.com docs: memory"


@frozen(kw_only=True)
class OntologySettings:
    """Which workspace upkeep reads, and the limits of what it reads."""

    workspace: str = field(default="", metadata={"help": "folder of CLAUDE.md that `maintain` syncs; empty: none"})
    import_depth: int = field(default=4, metadata={"help": "how deep imports are followed", "source": _CLAUDE})
    longest: int = field(default=200, metadata={"help": "lines above which CLAUDE.md is reported", "source": _CLAUDE})
    largest: int = field(default=1_000_000, metadata={"help": "bytes of the largest file that is read"})


class Plugin:
    """Keep the tables of agents, relations and layers equal to the markdown of a workspace."""

    info = PluginInfo(
        summary="CLAUDE.md, AGENTS.md and .claude/agents as agents, relations and layers",
        tables=NAMES,
        settings=OntologySettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the tables of agents, relations and layers."""
        return TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, scope: Scope) -> int:
        """Delete what a forgotten namespace or file said; the next sync reads what is still there."""
        from memcore_plugins.ontology import schema

        return schema.forget(engine.workspace.connection(), scope)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Sync the workspace named in the settings; do nothing where none is named."""
        settings = engine.settings("ontology", OntologySettings)
        if not settings.workspace:
            return None
        from memcore_plugins.ontology.sync import sync

        folder = Path(settings.workspace).expanduser()
        if not folder.is_dir():
            return Report(summary=f"there is no folder {folder}; nothing was changed", counts={"changes": 0})
        result = sync(engine, settings, folder, dry_run=run.dry_run)
        summary = f"{'would be: ' if run.dry_run else ''}{result.summary}"
        return Report(summary=summary, counts=result.counts, lines=result.lines)

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report agents without a definition, files that are too long or broken, and tables that lag behind."""
        from memcore_plugins.ontology.checks import findings

        return findings(engine, engine.settings("ontology", OntologySettings))

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give the numbers of agents, relations and layers."""
        from memcore_plugins.ontology import schema

        return schema.figures(engine.workspace.connection())

    @hookimpl
    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say that nothing has been read yet."""
        from memcore_plugins.ontology import schema

        if any(schema.figures(engine.workspace.connection()).values()):
            return None
        return "no CLAUDE.md, AGENTS.md or .claude/agents has been read", "memcore ontology-sync DIR"

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore ontology-sync`."""
        from memcore_plugins.ontology.commands import ontology_sync

        return [ontology_sync]
