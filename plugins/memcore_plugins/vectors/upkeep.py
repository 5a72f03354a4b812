"""What the plugin does at the hooks of the lifecycle: embed what waits, within bounds, and say how it is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from memcore.errors import BusyError
from memcore.records import Finding, Report

from memcore_plugins.vectors import VectorsSettings, schema, waiting
from memcore_plugins.vectors import pause as pauses
from memcore_plugins.vectors.backfill import count_missing, due, find_missing, open_shelf, run, tidy
from memcore_plugins.vectors.shelf import Shelf

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.vectors import Plugin

__all__ = [
    "embed_at_session_end", "embed_waiting", "embed_written", "figures", "findings", "maintain", "status",
]  # fmt: skip

LOCK_PAUSE = 0.02
"""Seconds between two looks at a lock, where busy_timeout is short."""
BACKFILL = "memcore backfill-vectors"


def embed_at_session_end(plugin: Plugin, engine: Engine) -> Report | None:
    """Embed a few of the records that wait, within a few seconds; nothing while a failing embedder is left alone."""
    settings = engine.settings("vectors", VectorsSettings)
    choice = plugin.chosen.find(engine)
    before = plugin.asker.paused(engine, choice) if choice else None
    if before and pauses.holds(engine, before):
        return None
    ends = time.monotonic() + settings.session_seconds
    return embed_waiting(plugin, engine, limit=settings.session_limit, stop=lambda: time.monotonic() > ends)


def maintain(plugin: Plugin, engine: Engine, *, dry_run: bool) -> Report | None:
    """Embed what waits; where the model is new or it is long ago, look through all records first."""
    if dry_run:
        left = waiting.waiting(engine.workspace.connection())
        return Report(summary=f"{left} records wait for a vector", counts={"waiting": left})
    limit = engine.settings("vectors", VectorsSettings).upkeep_limit
    return embed_waiting(plugin, engine, limit=limit, thorough=True)


def embed_written(plugin: Plugin, engine: Engine, stop: Callable[[], bool]) -> None:
    """Embed what was just written, once the writer has committed; before that, nothing of it can be seen."""
    while not stop():
        with suppress(BusyError), engine.workspace.transaction():  # waits for the writer, as long as busy_timeout says
            break
        time.sleep(LOCK_PAUSE)
    embed_waiting(plugin, engine, stop=stop)


def embed_waiting(
    plugin: Plugin,
    engine: Engine,
    *,
    limit: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    thorough: bool = False,
) -> Report | None:
    """Embed at most `limit` records until `stop` says so; report what was done, or why it was not.

    `thorough` gives the embedder time to load its model, looks for missing vectors where that is due, and deletes those
    of another model once everything has its own.
    """
    settings = engine.settings("vectors", VectorsSettings)
    choice = plugin.chosen.find(engine)
    if choice is None or not (thorough or waiting.waiting(engine.workspace.connection())):
        return None
    done = refused = 0
    problem = ""
    try:
        embedder = plugin.chosen.get(engine)
        if embedder is None:
            return None
        shelf = open_shelf(engine, embedder, choice.origin, patient=thorough)
        if thorough and due(shelf, engine.now(), settings.rescan_days):
            find_missing(engine, shelf)
        with closing(run(engine, embedder, settings, limit, ahead=thorough)) as steps:
            for step in steps:
                done, refused = done + step.embedded, refused + step.refused
                if stop():
                    break
        if thorough:
            tidy(engine, shelf)
        plugin.asker.recover(engine)
    except Exception as error:  # noqa: BLE001 - embedders raise anything; what was not embedded waits
        problem = pauses.describe(error)
        plugin.asker.fail(engine, choice, problem, settings.pause)
    return _report(done, refused, waiting.waiting(engine.workspace.connection()), problem)


def _report(done: int, refused: int, left: int, problem: str) -> Report | None:
    if not (done or refused or problem):
        return None
    parts = [f"{done} records embedded, {left} wait"]
    parts += [f"{refused} cannot be embedded"] if refused else []
    parts += [problem] if problem else []
    return Report(summary="; ".join(parts), counts={"embedded": done, "refused": refused, "waiting": left})


def findings(plugin: Plugin, engine: Engine) -> Iterator[Finding]:
    """Yield vectors of another model than the chosen one, and texts that could not be embedded."""
    connection = engine.workspace.connection()
    if not schema.prepared(connection):
        return
    choice = plugin.chosen.find(engine)
    rows = connection.execute(
        "SELECT fingerprint, origin, (SELECT count(*) FROM vec_curated WHERE model=vec_models.id) FROM vec_models"
    ).fetchall()
    current = next((name for name, origin, _ in rows if choice and origin == choice.origin), "")
    for name, _, count in rows:
        if choice and count and not current:
            message = f"{count} vectors were made by {name}, before the embedder was set anew"
            yield Finding(code="vectors.model", severity="info", message=message, cure=BACKFILL)
        elif choice and count and name != current:
            message = f"{count} vectors were made by {name}, the model is now {current}: they are not searched"
            yield Finding(code="vectors.model", severity="warning", message=message, cure=BACKFILL)
    if refused := waiting.refused(connection):
        reasons = ", ".join(sorted({problem for _, problem in refused})[:3])
        yield Finding(
            code="vectors.refused",
            severity="warning",
            message=f"{len(refused)} records cannot be embedded ({reasons}): they are found by words only",
            cure=f"set vectors.characters lower or correct the embedder, then {BACKFILL}",
            record_ids=[key for key, _ in refused],
        )


def figures(engine: Engine) -> dict[str, Any]:
    """Count vectors by model, what waits and what was refused."""
    connection = engine.workspace.connection()
    if not schema.prepared(connection):
        return {}
    rows = connection.execute(
        "SELECT fingerprint, dimension, (SELECT count(*) FROM vec_curated WHERE model=vec_models.id) FROM vec_models"
    ).fetchall()
    models = {name: {"vectors": count, "bytes_each": dimension + -(-dimension // 8)} for name, dimension, count in rows}
    return {"models": models, "waiting": waiting.waiting(connection), "refused": len(waiting.refused(connection))}


def status(plugin: Plugin, engine: Engine) -> tuple[str, str] | None:
    """Return why nothing is found by meaning and what to do, or None."""
    if plugin.lacking:
        return plugin.lacking.what, plugin.lacking.cure
    choice = plugin.chosen.find(engine)
    if choice is None:
        return plugin.chosen.reason, plugin.chosen.cure
    before = plugin.asker.paused(engine, choice)
    if before and pauses.holds(engine, before):
        return f"{before.reason}; it is left alone until {before.until}", f"start it, then {BACKFILL}"
    connection = engine.workspace.connection()
    if connection.execute("SELECT 1 FROM vec_curated LIMIT 1").fetchone():
        return None
    left = waiting.waiting(connection)
    return (f"no record has a vector yet, {left} wait", BACKFILL) if left else None


def missing(engine: Engine, plugin: Plugin) -> int:
    """Return how many active records have no vector of the chosen model, as far as that is known; opens nothing."""
    connection = engine.workspace.connection()
    choice = plugin.chosen.find(engine)
    row = connection.execute("SELECT id FROM vec_models WHERE origin=?", (choice.origin if choice else "",)).fetchone()
    return count_missing(engine, Shelf(connection, int(row[0])) if row else None)
