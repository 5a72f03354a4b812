"""`memcore stats` and `memcore warn`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
from memcore.cli import Context, pass_context

__all__ = ["stats", "warn"]

_PLURALS = {"error": "errors", "warning": "warnings", "info": "notes"}


@click.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def stats(context: Context, as_json: bool) -> None:
    """Show what is in memory, what each plugin counts, and which features are missing.

    \b
    Examples:
      memcore stats
      memcore stats --json
    """
    from memcore_toolkit import console

    sections = context.engine.stats()
    if as_json:
        console.emit_json(sections)
        return
    ordered = sorted(sections.items(), key=lambda item: (item[0] != "stats", item[0]))
    rows = {name: list(_flat(figures)) for name, figures in ordered}
    width = max((len(key) for lines in rows.values() for key, _ in lines), default=0)
    for name, lines in rows.items():
        click.secho("memory" if name == "stats" else name, bold=True)
        for key, value in lines:
            click.echo(f"  {key:<{width}}  {value}")


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the figures as lines; a table of plain values is one line, a deeper one a line for each entry."""
    for key, value in figures.items():
        name = f"{prefix}{key}" if prefix else str(key).replace("_", " ")
        if isinstance(value, Mapping) and any(isinstance(each, (Mapping, str)) for each in value.values()):
            yield from _flat(value, f"{name} ")
        elif isinstance(value, Mapping):
            yield name, ", ".join(f"{label} {_shown(item)}" for label, item in value.items()) or "-"
        else:
            yield name, _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "?"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


@click.command("warn")
@click.option("--limit", type=int, metavar="N", help="Findings of each severity to print; 0: all [stats.lines: 5].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, all findings.")
@pass_context
def warn(context: Context, limit: int | None, as_json: bool) -> None:
    """Print what needs a person: what is stale, near decay, contradictory, too long for the prompt, or failing.

    Exits 1 if there is an error or a warning, so that cron can mail the report.

    \b
    Examples:
      memcore warn
      memcore warn --limit 0
      memcore warn --json
    """
    from memcore_toolkit import console

    from memcore_plugins.stats import StatsSettings
    from memcore_plugins.stats.checks import gather

    engine = context.engine
    found = gather(engine)
    grouped = {word: [item for item in found if item[1].severity == word] for word in _PLURALS}
    if as_json:
        plain = {
            plural: [{"plugin": name, "finding": finding} for name, finding in grouped[word]]
            for word, plural in _PLURALS.items()
        }
        console.emit_json({"counts": {plural: len(items) for plural, items in plain.items()}, **plain})
    else:
        _print(grouped, engine.settings("stats", StatsSettings).lines if limit is None else max(0, limit))
    if grouped["error"] or grouped["warning"]:
        raise SystemExit(1)


def _print(grouped: Mapping[str, list[tuple[str, Any]]], limit: int) -> None:
    from memcore_toolkit.console import printable

    if not any(grouped.values()):
        click.echo("nothing needs you")
    for word, items in grouped.items():
        if not items:
            continue
        click.secho(f"{len(items)} {_PLURALS[word] if len(items) > 1 else _PLURALS[word][:-1]}", bold=True)
        shown = items[:limit] if limit else items
        for _, finding in shown:
            where = f"{finding.where}: " if finding.where else ""
            click.echo(f"  {finding.code}  {printable(where + finding.message)}")
            if finding.cure:
                click.echo(f"    try: {printable(finding.cure)}")
        if len(items) > len(shown):
            click.echo(f"  ... and {len(items) - len(shown)} more: memcore warn --limit 0")
