"""`memcore hermes`: install into Hermes Agent, see what is there, take it out again."""

from __future__ import annotations

from pathlib import Path

import click
from memcore_toolkit.console import emit_json

from memcore_plugins.hosts.guard import read_log
from memcore_plugins.hosts.hermes import install as work

__all__ = ["hermes"]

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
def install(home: Path | None) -> None:
    """Install the provider, choose it, and take over MEMORY.md and USER.md."""
    for line in work.install(work.Home.find(home)):
        click.echo(line)


@hermes.command()
@HOME
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(home: Path | None, as_json: bool) -> None:
    """Show what is installed and chosen, and the last troubles."""
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
def uninstall(home: Path | None) -> None:
    """Remove the provider and choose the one before; the memories stay."""
    for line in work.uninstall(work.Home.find(home)):
        click.echo(line)
