"""`memcore archive`: move old daily logs to memory/archived/, and move them back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.archive.runs import Result

__all__ = ["archive", "sentence"]


@click.command("archive")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--older-than", type=int, metavar="DAYS", help="Age from which a log moves [archive.older_than].")
@click.option("--undo", type=click.Path(path_type=Path), metavar="MANIFEST", help="Move the files of a manifest back.")
@click.option("--dry-run", is_flag=True, help="Only print what would move.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def archive(
    context: Context, folder: Path, older_than: int | None, undo: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Move old daily logs of the workspace DIR from memory/ to memory/archived/.

    A daily log is a file whose name starts with its day, like 2026-01-31.md or 2026-01-31-slug.md. The records from it
    follow: their source names the new place. A manifest in memory/archived/ is written before the first file
    moves; with it a killed run is finished by the next one, and --undo takes a whole run back. Nothing is overwritten.

    \b
    Examples:
      memcore archive ~/agent --dry-run
      memcore archive ~/agent --older-than 90
      memcore archive ~/agent --undo ~/agent/memory/archived/manifest-20260401T060000Z.json
    """
    from memcore_toolkit import console

    from memcore_plugins.archive import ArchiveSettings, runs

    engine = context.engine
    workspace = folder.expanduser()
    if undo is not None:
        result = runs.undo(engine, workspace, undo.expanduser(), dry_run=dry_run)
    else:
        days = engine.settings("archive", ArchiveSettings).older_than if older_than is None else older_than
        result = runs.archive(engine, workspace, engine.now(), days, dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, "result": result})
        return
    for each in result.files:
        click.echo(f"{each.path} -> {each.target}")
    for skipped in result.skipped:
        console.warn(f"{skipped.path} stays: {skipped.reason}")
    for name in result.gone:
        console.warn(f"{name} is neither in memory/ nor in memory/archived/ any more")
    if result.behind:
        console.warn(f"{result.behind} records keep their old source: the backend cannot update records")
    click.echo(sentence(result, dry_run=dry_run))
    if result.manifest and undo is None and not dry_run:
        click.echo(f"undo: memcore archive {folder} --undo {workspace / result.manifest}")


def sentence(result: Result, *, dry_run: bool = False) -> str:
    """Return what a run did, or would do, in one line."""
    would = "would move, " if dry_run else "moved, "
    earlier = f"; {len(result.finished)} broken runs {'to be ' if dry_run else ''}finished" if result.finished else ""
    return f"{len(result.files)} files {would}{result.records} records {'would ' if dry_run else ''}follow{earlier}"
