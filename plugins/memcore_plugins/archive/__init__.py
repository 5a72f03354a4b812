"""Archive: old daily logs move from memory/ to memory/archived/, only when asked, and their records follow.

A manifest is on disk before the first file moves. It finishes a run that was killed and undoes one that was not wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore import Capability, PluginInfo, Report, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine
    from memcore.records import Run

__all__ = ["ArchiveSettings", "Plugin"]


@frozen(kw_only=True)
class ArchiveSettings:
    """Which workspace upkeep may tidy, and how old a daily log must be."""

    workspace: str = field(
        default="", metadata={"help": "folder whose daily logs `maintain` archives; empty: it moves no file"}
    )
    older_than: int = field(
        default=30,
        metadata={
            "help": "days a daily log stays in memory/",
            "source": "the age at which OpenClaw's scheduled promotion stops looking at a daily log",
        },
    )


class Plugin:
    """Move old daily logs out of the way, undoably."""

    info = PluginInfo(
        summary="Old daily logs move to memory/archived/ when asked, undoably",
        uses={Capability.UPDATE},
        settings=ArchiveSettings,
    )

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Archive the workspace named in the settings; do nothing where none is named."""
        settings = engine.settings("archive", ArchiveSettings)
        if not settings.workspace:
            return None
        from memcore_plugins.archive.commands import sentence
        from memcore_plugins.archive.runs import archive

        workspace = Path(settings.workspace).expanduser()
        result = archive(engine, workspace, run.now, settings.older_than, dry_run=run.dry_run)
        return Report(
            summary=sentence(result, dry_run=run.dry_run),
            counts={"files": len(result.files), "records": result.records},
            lines=[f"{each.path} -> {each.target}" for each in result.files],
        )

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore archive`."""
        from memcore_plugins.archive.commands import archive

        return [archive]
