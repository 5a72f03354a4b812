"""The values of the lifecycle: conversations, verdicts, events, reports and decisions. Import them from `records`.

They live apart because a command that only searches need not build their classes (half a millisecond each).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import Factory, field, frozen

from memcore.records import Draft, Record, strings

__all__ = [
    "Answer", "DecisionItem", "DecisionRequest", "Finding", "Outcome", "PromptBlock", "Report", "RetireEvent", "Run",
    "Session", "Source", "Turn", "Verdict", "WriteEvent",
]  # fmt: skip


@frozen(kw_only=True)
class Turn:
    """One utterance of a conversation; `occurred_at` carries a zone, `question_id` names the question it answers."""

    role: str
    content: str
    session_id: str = ""
    occurred_at: datetime | None = None
    speaker: str | None = None
    question_id: str | None = None
    metadata: Mapping[str, Any] = Factory(dict)


@frozen(kw_only=True)
class Session:
    """A conversation that ended or was checkpointed; it may be delivered again with overlapping turns."""

    id: str
    turns: tuple[Turn, ...]
    namespace: str = "default"
    agent_id: str | None = None
    metadata: Mapping[str, Any] = Factory(dict)


@frozen(kw_only=True)
class Source:
    """A text to extract drafts from: `path` is relative to its workspace, `kind` a format hint (daily, bank, ...)."""

    text: str
    path: str | None = None
    kind: str | None = None
    namespace: str = "default"
    agent_id: str | None = None
    occurred_at: datetime | None = None
    metadata: Mapping[str, Any] = Factory(dict)


@frozen(kw_only=True)
class Verdict:
    """A gate's word on one draft; strictest wins: refuse > hold > merge > accept.

    A merge names the record the draft repeats (`into`, an id) or an earlier draft of the batch (`twin`, an index).
    """

    word: Literal["accept", "merge", "hold", "refuse"]
    reason: str = ""
    into: str | None = None
    twin: int | None = None


@frozen(kw_only=True)
class Outcome:
    """What became of one draft: `state` is new, existing, revived, merged, held or refused, with the reason."""

    draft: Draft
    state: str
    record: Record | None = None
    reason: str = ""


@frozen(kw_only=True)
class WriteEvent:
    """A batch that was written: `written` is new or came back; `confirmed` was said again, came back or was merged."""

    written: tuple[Record, ...]
    confirmed: tuple[tuple[Draft, Record], ...]
    at: datetime


@frozen(kw_only=True)
class RetireEvent:
    """A batch that left active memory, why, and the record that replaced it (None for a plain removal)."""

    records: tuple[Record, ...]
    reason: str
    superseded_by: str | None
    at: datetime


@frozen(kw_only=True)
class Run:
    """One maintenance run: the engine's time, and whether only to report what would change."""

    now: datetime
    dry_run: bool = False


@frozen(kw_only=True)
class Report:
    """What an upkeep or session hook did: counts by name, one line per change, in the plugin's words."""

    summary: str
    counts: Mapping[str, int] = Factory(dict)
    lines: tuple[str, ...] = field(default=(), converter=strings)


@frozen(kw_only=True)
class Finding:
    """One thing a check noticed: a stable `code`, its severity, where, and the cure."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    where: str = ""
    cure: str = ""
    record_ids: tuple[str, ...] = field(default=(), converter=strings)


@frozen(kw_only=True)
class PromptBlock:
    """A stable piece of system prompt; blocks are joined by title order."""

    title: str
    text: str


@frozen(kw_only=True)
class DecisionRequest:
    """A judgment no rule can make: `kind` (TOPIC_CLASSIFY, ...), a question, its options, and a unique `key`."""

    kind: str
    key: str
    question: str
    options: tuple[str, ...] = field(converter=strings)
    record_ids: tuple[str, ...] = field(default=(), converter=strings)
    evidence: Mapping[str, Any] = Factory(dict)
    deadline: datetime | None = None


@frozen(kw_only=True)
class DecisionItem:
    """A queued request with its queue id."""

    id: str
    request: DecisionRequest


@frozen(kw_only=True)
class Answer:
    """An answer to a decision: one of its options (free text where it has none), the reason, and who said so."""

    choice: str
    reason: str = ""
    by: str = ""
