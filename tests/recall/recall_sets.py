"""The two shipped data sets as items to store and questions to ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memcore import Draft
from recall_conversations import Dialogue
from recall_measure import Asked, Item

__all__ = ["conversation_items", "conversation_questions", "fact_set", "unrelated"]

FACTS = json.loads((Path(__file__).parent / "data" / "facts.json").read_text())
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)


def conversation_items(dialogue: Dialogue, namespace: str) -> Iterator[Item]:
    """Yield the turns of a dialogue as episodes, with session, position and speaker."""
    for turn in dialogue.turns:
        metadata = {"session_id": turn.session, "position": turn.position, "speaker": turn.speaker}
        yield Item(
            key=turn.id,
            draft=Draft(content=turn.text, kind="episode", namespace=namespace, occurred_at=turn.at, metadata=metadata),
        )


def conversation_questions(dialogue: Dialogue, namespace: str) -> Iterator[Asked]:
    """Yield the questions of a dialogue; evidence are the keys of its turns."""
    for question in dialogue.questions:
        yield Asked(
            text=question.text,
            evidence=question.evidence,
            kind=question.kind,
            now=question.asked_at,
            namespace=namespace,
        )


def unrelated(namespace: str, now: datetime = NOW) -> Iterator[Asked]:
    """Yield questions that no memory of ours answers."""
    for text in FACTS["unanswerable"]:
        yield Asked(text=text, evidence=(), kind="unrelated", now=now, namespace=namespace)


def fact_set() -> tuple[list[Item], list[Asked], list[tuple[str, str]]]:
    """Return curated facts in four languages among distractors, their questions, and (old, new) keys of what was
    superseded."""
    items, questions, superseded = [], [], []

    def add(key: str, content: str, source: str | None = None) -> None:
        at = NOW - timedelta(days=len(items) % 300)
        entities = [Path(source.partition("#")[0]).stem] if source and "entities/" in source else []
        items.append(
            Item(key=key, draft=Draft(content=content, kind="world", source=source, occurred_at=at, entities=entities))
        )

    for number, (content, source, question) in enumerate(FACTS["facts"]):
        add(f"en-{number}", content, source)
        questions.append(Asked(text=question, evidence=(f"en-{number}",), kind="en", now=NOW))
    for language, pairs in FACTS["pairs"].items():
        for number, (content, question) in enumerate(pairs):
            add(f"{language}-{number}", content)
            questions.append(Asked(text=question, evidence=(f"{language}-{number}",), kind=language, now=NOW))
    for number, (old, new, question) in enumerate(FACTS["superseded"]):
        add(f"old-{number}", old)
        add(f"new-{number}", new)
        superseded.append((f"old-{number}", f"new-{number}"))
        questions.append(Asked(text=question, evidence=(f"new-{number}",), kind="superseded", now=NOW))
    for language, parts in FACTS["distractors"].items():
        for number in range(120):
            one = parts["a"][number % len(parts["a"])]
            two = parts["b"][(number + number // 100) % len(parts["b"])]
            three = parts["c"][number // 10 % len(parts["c"])]
            space = " " if language == "en" else ""
            add(f"noise-{language}-{number}", space.join((one, two, three)) + ("." if space else ""))
    return items, questions, superseded
