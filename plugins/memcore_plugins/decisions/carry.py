"""Carry out the answers to this plugin's own questions, and withdraw questions that events have answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
from memcore import Draft, Record
from memcore.errors import RefusedError
from memcore.records import content_hash

from memcore_plugins.decisions import changelog, conflicts, schema

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Answer, DecisionItem

__all__ = ["carry_out", "draft_of", "withdraw_retired", "withdraw_written"]


def carry_out(engine: Engine, item: DecisionItem, answer: Answer) -> None:
    """Do what was decided; raises RefusedError where it cannot be done, which leaves the item queued."""
    if item.request.kind == "REVIEW" and answer.choice == "accept":
        _accept(engine, item)
    elif item.request.kind == conflicts.KIND and answer.choice != "keep_both":
        _keep_one(engine, item, answer)
    elif item.request.kind == changelog.KIND:
        changelog.keep(engine, item, answer)


def _accept(engine: Engine, item: DecisionItem) -> None:
    draft = draft_of(item.request.evidence)
    outcome = engine.remember([draft], approved=True)[0]
    if outcome.record is None:
        raise RefusedError(
            f"the draft is still {outcome.state}", why=outcome.reason, cure=f"memcore decisions show {item.id}"
        )
    schema.note_result(engine.workspace.connection(), item.id, outcome.record.id)


def draft_of(evidence: Mapping[str, Any]) -> Draft:
    """Return the held draft that a REVIEW item carries; keys that no draft has are left out."""
    fields = {field.name for field in attrs.fields(Draft)}
    values = {key: value for key, value in evidence.items() if key in fields}
    if values.get("occurred_at"):
        values["occurred_at"] = datetime.fromisoformat(str(values["occurred_at"]))
    return Draft(**values)


def _keep_one(engine: Engine, item: DecisionItem, answer: Answer) -> None:
    kept, gone = ("new", "old") if answer.choice == "keep_new" else ("old", "new")
    winner, loser = (str(item.request.evidence[side]["id"]) for side in (kept, gone))
    active = {record.id for record in engine.get([winner, loser]) if record.status == "active"}
    if winner not in active:
        what = f"the record that {answer.choice} would keep has left active memory"
        raise RefusedError(what, cure=f"answer {item.id} the other way or with keep_both")
    if loser in active:
        reason = f"decision {item.id}: {answer.choice}" + (f", {answer.reason}" if answer.reason else "")
        engine.retire([loser], reason=reason, superseded_by=winner)


def withdraw_retired(engine: Engine, records: Sequence[Record], at: datetime) -> None:
    """Withdraw questions about records that left: a conflict when one side did, others when all of them did."""
    connection, gone = engine.workspace.connection(), {record.id for record in records}
    queued = [item for item in schema.about(connection, sorted(gone)) if item.status == "queued"]
    for item in queued:
        one_is_enough = item.kind == conflicts.KIND
        others = set(item.record_ids) - gone
        if one_is_enough or not any(record.status == "active" for record in engine.get(sorted(others))):
            _withdraw(engine, item, "the records it is about left active memory", at)
    if gone:
        with engine.workspace.transaction() as writing:
            schema.drop_unchecked(writing, gone)


def withdraw_written(engine: Engine, records: Sequence[Record], at: datetime) -> None:
    """Withdraw the review of a draft that was stored in another way."""
    connection = engine.workspace.connection()
    if not schema.waits(connection, "REVIEW"):
        return
    for record in records:
        key = f"REVIEW:{record.namespace}:{record.kind}:{content_hash(record.content)}"
        item = schema.load(connection, schema.item_id(key))
        if item is not None and item.status == "queued":
            _withdraw(
                engine, attrs.evolve(item, record_ids=(*item.record_ids, record.id)), "it was stored meanwhile", at
            )


def _withdraw(engine: Engine, item: schema.Item, reason: str, at: datetime) -> None:
    event = {"event": "moot", "at": schema.text_of(at), "reason": reason}
    with engine.workspace.transaction() as connection:
        schema.insert(connection, attrs.evolve(item, status="moot", history=(*item.history, event)))
