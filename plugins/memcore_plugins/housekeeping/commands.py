"""`memcore housekeeping`: tidy up now, or only look."""

from __future__ import annotations

import click
from memcore.cli import Context, pass_context

__all__ = ["housekeeping"]


@click.command("housekeeping")
@click.option("--dry-run", is_flag=True, help="Only print what would be tidied.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def housekeeping(context: Context, dry_run: bool, as_json: bool) -> None:
    """Tidy up: retired records past their grace, old conversations, orphans, leftovers, the WAL and free pages.

    By default no record is deleted: those past their grace are only counted. `memcore maintain` runs this too.

    \b
    Examples:
      memcore housekeeping --dry-run
      memcore --set housekeeping.delete=true --set housekeeping.grace=365 housekeeping
    """
    from memcore_toolkit import console

    from memcore_plugins.housekeeping import HousekeepingSettings
    from memcore_plugins.housekeeping.chores import chores

    engine = context.engine
    settings = engine.settings("housekeeping", HousekeepingSettings)
    done = chores(engine, settings, engine.now(), dry_run=dry_run)
    if as_json:
        console.emit_json({"dry_run": dry_run, "chores": done})
        return
    for chore in done:
        click.echo(f"{'would be: ' if dry_run else ''}{chore.line}")
        for line in chore.details:
            click.echo(f"  {line}")
    if not done:
        click.echo("tidy")
