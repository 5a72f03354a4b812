"""What decisions does in upkeep, in checks, in figures, and when something is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields
from memcore import Draft, Finding, Record, Report, Scope
from memcore.records import content_hash

from memcore_plugins.decisions import changelog, conflicts, desk, schema
from memcore_plugins.decisions.carry import draft_of

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Run

    from memcore_plugins.decisions import DecisionsSettings

__all__ = ["figures", "findings", "forget", "maintain", "overdue"]


def overdue(engine: Engine, now: datetime) -> list[schema.Item]:
    """Return the queued items whose deadline has passed, the oldest first."""
    return [item for item in schema.items(engine.workspace.connection(), "queued") if item.deadline < now]


def maintain(engine: Engine, settings: DecisionsSettings, run: Run) -> Report:
    """Compare what was left to upkeep, ask those who can answer, flag what is overdue; a deadline decides nothing."""
    checked, waiting = 0, len(schema.unchecked(engine.workspace.connection()))
    asked, lines, failed = 0, list[str](), list[str]()
    if not run.dry_run:
        checked, waiting = conflicts.catch_up(engine, settings)
        for request in changelog.find(engine, settings, run.now) if settings.changelog else ():
            engine.decide(request)
        asked, lines, failed = desk.ask(engine, settings.answers_per_run)
    late = overdue(engine, run.now)
    queued = len(schema.items(engine.workspace.connection(), "queued"))
    counts = {
        "queued": queued,
        "overdue": len(late),
        "asked": asked,
        "answered": len(lines),
        "checked": checked,
        "unchecked": waiting,
    }
    summary = f"{queued} queued, {len(late)} overdue, {len(lines)} of {asked} answered"
    flags = [f"overdue since {item.deadline.date()}: {item.id} {item.kind}" for item in late]
    return Report(summary=summary, counts=counts, lines=(*lines, *failed, *flags))


def findings(engine: Engine, settings: DecisionsSettings) -> Iterator[Finding]:
    """Yield overdue items, a queue that is too long, and open conflicts, which make memory tell two truths."""
    queued = schema.items(engine.workspace.connection(), "queued")
    now = engine.now()
    for item in queued:
        if item.deadline < now:
            yield Finding(
                code="decisions.overdue",
                severity="warning",
                message=f"{item.kind}: {item.question} (since {item.deadline.date()})",
                where=item.id,
                cure=f"memcore decisions show {item.id}",
                record_ids=item.record_ids,
            )
        elif item.kind == conflicts.KIND:
            yield Finding(
                code="decisions.conflict",
                severity="info",
                message=f"two facts may contradict each other: {item.evidence['why']}",
                where=item.id,
                cure=f"memcore decisions show {item.id}",
                record_ids=item.record_ids,
            )
    if len(queued) > settings.long_queue:
        yield Finding(
            code="decisions.long-queue",
            severity="warning",
            message=f"{len(queued)} decisions are waiting, {settings.long_queue} are normal",
            cure="answer them with memcore decisions, or configure the llm plugin",
        )


def figures(engine: Engine) -> Mapping[str, Any]:
    """Return the queue by kind, what is overdue, and what was answered or withdrawn."""
    connection = engine.workspace.connection()
    numbers = schema.counts(connection)
    queued = schema.items(connection, "queued")
    oldest = min((item.created_at for item in queued), default=None)
    return {
        "queued": {kind: number for (status, kind), number in numbers.items() if status == "queued"},
        "answered": sum(number for (status, _), number in numbers.items() if status == "answered"),
        "moot": sum(number for (status, _), number in numbers.items() if status == "moot"),
        "overdue": sum(item.deadline < engine.now() for item in queued),
        "oldest": oldest.isoformat() if oldest else None,
        "unchecked": len(schema.unchecked(connection)),
    }


def forget(engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
    """Delete every item about forgotten records or whose own text lies in the scope, with its history."""
    connection = engine.workspace.connection()
    keys = {item.id for item in schema.about(connection, record_ids)}
    keys |= {item.id for item in schema.items(connection) if not item.record_ids and _inside(item, scope)}
    return schema.delete(connection, sorted(keys)) + schema.drop_unchecked(connection, record_ids)


def _inside(item: schema.Item, scope: Scope) -> bool:
    """Return whether an item without records belongs to a scope: by the draft it holds, else by its namespace."""
    namespace = item.evidence.get("namespace")
    if item.kind == "REVIEW":
        draft = draft_of(item.evidence)
        values = {field.name: getattr(draft, field.name) for field in fields(Draft)}
        held = Record(**values, id=item.id, created_at=item.created_at, content_hash=content_hash(draft.content))
        return evolve(scope, statuses=()).admits(held)
    whole = scope == Scope(namespaces=scope.namespaces, statuses=scope.statuses)
    return whole and (not scope.namespaces or namespace in scope.namespaces)
