"""What one record says of its entities, and how that changes what was known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve
from memcore.records import Draft
from memcore_toolkit.text import fold

from memcore_plugins.entities.schema import Entity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["key_of", "keys_of", "merged"]

_KINDS = frozenset({"kind", "type", "종류", "유형", "类型", "種類", "類型"})
_STATES = frozenset({"state", "status", "상태", "状态", "狀態", "状態"})


@lru_cache(maxsize=10_000)
def key_of(name: str) -> str:
    """Return the key that all spellings of a name share: folded, with hyphens for spaces and underscores."""
    return "-".join(fold(name).replace("_", " ").replace("-", " ").split()) or name


def keys_of(records: Iterable[Draft]) -> dict[str, dict[str, set[str]]]:
    """Return the spellings of all entities of these records by namespace and key."""
    found: dict[str, dict[str, set[str]]] = {}
    for record in records:
        for name in record.entities:
            found.setdefault(record.namespace, {}).setdefault(key_of(name), set()).add(name)
    return found


def merged(known: Mapping[str, Entity], said: Iterable[tuple[Draft, bool]], namespace: str) -> dict[str, Entity]:
    """Return the entities that change when these records of one namespace are said.

    The flag of a record says whether it counts as a mention.
    """
    changed: dict[str, Entity] = {}
    counts: Counter[str] = Counter()
    days: dict[str, str] = {}
    for draft, new in said:
        day = draft.occurred_at.date().isoformat() if draft.occurred_at else ""
        page = draft.metadata.get("format") == "entity"
        for name in draft.entities:
            key = key_of(name)
            entity = changed.get(key) or known.get(key) or Entity(namespace=namespace, key=key, name=name, slug=name)
            changed[key] = _told(entity, name, draft, day)
            counts[key] += new
            if not page:
                days[key] = max(day, days.get(key, ""))
    return {
        key: evolve(
            entity, mentions=entity.mentions + counts[key], mentioned_at=max(entity.mentioned_at, days.get(key, ""))
        )
        for key, entity in changed.items()
    }


def _told(entity: Entity, name: str, draft: Draft, day: str) -> Entity:
    """Return an entity with what a record says of it; the later date wins."""
    told: dict[str, Any] = {} if name in entity.aliases else {"aliases": (*entity.aliases, name)}
    metadata = draft.metadata
    if metadata.get("slug") == name and metadata.get("format") == "entity":
        told.update(_page(entity, draft))
    elif metadata.get("state") == name:
        told.update(_state(entity, draft.content.removeprefix(name).lstrip(":： "), day))
    return evolve(entity, **told) if told else entity


def _state(entity: Entity, text: str, day: str) -> Iterator[tuple[str, object]]:
    if day >= entity.state_at:
        yield "state", text
        yield "state_at", day
    if day > entity.updated_at:
        yield "updated_at", day
        yield "updated_from", "state"


def _page(entity: Entity, draft: Draft) -> Iterator[tuple[str, object]]:
    metadata = draft.metadata
    updated, field = str(metadata.get("updated", "")), str(metadata.get("field", ""))
    yield "name", str(metadata.get("entity", entity.name))
    yield "slug", str(metadata["slug"])
    yield "source", (draft.source or "").partition("#L")[0]
    if updated >= entity.updated_at:
        yield "updated_at", updated
        yield "updated_from", str(metadata.get("updated_from", ""))
    if field:
        value = draft.content.partition(": ")[2]
        yield "fields", {**entity.fields, field: value}
        if field.casefold() in _KINDS:
            yield "kind", value
        elif field.casefold() in _STATES and updated >= entity.state_at:
            yield "state", value
            yield "state_at", updated
