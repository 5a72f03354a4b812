"""A scope as an SQL condition that admits exactly what `Scope.admits` admits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memcore.records import Scope

from memcore_backends.sqlite.rows import EPISODE, encode_text, list_item, utc
from memcore_backends.sqlite.schema import CURATED, EPISODES, Table, placeholders

__all__ = ["Condition", "tables_of"]


def tables_of(scope: Scope) -> tuple[Table, ...]:
    """Return the tables in which records of this scope can be, the curated one first."""
    if scope.kinds and EPISODE not in scope.kinds:
        return (CURATED,)
    return (EPISODES,) if set(scope.kinds) == {EPISODE} else (CURATED, EPISODES)


class Condition:
    """The condition of one scope: `sql` to stand behind WHERE, and the `values` to bind.

    `narrow` says that few records can match, so that looking at each match beats filtering the best ones.
    """

    def __init__(self, scope: Scope) -> None:
        self._parts: list[str] = []
        self.values: list[Any] = []
        self._among("namespace", scope.namespaces)
        self._among("kind", scope.kinds)
        self._among("status", scope.statuses)
        if scope.ids:
            self._add(
                "id IN (SELECT value FROM json_each(?))", encode_text([key for key in scope.ids if key.isascii()])
            )
        if scope.agent_id is not None:
            self._add("agent_id = ?", scope.agent_id)
        for tag in scope.tags:
            self._add("instr(tags, ?) > 0", list_item(tag))
        if scope.entities:
            either = " OR ".join(["instr(entities, ?) > 0"] * len(scope.entities))
            self._add(f"({either})", *map(list_item, scope.entities))
        self._source(scope.source)
        for time, sign in ((scope.since, ">="), (scope.until, "<")):
            if time is not None:
                self._add(f"coalesce(occurred_at, created_at) {sign} ?", _bound(time))
        if scope.min_confidence is not None:
            self._add("(confidence IS NULL OR confidence >= ?)", scope.min_confidence)
        self.sql = " AND ".join(self._parts) or "1"
        self.narrow = bool(scope.ids or scope.tags or scope.entities or scope.source)
        self._scope = scope

    def access(self, table: Table) -> str:
        """Return the index hint for reading rows in the order of `seq`, which SQLite cannot guess."""
        if self._scope.source:
            return f"INDEXED BY {table.name}_by_source"
        if self._scope.ids:
            return ""
        if len(self._scope.kinds) == len(self._scope.statuses) == 1:
            return f"INDEXED BY {table.name}_by_kind"
        return "NOT INDEXED"

    def _add(self, sql: str, *values: Any) -> None:
        self._parts.append(sql)
        self.values += map(_bindable, values)

    def _among(self, column: str, names: Sequence[str]) -> None:
        if len(names) == 1:
            self._add(f"{column} = ?", *names)
        elif names:
            self._add(f"{column} IN ({placeholders(len(names))})", *names)

    def _source(self, source: str | None) -> None:
        if source is None:
            return
        if not source:
            self._add("(source IS NULL OR source = '' OR substr(source, 1, 1) = '#')")
        elif "#" in source:
            self._add("source = ?", source)
        else:  # a range of the index holds the path and its lines, '$' follows '#'; the rest tells them from neighbours
            lines = f"{source}#"
            self._add("source >= ? AND source < ?", source, f"{source}$")
            self._add("(source = ? OR substr(source, 1, ?) = ?)", source, len(lines), lines)


def _bindable(value: Any) -> Any:
    """Return text that SQLite cannot hold as bytes, which equal no text: nothing stored can match it."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors="surrogatepass")
    return value


def _bound(time: datetime) -> str:
    """Return a time as it is stored; one that leaves the calendar in UTC sorts before or behind every stored one."""
    try:
        return utc(time) or ""
    except ValueError:
        return "" if time.year < 5000 else "~"
