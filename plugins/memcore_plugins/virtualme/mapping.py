"""From VirtualMe's layers to drafts, and from records back to entries.

| layer | agent | kind |
| --- | --- | --- |
| turn | virtualme-bot | episode |
| triple | virtualme-extractor | observation |
| fact | virtualme-extractor | fact |
| reflection | virtualme-reflector | note |
| feedback | virtualme-agent, virtualme-evaluator | experiment |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from memcore.records import Draft, Record, evolve

from memcore_plugins.virtualme.types import CORNERS, Entry, Feedback, PersonaTriple, Reflection, Turn, namespace_of

__all__ = ["PLACE", "distinct", "entry_of", "fact", "feedback", "observation", "place_of", "reflection", "turn"]

PLACE = "place"


def turn(interviewee_id: str, said: Turn) -> Draft:
    """Return the draft of a turn. The speaker is part of its text, as in every episode of memcore."""
    asked = {"question_id": said.question_id} if said.question_id else {}
    told = {"role": said.role, "session_id": said.session_id, "content_hash": said.content_hash, **asked}
    return Draft(
        content=f"{said.role}: {said.content}",
        kind="episode",
        namespace=namespace_of(interviewee_id),
        agent_id="virtualme-bot",
        provenance="observed",
        occurred_at=said.timestamp,
        metadata={
            **said.metadata, **told,
            PLACE: f"turn {said.session_id} {said.timestamp.isoformat()} {said.question_id or ''}".strip(),
        },
    )  # fmt: skip


def observation(triple: PersonaTriple, session_id: str, turns: Sequence[Record]) -> Draft:
    """Return the draft of a triple; the questions of its turns are its questions."""
    asked = [str(turn.metadata["question_id"]) for turn in turns if turn.metadata.get("question_id")]
    questions = sorted({*triple.question_ids, *asked})
    seen = "\0".join((session_id, *triple.source_turn_ids, "", *questions))
    return Draft(
        content=f"{triple.subject} {triple.relation.replace('_', ' ')} {triple.object}",
        kind="observation",
        namespace=namespace_of(triple.interviewee_id),
        agent_id="virtualme-extractor",
        provenance="inferred",
        confidence=triple.confidence,
        upstream_ids=[turn.id for turn in turns],
        metadata={
            "subject": triple.subject, "relation": triple.relation, "object": triple.object, "session_id": session_id,
            "source_turn_ids": list(triple.source_turn_ids), "question_ids": questions,
            PLACE: f"seen {session_id} {hashlib.sha256(seen.encode()).hexdigest()[:12]}",
        },
    )  # fmt: skip


def fact(content: str, observations: Sequence[Record]) -> Draft:
    """Return the draft of a fact that these observations of one person support."""
    questions = sorted({question for each in observations for question in each.metadata.get("question_ids", ())})
    return Draft(
        content=content,
        kind="fact",
        namespace=observations[0].namespace,
        agent_id="virtualme-extractor",
        provenance="inferred",
        upstream_ids=[each.id for each in observations],
        metadata={"question_ids": questions, "triangulated": len(questions) >= CORNERS},
    )


def reflection(said: Reflection, evidence: Sequence[Record]) -> Draft:
    """Return the draft of a reflection."""
    return Draft(
        content=said.content,
        kind="note",
        namespace=namespace_of(said.interviewee_id),
        agent_id="virtualme-reflector",
        provenance="inferred",
        confidence=said.confidence,
        upstream_ids=[each.id for each in evidence],
        metadata={
            "type": said.type, "evidence": list(said.evidence), "needs_review": said.needs_review,
            "resolution": said.resolution, PLACE: _state(said.resolution),
        },
    )  # fmt: skip


def _state(resolution: str | None) -> str:
    return "open" if resolution is None else f"resolved {hashlib.sha256(resolution.encode()).hexdigest()[:12]}"


def feedback(said: Feedback) -> Draft:
    """Return the draft of feedback; its text holds all that a later search may ask for."""
    parts = {
        "Lesson": said.lesson,
        "Rejected" if said.rejected else "Accepted": said.agent_output,
        "Because": said.reason,
        "Better": said.corrected_version or "",
    }
    return Draft(
        content="\n".join(f"{name}: {text}" for name, text in parts.items() if text),
        kind="experiment",
        namespace=namespace_of(said.interviewee_id),
        agent_id=f"virtualme-{said.by}",
        provenance="human_confirmed",
        metadata={
            "agent_output": said.agent_output, "rejected": said.rejected, "reason": said.reason,
            "corrected_version": said.corrected_version, "lesson": said.lesson,
            "affected_dimension": said.affected_dimension,
        },
    )  # fmt: skip


def place_of(draft: Draft) -> str:
    """Return what tells this saying of a text from another one, an empty text for what is only kept once."""
    return str(draft.metadata.get(PLACE, ""))


def distinct(draft: Draft) -> Draft:
    """Return a draft whose text names its place: "yes", said to two questions, is two turns, and memcore keeps a text once."""
    return evolve(draft, content=f"{draft.content}\n[{place_of(draft)}]")


def entry_of(record: Record) -> Entry:
    """Return the entry of a record, with the text as it was given."""
    content, metadata = record.content, dict(record.metadata)
    place = metadata.pop(PLACE, "")
    if place:
        content = content.removesuffix(f"\n[{place}]")
    if record.kind == "episode":
        content = content.removeprefix(f"{metadata.get('role', '')}: ")
    return Entry(
        id=record.id,
        namespace=record.namespace,
        type=record.kind,
        content=content,
        agent_id=record.agent_id,
        confidence=record.confidence,
        upstream_ids=record.upstream_ids,
        timestamp=record.occurred_at or record.created_at,
        metadata=_told(metadata),
    )


def _told(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if value is not None}
