"""`memcore hermes`: install into Hermes Agent, see what is there, take it out again."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["hermes"]

DRY = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
HOME = click.option("--home", type=click.Path(path_type=Path), help="Hermes home [HERMES_HOME, else ~/.hermes].")


@click.group()
def hermes() -> None:
    """Be the memory of Hermes Agent.

    \b
    Examples:
      memcore hermes install
      memcore hermes status --home ~/.hermes
    """


@hermes.command()
@HOME
@DRY
def install(home: Path | None, dry_run: bool) -> None:
    """Install the provider, choose it, and take over MEMORY.md and USER.md.

    Running it again brings the copy up to date.

    \b
    Examples:
      memcore hermes install
      memcore hermes install --home ~/.hermes --dry-run
    """
    from memcore_plugins.hosts.hermes import install as work

    for line in work.install(work.Home.find(home), dry_run=dry_run):
        click.echo(line)


@hermes.command()
@HOME
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(home: Path | None, as_json: bool) -> None:
    """Show what is installed and chosen, and the last lines of the log.

    \b
    Examples:
      memcore hermes status
      memcore hermes status --json
    """
    from memcore_toolkit.console import emit_json

    from memcore_plugins.hosts.guard import read_log
    from memcore_plugins.hosts.hermes import install as work

    found = work.Home.find(home)
    rows, log = work.status(found), read_log(found.data, last=5)
    if as_json:
        emit_json({**rows, "log": log})
        return
    for key, value in rows.items():
        click.echo(f"{key:16} {value}")
    for line in log:
        click.echo(f"{line['at'][:19]} {line['entry']}: {line['kind']} {line['detail']}")


@hermes.command()
@HOME
@DRY
def uninstall(home: Path | None, dry_run: bool) -> None:
    """Remove the provider and choose the one before; the memories stay.

    \b
    Examples:
      memcore hermes uninstall --dry-run
      memcore hermes uninstall
    """
    from memcore_plugins.hosts.hermes import install as work

    for line in work.uninstall(work.Home.find(home), dry_run=dry_run):
        click.echo(line)
