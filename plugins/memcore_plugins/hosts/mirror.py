"""The records that stand for the entries of a host's own memory files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from memcore import Draft, Engine, Query, Record, Scope

from memcore_plugins.hosts.messages import unfenced

__all__ = ["MEMORY_SOURCE", "Mirror", "shown_as"]

MEMORY_SOURCE = "host-memory:"
"""Prefix of the source of records that mirror an entry of the host's own memory files."""
SCAN_LIMIT = 200
"""Records looked at to find an entry that came from elsewhere."""
SIMILAR = 0.5
"""Share of the words an entry edited by hand keeps; below it is another entry."""


def shown_as(content: str) -> str:
    """Return the line in which a record stands in a prompt block."""
    return f"- {' '.join(content.split())}".replace("<", "&lt;")


@frozen
class Mirror:
    """Follows the entries of one namespace."""

    engine: Engine
    namespace: str
    agent_id: str | None = None

    def records(self, target: str) -> list[Record]:
        """Return the active records of one memory file."""
        return list(self.engine.scan(Scope(namespaces=(self.namespace,), source=MEMORY_SOURCE + target)))

    def follow(self, action: str, target: str, content: str, told: Mapping[str, Any]) -> bool:
        """Carry out add, replace or remove; return False for an unknown action."""
        if action not in ("add", "replace", "remove"):
            return False
        if action == "add":
            self.engine.remember([self._draft(target, content)])
            return True
        older = self._meant(target, str(told.get("previous_content") or ""), str(told.get("old_text") or ""))
        ids = [record.id for record in older]
        if action == "replace":
            self.engine.supersede(ids, self._draft(target, content), reason="replaced by the host")
        else:
            self.engine.retire(ids, reason="removed by the host")
        return True

    def reconcile(self, target: str, entries: Sequence[str]) -> None:
        """Make the records of one file equal to its entries, in one step."""
        with self.engine.writing():
            mirrored = {record.content: record for record in self.records(target)}
            wanted = [text for text in dict.fromkeys(unfenced(entry).strip() for entry in entries) if text]
            gone = {text: record for text, record in mirrored.items() if text not in wanted}
            for text in wanted:
                if text not in mirrored:
                    older = max(gone, key=lambda before: _likeness(before, text), default="")
                    if older and _likeness(older, text) >= SIMILAR:
                        ids = [gone.pop(older).id]
                        self.engine.supersede(ids, self._draft(target, text), reason="edited in the host's memory file")
                    else:
                        self.engine.remember([self._draft(target, text)])
            self.engine.retire([record.id for record in gone.values()], reason="no longer in the host's memory file")

    def _draft(self, target: str, content: str) -> Draft:
        return Draft(
            content=content,
            kind="fact",
            namespace=self.namespace,
            agent_id=self.agent_id,
            source=MEMORY_SOURCE + target,
            metadata={"origin": "memory_write", "tier": "local", "target": target},
        )

    def _meant(self, target: str, whole: str, part: str) -> list[Record]:
        """Return the active records that an entry stands for: its mirror, or the same words elsewhere."""
        if not (whole or part):
            return []

        def same(record: Record) -> bool:
            return record.content.strip() == whole.strip() if whole else part in record.content

        found = {record.id: record for record in self.records(target) if same(record)}
        if not found:
            query = Query(text=whole or part, scope=Scope(namespaces=(self.namespace,)), limit=SCAN_LIMIT)
            hits = self.engine.backend.search(query)
            matching = [hit.record for hit in hits if hit.record.kind != "episode" and same(hit.record)]
            found = {record.id: record for record in (matching if whole or len(matching) == 1 else [])}
        return list(found.values())


def _likeness(one: str, other: str) -> float:
    """Return the share of words two entries have in common, 0 to 1."""
    from memcore_toolkit.text import query_terms

    first, second = set(query_terms(one)), set(query_terms(other))
    return len(first & second) / max(len(first), len(second), 1)
