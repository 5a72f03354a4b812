"""What a prompt need not be told again, and what it must not be told as true any more.

Three kinds of hits are left out of a recall for a prompt: turns that stand in the conversation itself, entries the host
puts into its prompt, and turns that say what a later record replaced. A person who searches still finds all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from memcore import Engine, Hit, Query, Record, Scope, hookimpl

__all__ = ["Sieve", "outdated"]

REPLACED = 50
"""Replaced records considered for one question."""
SHARED = 0.5
"""Share of the words that stayed which a turn must have to be about the same thing."""


class Sieve:
    """The view of one session; the provider keeps it up to date and registers it with its engine."""

    def __init__(self) -> None:
        self.key = ""
        """Names the recalls of this session; others pass."""
        self.sessions: frozenset[str] = frozenset()
        """Sessions whose turns stand in the conversation."""
        self.in_prompt: frozenset[str] = frozenset()
        """Contents the host shows anyway."""
        self.since: datetime | None = None
        """When the conversation was cut last (compression): turns before that are no longer in it. None: never."""

    @hookimpl
    def memcore_rerank(self, engine: Engine, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Leave out what is known to the prompt and what is no longer true."""
        if not self.key or query.session_id != self.key:
            return None
        kept = [hit for hit in hits if not self._visible(hit.record)]
        stale = outdated(engine, query, [hit.record for hit in kept if hit.record.kind == "episode"])
        return [hit for hit in kept if hit.record.id not in stale]

    def _visible(self, record: Record) -> bool:
        if record.kind != "episode":
            return record.content.strip() in self.in_prompt
        if record.metadata.get("session_id") not in self.sessions:
            return False
        return self.since is None or record.created_at >= self.since


def outdated(engine: Engine, query: Query, records: Sequence[Record]) -> set[str]:
    """Return the ids of records that say what another record said before it was replaced.

    A record repeats a replaced one if it has the words that went with the replacement, none of those that came, and
    half of those that stayed, or nothing else at all. Only what was said before the replacement counts.
    """
    if not records:
        return set()
    words = " ".join([query.text, *(record.content[:200] for record in records)])
    scope = Scope(namespaces=query.scope.namespaces, statuses=("superseded",))
    old = [hit.record for hit in engine.backend.search(Query(text=words, scope=scope, limit=REPLACED, now=query.now))]
    heirs = {heir.id: heir for heir in engine.get([_heir(record) for record in old if _heir(record)])}
    pairs = [(record, heirs[_heir(record)]) for record in old if _heir(record) in heirs]
    return {record.id for record in records if any(_repeats(record, before, after) for before, after in pairs)}


def _heir(record: Record) -> str:
    return str(record.metadata.get("superseded_by") or "")


def _replaced_at(before: Record, after: Record) -> datetime:
    """Return when the backend says it was replaced, else when its heir was made (a heir may have come back)."""
    try:
        return datetime.fromisoformat(str(before.metadata["retired_at"]))
    except (KeyError, ValueError):
        return after.created_at


def _repeats(record: Record, before: Record, after: Record) -> bool:
    if record.created_at > _replaced_at(before, after):
        return False
    said, old, new = _terms(record.content), _terms(before.content), _terms(after.content)
    went, came, stayed = old - new, new - old, old & new
    if not went or not went <= said or said & came:
        return False
    return len(said & stayed) >= SHARED * len(stayed) or said <= old


def _terms(text: str) -> set[str]:
    from memcore_toolkit.text import query_terms

    return set(query_terms(_unspoken(text)))


def _unspoken(text: str) -> str:
    """Return the text of a turn without the name of its speaker."""
    speaker, colon, rest = text.partition(": ")
    return rest if colon and len(speaker) < 40 and " " not in speaker else text
