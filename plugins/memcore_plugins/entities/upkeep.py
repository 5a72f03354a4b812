"""What entities do when something is written, retired, forgotten, checked or counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from memcore.records import Draft, Finding, Record, Scope

from memcore_plugins.entities import schema
from memcore_plugins.entities.merging import keys_of, merged

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import WriteEvent

    from memcore_plugins.entities import EntitySettings
    from memcore_plugins.entities.schema import Entity

__all__ = ["days_since", "figures", "findings", "note", "rebuild", "stale", "take_back"]


def note(engine: Engine, event: WriteEvent) -> None:
    """Add what new records say, and what drafts said again say newer."""
    said: dict[str, list[tuple[Draft, bool]]] = {}
    for record in event.written:
        if record.entities:
            said.setdefault(record.namespace, []).append((record, True))
    for draft, _ in event.confirmed:
        if draft.entities:
            said.setdefault(draft.namespace, []).append((draft, False))
    connection = engine.workspace.connection()
    for namespace, pairs in said.items():
        known = schema.load(connection, namespace, keys_of(draft for draft, _ in pairs)[namespace])
        schema.save(connection, merged(known, pairs, namespace).values())


def take_back(engine: Engine, records: Iterable[Record]) -> None:
    """Make the entities of retired records anew from the records that are left."""
    connection = engine.workspace.connection()
    for namespace, keys in keys_of(records).items():
        known = schema.load(connection, namespace, keys)
        names = {alias for entity in known.values() for alias in entity.aliases} | set().union(*keys.values())
        scope = Scope(namespaces=(namespace,), entities=tuple(sorted(names)))
        left = merged({}, ((record, True) for record in engine.scan(scope)), namespace)
        schema.delete(connection, namespace, keys)
        schema.save(connection, (entity for key, entity in left.items() if key in keys))


def rebuild(engine: Engine, namespaces: Sequence[str], *, without: Iterable[str] = ()) -> int:
    """Make all entities anew from the active records, except some that are about to go; return how many rows went."""
    leaving = set(without)
    connection = engine.workspace.connection()
    old = list(schema.load_all(connection, namespaces))
    for entity in old:
        schema.delete(connection, entity.namespace, [entity.key])
    said: dict[str, list[tuple[Draft, bool]]] = {}
    for record in engine.scan(Scope(namespaces=namespaces)):
        if record.entities and record.id not in leaving:
            said.setdefault(record.namespace, []).append((record, True))
    kept = 0
    for namespace, pairs in said.items():
        found = merged({}, pairs, namespace)
        schema.save(connection, found.values())
        kept += len(found)
    return max(0, len(old) - kept)


def days_since(day: str, today: date) -> int | None:
    """Return the days since an ISO date, None if it is unknown."""
    return (today - date.fromisoformat(day)).days if day else None


def stale(entity: Entity, settings: EntitySettings, today: date) -> bool:
    """Tell whether an entity with a page or a state was not renewed for too long, or nobody knows when."""
    days = days_since(entity.updated_at, today)
    return entity.kept_up and (days is None or days > settings.stale_days)


def findings(engine: Engine, settings: EntitySettings) -> Iterator[Finding]:
    """Yield a finding for every stale entity: a warning for a page, a hint for a state."""
    today = engine.now().date()
    for entity in schema.load_all(engine.workspace.connection()):
        if stale(entity, settings, today):
            yield Finding(
                code="entities.stale",
                severity="warning" if entity.source else "info",
                message=_told(entity, today),
                where=entity.source or f"@{entity.slug}",
                cure=_cure(entity),
            )


def _told(entity: Entity, today: date) -> str:
    days = days_since(entity.updated_at, today)
    if days is None:
        return f"{entity.name}: nothing says when it was last updated"
    return f"{entity.name} was last updated on {entity.updated_at} ({entity.updated_from}), {days} days ago"


def _cure(entity: Entity) -> str:
    """Return the reminder of what to refresh."""
    what = ", ".join((*entity.fields, *(("state",) if entity.state and not entity.fields else ()))) or "what it says"
    newer = ""
    if entity.mentioned_at > entity.updated_at:
        newer = f"; it was mentioned again on {entity.mentioned_at}"
    return f"check {what}{newer}, then set its Last Updated" if entity.source else f"check {what}{newer}"


def figures(engine: Engine, settings: EntitySettings) -> Mapping[str, Any]:
    """Return the counts, JSON-ready."""
    today, counts = engine.now().date(), {"entities": 0, "pages": 0, "stale": 0}
    for entity in schema.load_all(engine.workspace.connection()):
        counts["entities"] += 1
        counts["pages"] += bool(entity.source)
        counts["stale"] += stale(entity, settings, today)
    return counts
