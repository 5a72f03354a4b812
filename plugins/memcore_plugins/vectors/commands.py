"""`memcore backfill-vectors`: give every record its vector."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context
from memcore.errors import UnavailableError
from memcore_toolkit.console import emit_json, progress

from memcore_plugins.vectors import Plugin, VectorsSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcore import Engine

    from memcore_plugins.vectors.backfill import Step

__all__ = ["backfill_vectors"]


@click.command("backfill-vectors")
@click.option("--limit", type=click.IntRange(min=1), help="Embed at most this many records now.")
@click.option("--rebuild", is_flag=True, help="Embed everything anew, also what has a vector of this model.")
@click.option("--dry-run", is_flag=True, help="Only say how many records have no vector; asks no embedder.")
@click.option("--strict", is_flag=True, help="Exit with 3 where no embedder can be used.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def backfill_vectors(
    context: Context, limit: int | None, rebuild: bool, dry_run: bool, strict: bool, as_json: bool
) -> None:
    """Embed every record that has no vector of the chosen model.

    Each batch is kept once it is embedded: stop it or kill it, and the next run goes on from there (without --rebuild,
    which would begin again). Several may run at once. Exits 1 if a text could not be embedded; others are not held up.

    \b
    Examples:
      memcore backfill-vectors
      memcore backfill-vectors --limit 5000
      memcore --set embedder=http backfill-vectors --dry-run
    """
    engine = context.engine
    plugin = _plugin(engine)
    if plugin.chosen.find(engine) is None:
        if as_json:
            emit_json({"inactive": plugin.chosen.reason, "cure": plugin.chosen.cure})
        click.echo(f"vectors are inactive: {plugin.chosen.reason}\n  try: {plugin.chosen.cure}", err=True)
        raise SystemExit(3 if strict else 0)
    if dry_run:
        from memcore_plugins.vectors.upkeep import missing

        count = missing(engine, plugin)
        emit_json({"missing": count}) if as_json else click.echo(f"{count} records have no vector of the chosen model")
        return
    told = _backfill(engine, plugin, limit, rebuild)
    emit_json(told) if as_json else click.echo(_sentence(told))
    if told["refused"]:
        raise SystemExit(1)


def _plugin(engine: Engine) -> Plugin:
    found = engine.catalog.plugins["vectors"]
    if not engine.catalog.load(found) or not isinstance(found.instance, Plugin) or found.instance.lacking:
        raise UnavailableError(f"vectors are {found.status}", why=found.reason, cure=found.hint)
    return found.instance


def _backfill(engine: Engine, plugin: Plugin, limit: int | None, rebuild: bool) -> dict[str, Any]:
    from memcore_plugins.vectors import waiting
    from memcore_plugins.vectors.backfill import find_missing, open_shelf, run, tidy

    choice, embedder = plugin.chosen.find(engine), plugin.chosen.get(engine)
    if choice is None or embedder is None:
        raise UnavailableError(
            "the embedder cannot be used any more", why=plugin.chosen.reason, cure=plugin.chosen.cure
        )
    settings = engine.settings("vectors", VectorsSettings)
    shelf = open_shelf(engine, embedder, choice.origin, patient=True)
    plugin.asker.recover(engine)
    with engine.workspace.transaction() as connection:
        waiting.forgive(connection)
    find_missing(engine, shelf, everything=rebuild)
    count = waiting.waiting(engine.workspace.connection())
    steps: list[Step] = []
    started = time.monotonic()
    with closing(run(engine, embedder, settings, limit, ahead=True)) as begun:
        for _ in progress(_records(begun, steps), total=min(count, limit or count), label="embedding"):
            continue
    seconds = time.monotonic() - started
    return {
        "embedded": sum(step.embedded for step in steps),
        "refused": sum(step.refused for step in steps),
        "waiting": waiting.waiting(engine.workspace.connection()),
        "dropped": tidy(engine, shelf),
        "model": embedder.model,
        "seconds": round(seconds, 1),
    }


def _records(steps: Iterable[Step], kept: list[Step]) -> Iterator[None]:
    """Yield once for each record, so that a bar counts records and not batches."""
    for step in steps:
        kept.append(step)
        yield from [None] * step.settled


def _sentence(told: dict[str, Any]) -> str:
    rate = f", {told['embedded'] / told['seconds']:.0f} a second" if told["embedded"] and told["seconds"] else ""
    parts = [f"{told['embedded']} records embedded with {told['model']}{rate}", f"{told['waiting']} wait"]
    parts += [f"{told['refused']} cannot be embedded: memcore doctor names them"] if told["refused"] else []
    parts += [f"{told['dropped']} vectors of another model removed"] if told["dropped"] else []
    return "; ".join(parts)
