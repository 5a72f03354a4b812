"""`memcore doctor`: examine what can go wrong, from the interpreter to an empty recall, and name each cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.core.doctor.look import Check, Look

__all__ = ["diagnose", "doctor"]

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Examine the installation, the settings, the files and the memory; exit 1 if something is wrong.

    It changes nothing and makes no database. It works with broken plugins, a broken memcore.toml and a damaged
    database, and says what to do about each.

    \b
    Examples:
      memcore doctor
      memcore doctor --json
    """
    from memcore_toolkit import console

    found = diagnose(context)
    wrong = [each for each in found if each.state in ("warning", "error")]
    if as_json:
        console.emit_json({"ok": not wrong, "checks": found})
    else:
        for each in found:
            _print(each)
        click.echo(f"{len(wrong)} of {len(found)} checks found something wrong" if wrong else "all is well")
    if wrong:
        raise SystemExit(1)


def _print(check: Check) -> None:
    from memcore_toolkit.console import printable

    state = click.style(f"{check.state:<8}", fg=_COLOURS.get(check.state))
    click.echo(f"{state} {check.area:<9} {check.name:<13} {printable(check.detail)}")
    if check.cure and check.state != "ok":
        click.echo(f"{'':<33}try: {printable(check.cure)}")


def diagnose(context: Context) -> list[Check]:
    """Run all examinations in order; one that fails itself is reported and does not stop the others."""
    from memcore.config import Config

    from memcore_plugins.core.doctor import database, install, memory, places, system
    from memcore_plugins.core.doctor.look import Look
    from memcore_plugins.core.listing import core_settings

    config = Config(home=context.home, overrides=context.overrides)
    settings, _ = core_settings(config)
    catalog = context.catalog(fresh=True)
    catalog.select(settings.plugins, settings.disable, settings.distributions)
    path = config.home / "memory.db" if not settings.db else config.database
    look = Look(context=context, config=config, settings=settings, catalog=catalog, database=path)
    examinations = (system, install, places, database, memory)
    return [check for each in examinations for check in _guarded(each.__name__, each.examine, look)]


def _guarded(name: str, examine: Callable[[Look], Iterator[Check]], look: Look) -> list[Check]:
    from memcore_plugins.core.doctor.look import Check

    found: list[Check] = []
    try:
        for check in examine(look):
            found.append(check)  # noqa: PERF402 - what was found before a failure counts
    except Exception as error:  # noqa: BLE001 - what breaks an examination is what it is there to report
        area = name.rpartition(".")[2]
        detail = f"the examination of {area} failed: {type(error).__name__}: {error}"
        found.append(Check(area=area, name="doctor", state="error", detail=detail, cure="report this with the output"))
    return found
