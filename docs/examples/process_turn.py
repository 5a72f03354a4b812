"""The flow of one interview over VirtualMe's memory, on any backend: run it with `python docs/examples/process_turn.py`.

Each answer is saved, what it shows is extracted and saved, what was shown by answers to three different questions
becomes a fact, and memory is asked for what helps with the next question. At the end of a session come a reflection and
feedback. A language model would extract; here a script does, so that every run is the same.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from memcore import Engine
from memcore_plugins.virtualme import (
    EngineMemoryBackend,
    Entry,
    Feedback,
    MemoryBackend,
    PersonaTriple,
    Reflection,
    Turn,
    namespace_of,
)

START = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)

SCRIPT = (
    ("q1", "What do you do when a plan slips?", "I say so at once, and I bring the smallest next step."),
    ("q2", "Tell me of a conflict at work.", "Ji-woo was angry. I told her the number was wrong before lunch."),
    ("q3", "Do you like long meetings?", "No."),
    ("q4", "And long letters?", "No."),
    ("q5", "How do you give bad news to a customer?", "On the same day, by telephone. 우리는 숨기지 않는다."),
)
"""Question id, question, answer. Two answers are the same word, and stay two turns."""

SHOWN = {
    "q1": ("Ada", "value_anchor", "tells bad news early"),
    "q2": ("Ada", "value_anchor", "tells bad news early"),
    "q3": ("Ada", "preference", "short meetings"),
    "q4": ("Ada", "preference", "short letters"),
    "q5": ("Ada", "value_anchor", "tells bad news early"),
}
"""What the extractor finds in each answer."""


@frozen(kw_only=True)
class Processed:
    """What came of one turn: the ids of what was saved, and what memory had for the next question."""

    turn_id: str
    observation_ids: tuple[str, ...]
    fact_id: str | None
    recalled: tuple[Entry, ...]


def extract(interviewee_id: str, turn: Turn, turn_id: str) -> list[PersonaTriple]:
    """Return what an answer shows of a person."""
    found = SHOWN.get(turn.question_id or "")
    if turn.role != "interviewee" or found is None:
        return []
    subject, relation, object_ = found
    return [
        PersonaTriple(
            interviewee_id=interviewee_id, subject=subject, relation=relation, object=object_, source_turn_ids=(turn_id,),
            confidence=0.8,
        )
    ]  # fmt: skip


async def triangulate(memory: MemoryBackend, namespace: str, triple: PersonaTriple) -> str | None:
    """Save a fact once answers to three different questions show the same; return its id."""
    found = await memory.search(f"{triple.subject} {triple.object}", namespace, ["observation"], 20)
    same = [entry for entry in found if entry.metadata["object"] == triple.object]
    questions = {question for entry in same for question in entry.metadata["question_ids"]}
    if len(questions) < 3:
        return None
    same.sort(key=lambda entry: entry.metadata["question_ids"])
    return await memory.save_fact(f"{triple.subject} {triple.object}.", [entry.id for entry in same])


async def process_turn(memory: MemoryBackend, interviewee_id: str, turn: Turn, following: str) -> Processed:
    """Save a turn and what it shows; return that, and what memory knows that helps with the following question."""
    namespace = namespace_of(interviewee_id)
    turn_id = await memory.save_episode(interviewee_id, turn)
    triples = extract(interviewee_id, turn, turn_id)
    observations = [await memory.save_observation(triple, turn.session_id) for triple in triples]
    facts = [await triangulate(memory, namespace, triple) for triple in triples]
    recalled = await memory.search(following, namespace, ["fact", "observation"], 5) if following else []
    return Processed(
        turn_id=turn_id, observation_ids=tuple(observations), fact_id=next(filter(None, facts), None), recalled=tuple(recalled)
    )  # fmt: skip


async def end_session(memory: MemoryBackend, interviewee_id: str, evidence: Sequence[str]) -> tuple[str, str]:
    """Save what the session shows as a whole, and how an answer in the person's voice was judged."""
    reflection = Reflection(
        interviewee_id=interviewee_id, type="coverage_gap", content="Nothing was asked about money yet.", evidence=evidence,
        confidence=0.6,
    )  # fmt: skip
    feedback = Feedback(
        interviewee_id=interviewee_id, agent_output="We will see what can be done.", rejected=True, reason="too vague",
        corrected_version="The delivery is late; you have it on Friday.", lesson="Name the day.", affected_dimension="voice",
    )  # fmt: skip
    return await memory.save_reflection(reflection), await memory.save_feedback(feedback)


async def interview(memory: MemoryBackend, interviewee_id: str = "ada") -> list[Any]:
    """Play the script; return everything the memory returned, in order."""
    returned: list[Any] = []
    at = START
    for place, (question_id, question, answer) in enumerate(SCRIPT):
        following = SCRIPT[place + 1][1] if place + 1 < len(SCRIPT) else ""
        for role, said in (("interviewer", question), ("interviewee", answer)):
            at += timedelta(seconds=20)
            turn = Turn(role=role, content=said, session_id="s1", timestamp=at, question_id=question_id)
            returned.append(
                await process_turn(memory, interviewee_id, turn, following if role == "interviewee" else "")
            )
    fact_id = next(done.fact_id for done in reversed(returned) if done.fact_id)
    returned.append(await end_session(memory, interviewee_id, [fact_id]))
    namespace = namespace_of(interviewee_id)
    for text, kind, most in (
        ("bad news", "fact", 3),
        ("short letters", "observation", 3),
        ("숨기지", "episode", 1),
        ("day", "experiment", 3),
    ):
        returned.append(await memory.search(text, namespace, [kind], most))
    return returned


async def main(engine: Engine) -> None:
    """Interview Ada and print what memory has learnt."""
    async with EngineMemoryBackend(engine) as memory:
        await interview(memory)
        for entry in await memory.search("What is Ada like with bad news?", namespace_of("ada"), ["fact"], 3):
            print(f"{entry.type}: {entry.content} (from {len(entry.upstream_ids)} observations)")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Engine.open(home=Path(folder)) as engine:
        asyncio.run(main(engine))
