"""CONFLICT_RESOLVE: find the active facts that a record may contradict, and ask which one holds.

Every pair of records has one question, whatever their order. It is asked once, and again when it matters again: a
fact that lost and comes back is active beside the one that replaced it, so A, then B, then A ends with a question and
never in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memcore import Capability, Query, Record, Scope

from memcore_plugins.decisions import schema
from memcore_plugins.decisions.contradiction import contradiction

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import DecisionRequest, WriteEvent

    from memcore_plugins.decisions import DecisionsSettings

__all__ = ["KEEP", "KIND", "catch_up", "note_written", "opponents"]

KIND = "CONFLICT_RESOLVE"
KEEP = ("keep_new", "keep_old", "keep_both")
"""The options: the older record is superseded, the newer one is, or both stay."""

_QUERY_CHARS = 500


def note_written(engine: Engine, settings: DecisionsSettings, event: WriteEvent) -> None:
    """Look for conflicts of what was written; leave large batches (a migration), and remote backends, to upkeep."""
    written = [record for record in event.written if record.kind in settings.conflict_kinds]
    for _, record in event.confirmed:
        _turn_round(engine, record)
    near = Capability.TRANSACTIONAL in engine.backend.capabilities
    if near and len(written) <= settings.conflict_lookups:
        for record in reversed(written):
            _ask_about(engine, settings, record)
    elif written:
        with engine.workspace.transaction() as connection:
            schema.add_unchecked(connection, [record.id for record in written])


def catch_up(engine: Engine, settings: DecisionsSettings) -> tuple[int, int]:
    """Look for conflicts of the records left behind, the last written first; return how many were seen, and wait."""
    connection = engine.workspace.connection()
    waiting = schema.unchecked(connection, settings.conflict_catch_up)
    for record in engine.get(waiting):
        if record.status == "active":
            _ask_about(engine, settings, record)
    with engine.workspace.transaction() as writing:
        schema.drop_unchecked(writing, waiting)
    return len(waiting), len(schema.unchecked(connection))


def opponents(engine: Engine, settings: DecisionsSettings, record: Record) -> list[tuple[Record, str]]:
    """Return the active records of the same entities that this one may contradict, each with why, the closest first.

    What differs from many in the same way is one of a series (piers 1 to 9, things somebody likes), no contradiction.
    """
    scope = Scope(namespaces=(record.namespace,), kinds=settings.conflict_kinds, entities=record.entities)
    query = Query(text=record.content[:_QUERY_CHARS], scope=scope, limit=settings.conflict_candidates, now=engine.now())
    found = []
    for hit in engine.backend.search(query):
        other = hit.record
        if other.id == record.id or other.status != "active":
            continue
        names = {*record.entities, *other.entities}
        if why := contradiction(other.content, record.content, overlap=settings.conflict_overlap, subject=names):
            found.append((other, why))
    return found if len(found) <= settings.conflicts_per_record else []


def _ask_about(engine: Engine, settings: DecisionsSettings, record: Record) -> None:
    connection = engine.workspace.connection()
    for other, why in opponents(engine, settings, record):
        item = schema.load(connection, schema.item_id(_key(record, other)))
        if item is None or item.status == "moot":
            older, newer = _in_order(other, record)
            engine.decide(_request(older, newer, why))
        elif item.status == "answered" and item.last_choice != "keep_both":
            answers = sum(event["event"] == "answered" for event in item.history)
            loser = item.evidence["old" if item.last_choice == "keep_new" else "new"]["id"]
            older, newer = (other, record) if loser == record.id else (record, other)
            engine.decide(_request(older, newer, why, returned=answers))


def _turn_round(engine: Engine, said_again: Record) -> None:
    """Make a fact that was said again the newer side of its open conflicts: it is the last word on the matter."""
    for item in schema.about(engine.workspace.connection(), [said_again.id]):
        if item.kind == KIND and item.status == "queued" and item.evidence["old"]["id"] == said_again.id:
            records = {record.id: record for record in engine.get(item.record_ids)}
            newer = records.get(item.evidence["new"]["id"])
            if newer is not None and said_again.id in records:
                returned = int(item.evidence.get("returned", 0))
                engine.decide(_request(newer, records[said_again.id], str(item.evidence["why"]), returned=returned))


def _in_order(other: Record, record: Record) -> tuple[Record, Record]:
    """Return the two by the date of what they say; of equal dates the record at hand is the newer."""
    return (record, other) if _said(other) > _said(record) else (other, record)


def _said(record: Record) -> Any:
    return record.occurred_at or record.created_at


def _key(one: Record, two: Record) -> str:
    return f"{KIND}:{':'.join(sorted((one.id, two.id)))}"


def _request(older: Record, newer: Record, why: str, *, returned: int = 0) -> DecisionRequest:
    from memcore.records import DecisionRequest

    evidence: dict[str, Any] = {"why": why, "old": _side(older), "new": _side(newer)}
    if returned:
        evidence["returned"] = returned
    return DecisionRequest(
        kind=KIND,
        key=_key(older, newer),
        question="Two facts about one subject may contradict each other. Which one holds?",
        options=KEEP,
        record_ids=(newer.id, older.id),
        evidence=evidence,
    )


def _side(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "content": record.content,
        "kind": record.kind,
        "namespace": record.namespace,
        "provenance": record.provenance,
        "confidence": record.confidence,
        "source": record.source,
        "said_at": _said(record).isoformat(),
    }
