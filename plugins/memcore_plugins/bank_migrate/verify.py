"""Verify: what was written can be read back, and the counts agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore_plugins.bank_migrate.schema import chunks

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Outcome

    from memcore_plugins.bank_migrate.report import Result

__all__ = ["read_back", "totals"]


def read_back(engine: Engine, outcomes: Sequence[Outcome], result: Result) -> None:
    """Read every record of a batch from the backend and compare its text; a difference is an error of the run."""
    expected = {outcome.record.id: outcome for outcome in outcomes if outcome.record is not None}
    for part in chunks(expected):
        found = {record.id: record for record in engine.get(part)}
        for key in part:
            outcome, record = expected[key], found.get(key)
            wanted = outcome.record.content if outcome.record else None
            if record is not None and record.content == wanted and record.status == "active":
                result.verified += 1
            else:
                result.errors.append(f"{outcome.draft.source}: its record {key} cannot be read back as it was written")
    if sum(outcome.record is not None or outcome.state in {"held", "refused"} for outcome in outcomes) != len(outcomes):
        result.errors.append("the backend answered for fewer drafts than it was given")


def totals(engine: Engine, namespace: str, root: str, result: Result) -> None:
    """Fill in what this folder accounts for, and what the topics and entities plugins made of it."""
    connection = engine.workspace.connection()
    statement = (
        "SELECT episode, count(DISTINCT record_id) FROM migrated_records JOIN migrated_files ON file=id "
        "WHERE gone=0 AND namespace=? AND root=? GROUP BY episode"
    )
    counts = dict(connection.execute(statement, (namespace, root)).fetchall())
    result.curated, result.episodes = counts.get(0, 0), counts.get(1, 0)
    for plugin, function in engine.catalog.implementers("memcore_stats"):
        if plugin.name in {"topics", "entities"}:
            with engine.isolated(plugin, "memcore_stats"):
                figures = function(engine=engine)
                for name in {"topics": ("topics", "links"), "entities": ("entities",)}[plugin.name]:
                    setattr(result, name, int(figures.get(name, 0)))
