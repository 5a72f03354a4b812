"""The values that travel between core, plugins, backends and hosts: frozen, keyword-only, free of behaviour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from attrs import Factory, asdict, evolve, field, frozen

from memcore.errors import InvalidInputError

if TYPE_CHECKING:
    from memcore.events import (
        Answer,
        DecisionItem,
        DecisionRequest,
        Finding,
        Outcome,
        PromptBlock,
        Report,
        RetireEvent,
        Run,
        Session,
        Source,
        Turn,
        Verdict,
        WriteEvent,
    )  # fmt: skip

__all__ = [
    "Answer", "DecisionItem", "DecisionRequest", "Draft", "Finding", "Hit", "Outcome", "Page", "PromptBlock",
    "Query", "Recall", "Record", "Report", "RetireEvent", "Run", "Scope", "Session", "Source", "Stored", "Turn",
    "Verdict", "WriteEvent", "content_hash", "draft_from_json", "evolve", "to_json",
]  # fmt: skip

EVENTS = {
    "Answer", "DecisionItem", "DecisionRequest", "Finding", "Outcome", "PromptBlock", "Report", "RetireEvent", "Run",
    "Session", "Source", "Turn", "Verdict", "WriteEvent",
}  # fmt: skip
"""What `memcore.events` holds; it is imported when one of these is asked for."""

Provenance = Literal["observed", "declared", "inferred", "human_confirmed", "untrusted"]
Status = Literal["active", "superseded", "archived", "retired"]
PROVENANCES = frozenset(get_args(Provenance))


def strings(values: Iterable[str]) -> tuple[str, ...]:
    """Return the texts as a tuple: the converter of every field that holds several."""
    return tuple(values)


def content_hash(content: str) -> str:
    """Return `sha256:` and the lower-case hex digest of the UTF-8 text."""
    import hashlib  # 5 ms, and a search hashes nothing

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
    tags: tuple[str, ...] = field(default=(), converter=strings)
    entities: tuple[str, ...] = field(default=(), converter=strings)
    confidence: float | None = None
    provenance: Provenance = "declared"
    upstream_ids: tuple[str, ...] = field(default=(), converter=strings)
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
                named = (
                    self.content,
                    self.kind,
                    self.namespace,
                    self.agent_id or "",
                    self.source or "",
                    self.summary or "",
                )
                "".join((*named, *self.tags, *self.entities, *self.upstream_ids)).encode()
            except UnicodeEncodeError:
                problem = "it holds half of a surrogate pair, which no UTF-8 file or server can store"
        if problem:
            raise InvalidInputError("this draft cannot be stored", why=problem, cure="correct it and write it again")


def draft_from_json(plain: Mapping[str, Any]) -> Draft:
    """Return the draft that `to_json` made plain."""
    when = plain.get("occurred_at")
    return Draft(**{**plain, "occurred_at": datetime.fromisoformat(when) if when else None})


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

    namespaces: tuple[str, ...] = field(default=(), converter=strings)
    kinds: tuple[str, ...] = field(default=(), converter=strings)
    statuses: tuple[str, ...] = field(default=("active",), converter=strings)
    ids: tuple[str, ...] = field(default=(), converter=strings)
    agent_id: str | None = None
    tags: tuple[str, ...] = field(default=(), converter=strings)
    entities: tuple[str, ...] = field(default=(), converter=strings)
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
    sources: tuple[str, ...] = field(default=(), converter=strings)
    notes: tuple[str, ...] = field(default=(), converter=strings)


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


def __getattr__(name: str) -> Any:
    if name in EVENTS:
        from memcore import events

        return getattr(events, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
