"""CHANGELOG_SUMMARIZE: ask for a summary of long, old logs. Off by default, because it makes work for whoever answers.

A rule can tell that a log is long and old, not what in it still matters. So the rule is modest: a source called
CHANGELOG, or a daily, of more than `changelog_lines` lines whose newest entry is older than `changelog_days`. The
summary becomes a record of kind `knowledge` that names every record it rests on; the log stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from memcore import Draft, Record, Scope
from memcore.errors import RefusedError

from memcore_plugins.decisions import schema

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Answer, DecisionItem, DecisionRequest

    from memcore_plugins.decisions import DecisionsSettings

__all__ = ["KIND", "find", "keep"]

KIND = "CHANGELOG_SUMMARIZE"

_SHOWN_CHARS = 6000  # what Hermes hands to its summariser


def find(engine: Engine, settings: DecisionsSettings, now: datetime) -> list[DecisionRequest]:
    """Return one request per log that is long and old, in the order of their sources."""
    logs: dict[tuple[str, str], list[Record]] = {}
    for record in engine.scan(Scope()):
        path = (record.source or "").partition("#")[0]
        name = path.rpartition("/")[2].casefold()
        if path and not record.upstream_ids and (record.kind == "daily" or name.partition(".")[0] == "changelog"):
            logs.setdefault((record.namespace, path), []).append(record)
    oldest = now - timedelta(days=settings.changelog_days)
    return [
        _request(namespace, path, records)
        for (namespace, path), records in sorted(logs.items())
        if _lines(records) > settings.changelog_lines
        and max(record.occurred_at or record.created_at for record in records) < oldest
    ]


def _lines(records: Iterable[Record]) -> int:
    return sum(record.content.count("\n") + 1 for record in records)


def _request(namespace: str, path: str, records: list[Record]) -> DecisionRequest:
    from memcore.records import DecisionRequest

    ordered = sorted(
        records, key=lambda record: (record.occurred_at or record.created_at, record.source or "", record.id)
    )
    text = "\n".join(record.content for record in ordered)
    cut = text[:_SHOWN_CHARS]
    evidence: dict[str, Any] = {"namespace": namespace, "source": path, "lines": _lines(records), "text": cut}
    if len(cut) < len(text):
        evidence["left_out"] = f"{len(text) - len(cut)} characters"
    return DecisionRequest(
        kind=KIND,
        key=f"{KIND}:{namespace}:{path}",
        question="What in this log is still worth knowing? Answer with a summary of a few sentences.",
        options=(),
        record_ids=tuple(sorted(record.id for record in records)),
        evidence=evidence,
    )


def keep(engine: Engine, item: DecisionItem, answer: Answer) -> None:
    """Store the summary; an earlier one of the same log is superseded."""
    stored = schema.load(engine.workspace.connection(), item.id)
    earlier = [str(event["record_id"]) for event in (stored.history if stored else ()) if event.get("record_id")]
    draft = Draft(
        content=answer.choice,
        kind="knowledge",
        namespace=str(item.request.evidence["namespace"]),
        provenance="inferred",
        upstream_ids=item.request.record_ids,
        source=str(item.request.evidence["source"]),
        metadata={"decision": item.id, "answered_by": answer.by},
    )
    outcome = engine.supersede(earlier, draft, reason=f"decision {item.id}: summarised again")
    if outcome.record is None:
        raise RefusedError(f"the summary was {outcome.state}", why=outcome.reason, cure="answer with another text")
    schema.note_result(engine.workspace.connection(), item.id, outcome.record.id)
