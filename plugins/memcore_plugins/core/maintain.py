"""`memcore maintain`: the upkeep of all plugins, the one line for cron."""

from __future__ import annotations

import click
from memcore.cli import Context, pass_context

__all__ = ["maintain"]


@click.command("maintain")
@click.option("--dry-run", is_flag=True, help="Only report what would change.")
@click.option("--only", metavar="NAME", help="Run the upkeep of one plugin.")
@click.option("--verbose", "-v", is_flag=True, help="Print every change, not only one line per plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def maintain(context: Context, dry_run: bool, only: str | None, verbose: bool, as_json: bool) -> None:
    """Run the upkeep of all plugins: fade opinions, refresh what is stale, tidy up.

    Safe to run at any time and as often as you like: every result depends on dates, not on the number of runs. A plugin
    that fails is named and costs nothing but its own upkeep; then the exit code is 1.

    \b
    Examples:
      memcore maintain
      memcore maintain --dry-run -v
      memcore maintain --only decay --json
    """
    from memcore.config import suggest
    from memcore.errors import InvalidInputError
    from memcore_toolkit import console

    engine = context.engine
    able = {p.name: p for p in engine.catalog.plugins.values() if p.usable and "memcore_maintain" in p.hooks}
    if only is not None and only not in able:
        raise InvalidInputError(f"no plugin {only!r} has upkeep to do", cure=suggest(only, able))
    reports = engine.maintain(dry_run=dry_run, only=only)
    mark = "memcore_maintain: "
    failed = {n: p.reason.removeprefix(mark) for n, p in able.items() if p.reason.startswith(mark)}
    if as_json:
        console.emit_json({"dry_run": dry_run, "reports": reports, "failed": failed})
    else:
        width = max((len(name) for name in (*reports, *failed)), default=0)
        for name, report in reports.items():
            click.echo(f"{name:<{width}}  {console.printable(report.summary)}")
            for line in report.lines if verbose else ():
                click.echo(f"{'':<{width}}    {console.printable(line)}")
        for name, reason in failed.items():
            click.echo(f"{name:<{width}}  failed: {console.printable(reason)}", err=True)
        if not reports and not failed:
            click.echo("nothing to do")
    if failed:
        raise SystemExit(1)
