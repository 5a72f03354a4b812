"""What VirtualMe remembers of a person, in four layers: episodic, semantic, reflective, corrective."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import Factory, field, frozen
from memcore.errors import InvalidInputError
from memcore.records import content_hash, strings

__all__ = [
    "CORNERS", "NAMESPACE", "Entry", "Feedback", "PersonaTriple", "Reflection", "Turn", "namespace_of", "triangulated",
]  # fmt: skip

NAMESPACE = "project:virtualme:"
CORNERS = 3  # different questions that an answer must have been given to, before it counts as the person's own


def namespace_of(interviewee_id: str) -> str:
    """Return the namespace of a person; raises InvalidInputError for a name that could mean another one."""
    if not interviewee_id or interviewee_id != interviewee_id.strip() or ":" in interviewee_id:
        why = (
            f"{interviewee_id!r} is empty, has outer spaces, or holds a colon, which separates the parts of a namespace"
        )
        raise InvalidInputError("this is no id of an interviewee", why=why)
    return f"{NAMESPACE}{interviewee_id}"


def _texts(ids: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, ids))  # VirtualMe numbers its turns


@frozen(kw_only=True)
class Turn:
    """Episodic: one thing that was said, by whom (interviewee, interviewer, ...), when, and to which question."""

    role: str
    content: str
    session_id: str
    timestamp: datetime
    question_id: str | None = None
    metadata: Mapping[str, Any] = Factory(dict)

    @property
    def content_hash(self) -> str:
        """Return `sha256:` and the hex digest of what was said."""
        return content_hash(self.content)


@frozen(kw_only=True)
class PersonaTriple:
    """Semantic: what a turn shows of a person, for example (ada, prefers, short answers); confidence lies in 0..1."""

    interviewee_id: str
    subject: str
    relation: str
    object: str
    source_turn_ids: tuple[str, ...] = field(default=(), converter=_texts)
    confidence: float = 1.0
    question_ids: tuple[str, ...] = field(default=(), converter=strings)


@frozen(kw_only=True)
class Reflection:
    """Reflective: what a look at the whole shows, the ids of its evidence, and what became of it."""

    interviewee_id: str
    type: Literal["contradiction", "drift", "coverage_gap", "pattern"]
    content: str
    evidence: tuple[str, ...] = field(default=(), converter=strings)
    confidence: float = 0.5
    needs_review: bool = True
    resolution: str | None = None


@frozen(kw_only=True)
class Feedback:
    """Corrective: what the agent said, whether and why it was rejected, what would have been right, and the lesson.

    `by` is who judged it: the agent's own user, or the evaluator of a blind test.
    """

    interviewee_id: str
    agent_output: str
    rejected: bool
    reason: str = ""
    corrected_version: str | None = None
    lesson: str = ""
    affected_dimension: str | None = None
    by: Literal["agent", "evaluator"] = "agent"


@frozen(kw_only=True)
class Entry:
    """One thing that was found; `type` is episode, observation, fact, note or experiment."""

    id: str
    namespace: str
    type: str
    content: str
    agent_id: str | None
    confidence: float | None
    upstream_ids: tuple[str, ...]
    timestamp: datetime
    metadata: Mapping[str, Any]


def triangulated(fact: Entry) -> bool:
    """Return whether a fact stands on answers to at least three different questions."""
    return len(set(fact.metadata.get("question_ids", ()))) >= CORNERS
