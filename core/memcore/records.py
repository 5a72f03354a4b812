"""The values that travel between core, plugins, backends and hosts: frozen, keyword-only, free of behaviour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from attrs import Factory, asdict, evolve, field, frozen

from memcore.errors import InvalidInputError

__all__ = [
    "Answer", "DecisionItem", "DecisionRequest", "Draft", "Finding", "Hit", "Outcome", "Page", "PromptBlock",
    "Query", "Recall", "Record", "Report", "RetireEvent", "Run", "Scope", "Session", "Source", "Stored", "Turn",
    "Verdict", "WriteEvent", "content_hash", "evolve", "to_json",
]  # fmt: skip

Provenance = Literal["observed", "declared", "inferred", "human_confirmed", "untrusted"]
Status = Literal["active", "superseded", "archived", "retired"]
PROVENANCES = frozenset(get_args(Provenance))


def _strings(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def content_hash(content: str) -> str:
    """Return `sha256:` and the lower-case hex digest of the UTF-8 text."""
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def to_json(value: Any) -> dict[str, Any]:
    """Return an attrs value as a JSON-ready dict: times as ISO-8601 text, tuples as lists."""
    plain = asdict(value, value_serializer=lambda _, __, item: item.isoformat() if isinstance(item, datetime) else item)
    return {key: list(item) if isinstance(item, tuple) else item for key, item in plain.items()}


@frozen(kw_only=True)
class Draft:
    """What a caller wants remembered; the engine and the backend fill in the rest. See `Record` for the fields."""

    content: str
    kind: str = "fact"
    namespace: str = "default"
    agent_id: str | None = None
    summary: str | None = None
    tags: tuple[str, ...] = field(default=(), converter=_strings)
    entities: tuple[str, ...] = field(default=(), converter=_strings)
    confidence: float | None = None
    provenance: Provenance = "declared"
    upstream_ids: tuple[str, ...] = field(default=(), converter=_strings)
    source: str | None = None
    occurred_at: datetime | None = None
    metadata: Mapping[str, Any] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        problem = ""
        if not isinstance(self.content, str) or not self.content.strip():
            problem = "content must be text with at least one visible character"
        elif not self.kind or not self.namespace or self.namespace != self.namespace.strip():
            problem = f"kind and namespace must be non-empty and without outer spaces, not {self.namespace!r}"
        elif self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            problem = f"confidence must lie in 0..1, not {self.confidence}"
        elif self.provenance not in PROVENANCES:
            problem = f"provenance must be one of {', '.join(sorted(PROVENANCES))}, not {self.provenance!r}"
        elif self.occurred_at is not None and self.occurred_at.tzinfo is None:
            problem = "occurred_at must carry a time zone"
        else:
            try:
                "".join((self.content, self.namespace, self.source or "", self.summary or "", *self.tags)).encode()
            except UnicodeEncodeError:
                problem = "it holds half of a surrogate pair, which no UTF-8 file or server can store"
        if problem:
            raise InvalidInputError("this draft cannot be stored", why=problem, cure="correct it and write it again")


@frozen(kw_only=True)
class Record(Draft):
    """One memory. Immutable: a change is a new record that supersedes this one; a removal retires it.

    `id` is opaque text from the backend; `kind` is an open set (world, experience, opinion, observation, fact, pattern,
    knowledge, identity, daily, episode, reflection, feedback, ...); `source` is `path#Lline`; times carry a zone.
    """

    id: str
    created_at: datetime
    content_hash: str
    status: Status = "active"


@frozen(kw_only=True)
class Stored:
    """The answer to one put: the record, and whether it is `new`, was there (`existing`), or came back (`revived`)."""

    record: Record
    state: Literal["new", "existing", "revived"]


@frozen(kw_only=True)
class Scope:
    """Which records are meant. An empty tuple or None sets no limit; `source` matches a path with or without `#L`."""

    namespaces: tuple[str, ...] = field(default=(), converter=_strings)
    kinds: tuple[str, ...] = field(default=(), converter=_strings)
    statuses: tuple[str, ...] = field(default=("active",), converter=_strings)
    ids: tuple[str, ...] = field(default=(), converter=_strings)
    agent_id: str | None = None
    tags: tuple[str, ...] = field(default=(), converter=_strings)
    entities: tuple[str, ...] = field(default=(), converter=_strings)
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_confidence: float | None = None

    def admits(self, record: Record) -> bool:
        """Return whether the record lies in this scope; tags: all of them, entities: any; times are half-open."""
        when = record.occurred_at or record.created_at
        return (
            (not self.namespaces or record.namespace in self.namespaces)
            and (not self.kinds or record.kind in self.kinds)
            and (not self.statuses or record.status in self.statuses)
            and (not self.ids or record.id in self.ids)
            and (self.agent_id is None or record.agent_id == self.agent_id)
            and set(self.tags) <= set(record.tags)
            and (not self.entities or not set(self.entities).isdisjoint(record.entities))
            and (self.source is None or self.source in (record.source, (record.source or "").partition("#")[0]))
            and (self.since is None or when >= self.since)
            and (self.until is None or when < self.until)
            and (self.min_confidence is None or record.confidence is None or record.confidence >= self.min_confidence)
        )


@frozen(kw_only=True)
class Query:
    """A question to memory: free text in any language, the scope every strategy must honour, and how many hits."""

    text: str
    scope: Scope = Factory(Scope)
    limit: int = 10
    session_id: str | None = None
    now: datetime = Factory(lambda: datetime.now(UTC))

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.limit, int) or self.limit < 0:
            raise InvalidInputError("limit must be a whole number from 0", why=f"got {self.limit!r}")


@frozen(kw_only=True)
class Hit:
    """One record found: `score` orders hits of one list only; `strategies` maps each strategy to its own score."""

    record: Record
    score: float
    strategies: Mapping[str, float] = Factory(dict)
    sources: tuple[str, ...] = field(default=(), converter=_strings)
    notes: tuple[str, ...] = field(default=(), converter=_strings)


@frozen(kw_only=True)
class Page:
    """One page of a scan; `next` is the cursor of the following page, None at the end."""

    records: Sequence[Record]
    next: str | None = None


@frozen(kw_only=True)
class Recall:
    """What prefetch found: hits best first, a text block for the prompt, and notes that explain gaps or emptiness."""

    query: Query
    hits: tuple[Hit, ...] = ()
    text: str = ""
    tokens: int = 0
    notes: tuple[str, ...] = ()


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
    """A batch that was written: `written` is new or came back, `confirmed` was said again and names its record."""

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
    lines: tuple[str, ...] = field(default=(), converter=_strings)


@frozen(kw_only=True)
class Finding:
    """One thing a check noticed: a stable `code`, its severity, where, and the cure."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    where: str = ""
    cure: str = ""
    record_ids: tuple[str, ...] = field(default=(), converter=_strings)


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
    options: tuple[str, ...] = field(converter=_strings)
    record_ids: tuple[str, ...] = field(default=(), converter=_strings)
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
