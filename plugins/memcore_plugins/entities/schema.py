"""The table of entities, read and written as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

__all__ = ["TABLES", "Entity", "delete", "load", "load_all", "save"]

TABLES = [
    Migration.sql(
        1,
        "CREATE TABLE entities(namespace TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, slug TEXT NOT NULL, "
        "kind TEXT NOT NULL, aliases TEXT NOT NULL, state TEXT NOT NULL, state_at TEXT NOT NULL, fields TEXT NOT NULL, "
        "source TEXT NOT NULL, updated_at TEXT NOT NULL, updated_from TEXT NOT NULL, mentions INTEGER NOT NULL, "
        "mentioned_at TEXT NOT NULL, PRIMARY KEY(namespace, key)) STRICT, WITHOUT ROWID",
    )
]

_COLUMNS = (
    "namespace, key, name, slug, kind, aliases, state, state_at, fields, source, updated_at, updated_from, mentions, "
    "mentioned_at"
)
_CHUNK = 400  # SQLite allows 999 parameters in its oldest supported builds


@frozen(kw_only=True)
class Entity:
    """One entity of a namespace. Dates are ISO days, empty where unknown.

    `key` is the folded slug that all spellings share, `aliases` are the spellings seen, `source` is its page.
    `updated_from` says how the date is known: field, footer, text or file of the page, or the state of a tag.
    """

    namespace: str
    key: str
    name: str
    slug: str
    kind: str = ""
    aliases: tuple[str, ...] = ()
    state: str = ""
    state_at: str = ""
    fields: Mapping[str, str] = field(factory=dict)
    source: str = ""
    updated_at: str = ""
    updated_from: str = ""
    mentions: int = 0
    mentioned_at: str = ""

    @property
    def kept_up(self) -> bool:
        """Return whether there is something to keep up to date: a page or a state."""
        return bool(self.source or self.state)


def load(connection: sqlite3.Connection, namespace: str, keys: Iterable[str]) -> dict[str, Entity]:
    """Return the entities with these keys."""
    wanted, found = list(keys), dict[str, Entity]()
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(part))
        statement = f"SELECT {_COLUMNS} FROM entities WHERE namespace=? AND key IN ({marks})"
        found.update((entity.key, entity) for entity in map(_entity, connection.execute(statement, [namespace, *part])))
    return found


def load_all(connection: sqlite3.Connection, namespaces: Sequence[str] = ()) -> Iterator[Entity]:
    """Yield all entities, or those of some namespaces, in the order of their keys."""
    where = f" WHERE namespace IN ({','.join('?' * len(namespaces))})" if namespaces else ""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM entities{where} ORDER BY namespace, key", list(namespaces))
    return map(_entity, rows)


def save(connection: sqlite3.Connection, entities: Iterable[Entity]) -> None:
    """Write entities, replacing those with the same key."""
    connection.executemany(
        f"INSERT OR REPLACE INTO entities({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)", map(_row, entities)
    )


def delete(connection: sqlite3.Connection, namespace: str, keys: Iterable[str]) -> None:
    """Delete the entities with these keys."""
    connection.executemany("DELETE FROM entities WHERE namespace=? AND key=?", [(namespace, key) for key in keys])


def _entity(row: Sequence[object]) -> Entity:
    names = _COLUMNS.split(", ")
    told = dict(zip(names, row, strict=True))
    told["aliases"] = tuple(json.loads(str(told["aliases"])))
    told["fields"] = json.loads(str(told["fields"]))
    return Entity(**told)  # type: ignore[arg-type]


def _row(entity: Entity) -> tuple[object, ...]:
    aliases, fields = (
        json.dumps(entity.aliases, ensure_ascii=False),
        json.dumps(dict(entity.fields), ensure_ascii=False),
    )
    return (
        entity.namespace, entity.key, entity.name, entity.slug, entity.kind, aliases, entity.state, entity.state_at,
        fields, entity.source, entity.updated_at, entity.updated_from, entity.mentions, entity.mentioned_at,
    )  # fmt: skip
