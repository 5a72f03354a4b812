"""The tables of the ontology, and the difference between what they hold and what the markdown says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen
from memcore import Migration

if TYPE_CHECKING:
    import sqlite3

    from memcore import Scope

__all__ = [
    "NAMES", "TABLES", "Agent", "Change", "Layer", "Relation", "Row", "apply", "difference", "figures", "forget",
    "load", "workspaces",
]  # fmt: skip

NAMES = ("ont_agents", "ont_relations", "ont_layers")

_OWNER = "namespace TEXT NOT NULL, workspace TEXT NOT NULL"
_PLACE = "file TEXT NOT NULL, line INTEGER NOT NULL"

TABLES = [
    Migration.sql(
        1,
        f"CREATE TABLE ont_agents({_OWNER}, key TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, "
        "description TEXT NOT NULL, model TEXT NOT NULL, tools TEXT NOT NULL, writes_code TEXT NOT NULL, "
        f"defined INTEGER NOT NULL, {_PLACE}, PRIMARY KEY(namespace, workspace, key)) STRICT, WITHOUT ROWID",
        f"CREATE TABLE ont_relations({_OWNER}, source TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, "
        f"note TEXT NOT NULL, {_PLACE}, PRIMARY KEY(namespace, workspace, source, kind, target)) "
        "STRICT, WITHOUT ROWID",
        f"CREATE TABLE ont_layers({_OWNER}, family TEXT NOT NULL, level TEXT NOT NULL, name TEXT NOT NULL, "
        f"text TEXT NOT NULL, {_PLACE}, PRIMARY KEY(namespace, workspace, family, level, name)) "
        "STRICT, WITHOUT ROWID",
    )
]


@frozen(kw_only=True)
class Agent:
    """An agent: `key` is its name in lower case, `defined` whether it has a file of its own."""

    key: str
    name: str
    role: str = ""
    description: str = ""
    model: str = ""
    tools: tuple[str, ...] = ()
    writes_code: str = ""
    defined: bool = False
    file: str = ""
    line: int = 1


@frozen(kw_only=True)
class Relation:
    """Who hands what to whom: keys of two agents, the kind of relation, and what is said about it."""

    source: str
    kind: str
    target: str
    note: str = ""
    file: str = ""
    line: int = 1


@frozen(kw_only=True)
class Layer:
    """A layer of the family persona (L0 Being .. L3 Actions) or knowledge (global, project, session)."""

    family: str
    level: str
    name: str
    text: str = ""
    file: str = ""
    line: int = 1


Row = Agent | Relation | Layer

_KINDS: Mapping[str, tuple[type[Row], tuple[str, ...]]] = {
    "ont_agents": (Agent, ("key",)),
    "ont_relations": (Relation, ("source", "kind", "target")),
    "ont_layers": (Layer, ("family", "level", "name")),
}


@frozen(kw_only=True)
class Change:
    """One difference: added, changed (with the names of the fields) or removed."""

    word: str
    table: str
    key: tuple[str, ...]
    row: Row
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the change on one line."""
        name = " ".join(self.key) if self.table != "ont_relations" else f"{self.key[0]} -> {self.key[2]}"
        told = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.word} {self.table.removeprefix('ont_').removesuffix('s')} {name}{told}"


def load(connection: sqlite3.Connection, namespace: str, workspace: str) -> dict[tuple[str, ...], Row]:
    """Return all rows of a workspace by table name and key."""
    found: dict[tuple[str, ...], Row] = {}
    for table, (cls, keys) in _KINDS.items():
        names = [each.name for each in attrs.fields(cls)]
        statement = f"SELECT {', '.join(names)} FROM {table} WHERE namespace=? AND workspace=?"
        for values in connection.execute(statement, (namespace, workspace)):
            row = cls(**{name: _read(name, value) for name, value in zip(names, values, strict=True)})
            found[table, *(getattr(row, key) for key in keys)] = row
    return found


def difference(old: Mapping[tuple[str, ...], Row], rows: Iterable[Row]) -> list[Change]:
    """Return what must change for the tables to hold these rows; of two rows with one key the first counts."""
    new: dict[tuple[str, ...], Row] = {}
    for row in rows:
        table, keys = next((table, keys) for table, (cls, keys) in _KINDS.items() if isinstance(row, cls))
        new.setdefault((table, *(getattr(row, key) for key in keys)), row)
    changes = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        word = "added" if before is None else "removed" if after is None else "changed"
        names = [each.name for each in attrs.fields(type(after))] if before and after else []
        fields = tuple(name for name in names if getattr(before, name) != getattr(after, name))
        changes.append(Change(word=word, table=key[0], key=key[1:], row=after or old[key], fields=fields))
    return changes


def apply(connection: sqlite3.Connection, namespace: str, workspace: str, changes: Iterable[Change]) -> None:
    """Carry out changes, row by row."""
    for change in changes:
        cls, keys = _KINDS[change.table]
        if change.word == "removed":
            where = " AND ".join(f"{key}=?" for key in keys)
            statement = f"DELETE FROM {change.table} WHERE namespace=? AND workspace=? AND {where}"
            connection.execute(statement, (namespace, workspace, *change.key))
            continue
        names = [each.name for each in attrs.fields(cls)]
        values = [_written(getattr(change.row, name)) for name in names]
        marks = ",".join("?" * (len(names) + 2))
        statement = f"INSERT OR REPLACE INTO {change.table}(namespace, workspace, {', '.join(names)}) VALUES({marks})"
        connection.execute(statement, (namespace, workspace, *values))


def workspaces(connection: sqlite3.Connection, namespace: str) -> list[str]:
    """Return the workspaces that were read."""
    union = " UNION ".join(f"SELECT workspace FROM {table} WHERE namespace=:n" for table in NAMES)
    return sorted(row[0] for row in connection.execute(union, {"n": namespace}))


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    names = {table.removeprefix("ont_"): table for table in NAMES}
    return {name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in names.items()}


def forget(connection: sqlite3.Connection, scope: Scope) -> int:
    """Delete the rows of a scope that names nothing but namespaces or a source; return how many went."""
    if attrs.evolve(scope, namespaces=(), statuses=(), source=None) != type(scope)(statuses=()):
        return 0
    where, given = "1=1", list[str]()
    if scope.namespaces:
        where, given = f"namespace IN ({','.join('?' * len(scope.namespaces))})", list(scope.namespaces)
    if scope.source is not None:
        where, given = f"{where} AND file=?", [*given, scope.source.partition("#")[0]]
    return sum(connection.execute(f"DELETE FROM {table} WHERE {where}", given).rowcount for table in NAMES)


def _written(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    if name == "tools":
        return tuple(json.loads(value))
    return bool(value) if name == "defined" else value
