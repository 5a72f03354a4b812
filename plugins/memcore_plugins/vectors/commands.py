"""`memcore backfill-vectors`: give every record its vector."""

from __future__ import annotations

import time

import click
from memcore.cli import Context, pass_context
from memcore.errors import UnavailableError
from memcore_toolkit.console import emit_json, progress

from memcore_plugins.vectors import Plugin, VectorsSettings
from memcore_plugins.vectors.backfill import find_missing, run
from memcore_plugins.vectors.schema import Shelf

__all__ = ["backfill_vectors"]


@click.command("backfill-vectors")
@click.option("--limit", type=click.IntRange(min=1), help="Embed at most this many records now.")
@click.option("--rebuild", is_flag=True, help="Embed everything anew, also what has a vector of this model.")
@click.option("--dry-run", is_flag=True, help="Only say how many records wait.")
@click.option("--strict", is_flag=True, help="Exit with 3 where no embedder can be used.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def backfill_vectors(
    context: Context, limit: int | None, rebuild: bool, dry_run: bool, strict: bool, as_json: bool
) -> None:
    """Embed every record that has no vector of the chosen model; safe to stop and to run again.

    \b
    Examples:
      memcore backfill-vectors
      memcore backfill-vectors --limit 5000
      memcore --set embedder=http backfill-vectors --dry-run
    """
    engine = context.engine
    plugin = engine.catalog.plugins["vectors"]
    if not engine.catalog.load(plugin) or not isinstance(plugin.instance, Plugin):
        raise UnavailableError(f"vectors are {plugin.status}", why=plugin.reason, cure=plugin.hint)
    embedder = plugin.instance.chosen.get(engine)
    if embedder is None:
        chosen = plugin.instance.chosen
        click.echo(f"vectors are inactive: {chosen.reason}\n  try: {chosen.cure}", err=True)
        raise SystemExit(3 if strict else 0)
    shelf = Shelf(engine.workspace.connection(), embedder.model)
    if rebuild and not dry_run:
        with engine.workspace.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO vec_curated_pending SELECT record_id FROM vec_curated")
    waiting = find_missing(engine, shelf)
    done, started = 0, time.monotonic()
    if not dry_run:
        total = min(waiting, limit or waiting)
        settings = engine.settings("vectors", VectorsSettings)
        for size in progress(run(engine, embedder, settings, limit), total=total, label="embedding"):
            done += size
        if limit is None:
            _drop_other_models(plugin.instance, context)
    seconds = time.monotonic() - started
    told = {"embedded": done, "waiting": waiting - done, "model": embedder.model, "seconds": round(seconds, 1)}
    if as_json:
        emit_json(told)
    else:
        rate = f", {done / seconds:.0f} a second" if done and seconds else ""
        click.echo(f"{done} records embedded with {embedder.model}{rate}; {waiting - done} wait")


def _drop_other_models(plugin: Plugin, context: Context) -> None:
    engine = context.engine
    embedder = plugin.chosen.get(engine)
    if embedder is not None:
        with engine.workspace.transaction() as connection:
            dropped = Shelf(connection, embedder.model).drop_others()
        if dropped:
            click.echo(f"{dropped} vectors of another model removed", err=True)
