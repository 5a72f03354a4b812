"""`memcore migrate`: take over a folder of memory files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.bank_migrate.snapshot import Found

__all__ = ["migrate"]

_HARMLESS = (
    "empty",
    "machine output",
    "nothing to keep",
    "not read: ",
    "a template",
    "the same ",
    "the index ",
    "the log ",
    "the rules ",
)


@click.command("migrate")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--incremental", is_flag=True, help="Trust size and time of change of files that were read before.")
@click.option("--dry-run", is_flag=True, help="Read everything, write nothing.")
@click.option("--verbose", "-v", is_flag=True, help="Name every skipped file and every note.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any file or fact could not be taken over.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def migrate(
    context: Context, folder: Path, incremental: bool, dry_run: bool, verbose: bool, strict: bool, as_json: bool
) -> None:
    r"""Take over the memory files of a folder: MEMORY.md, bank/, memory/, wiki/, CLAUDE.md and others.

    The folder is only read. Running it again is safe: what did not change is left alone, what changed is added, and
    what a file no longer says is retired unless another source says it. An interrupted run is continued by the next
    one. Exits with 1 if there were errors.

    \b
    Examples:
      memcore migrate ~/agent --dry-run
      memcore migrate ~/agent
      memcore migrate ~/agent --incremental
    """
    from memcore_toolkit import console

    from memcore_plugins.bank_migrate.run import migrate as run

    def shown(files: Sequence[Found]) -> Iterable[Found]:
        return console.progress(files, total=len(files), label="migrate")

    result = run(context.engine, folder, incremental=incremental, dry_run=dry_run, progress=shown)
    if as_json:
        console.emit_json(result.as_json())
    else:
        for line in result.lines(verbose=verbose):
            click.echo(console.printable(line))
    lost = [each for each in result.skipped if not each.reason.startswith(_HARMLESS)]
    if result.errors or (strict and (lost or result.refused)):
        raise SystemExit(1)
