"""Readers of two public benchmarks of long-term memory, for those who have the files.

LoCoMo (Maharana et al. 2024), one JSON list of conversations::

    [{"sample_id": "conv-1", "conversation": {"speaker_a": "Ann", "speaker_b": "Bo", "session_1_date_time": "1:56 pm
    on 8 May, 2023", "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "...", "blip_caption": "a photo of
    ..."}]}, "qa": [{"question": "...", "answer": "...", "evidence": ["D1:1"], "category": 4}]}]

Category 1 is multi-hop, 2 temporal, 3 open-domain, 4 single-hop; 5 is adversarial and has no answer: the paper's
retrieval protocol leaves it out, as well as questions without evidence.

LongMemEval (Wu et al. 2025), one JSON list of questions, each with a haystack of its own::

    [{"question_id": "a1", "question_type": "multi-session", "question": "...", "question_date": "2023/05/30 (Tue)
    23:40", "haystack_session_ids": ["s1"], "haystack_dates": ["2023/05/20 (Sat) 02:21"], "haystack_sessions":
    [[{"role": "user", "content": "...", "has_answer": true}]], "answer_session_ids": ["s1"]}]

A question whose id ends in `_abs` cannot be answered and is left out of retrieval, as in the paper. Evidence at turn
level are the turns with `has_answer`, at session level the `answer_session_ids`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import Factory, define
from memcore import Draft
from recall_measure import Asked, Item

__all__ = ["Corpus", "locomo", "longmemeval", "session_of"]

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
ADVERSARIAL = 5


@define
class Corpus:
    """Turns to store and questions to ask in one namespace."""

    namespace: str
    items: list[Item] = Factory(list)
    questions: list[Asked] = Factory(list)


def session_of(key: str) -> str:
    """Return the session part of a turn's key."""
    return key.rpartition("/")[0]


def locomo(path: Path) -> Iterator[Corpus]:
    """Yield one corpus per conversation; keys are `sample/D1/D1:3`."""
    for sample in json.loads(path.read_text(encoding="utf-8")):
        name, talk = str(sample["sample_id"]), sample["conversation"]
        corpus, last = Corpus(namespace=name), datetime(2023, 1, 1, tzinfo=UTC)
        numbers = sorted(int(m[1]) for key in talk if (m := re.fullmatch(r"session_(\d+)", key)))
        for number in numbers:
            last = _locomo_time(talk.get(f"session_{number}_date_time", ""), last)
            for position, turn in enumerate(talk[f"session_{number}"]):
                caption = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                corpus.items.append(
                    _turn(
                        f"{name}/D{number}/{turn['dia_id']}",
                        turn["text"] + caption,
                        turn["speaker"],
                        position,
                        last,
                        name,
                    )
                )
        for question in sample["qa"]:
            evidence = [
                f"{name}/D{d}/D{d}:{t}"
                for d, t in re.findall(r"D:?(\d+):(\d+)", " ".join(question.get("evidence") or []))
            ]
            if question.get("category") != ADVERSARIAL and evidence:
                kind = CATEGORIES.get(question.get("category"), "other")
                now = last + timedelta(days=1)
                corpus.questions.append(
                    Asked(text=str(question["question"]), evidence=evidence, kind=kind, now=now, namespace=name)
                )
        yield corpus


def longmemeval(path: Path) -> Iterator[Corpus]:
    """Yield one corpus per question; keys are `question/session/position`."""
    for entry in json.loads(path.read_text(encoding="utf-8")):
        name = str(entry["question_id"])
        if name.endswith("_abs"):
            continue
        corpus, evidence = Corpus(namespace=name), []
        sessions = zip(entry["haystack_session_ids"], entry["haystack_dates"], entry["haystack_sessions"], strict=True)
        for session, date, turns in sessions:
            at = datetime.strptime(re.sub(r" \(\w+\)", "", date), "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
            for position, turn in enumerate(turns):
                key = f"{name}/{session}/{position}"
                if turn["content"].strip():
                    corpus.items.append(_turn(key, turn["content"], turn["role"], position, at, name))
                if turn.get("has_answer"):
                    evidence.append(key)
        now = datetime.strptime(re.sub(r" \(\w+\)", "", entry["question_date"]), "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
        evidence = evidence or [f"{name}/{session}/-" for session in entry["answer_session_ids"]]
        kind = entry["question_type"]
        corpus.questions.append(Asked(text=entry["question"], evidence=evidence, kind=kind, now=now, namespace=name))
        yield corpus


def _turn(key: str, text: str, speaker: str, position: int, at: datetime, namespace: str) -> Item:
    metadata = {"session_id": session_of(key), "position": position, "speaker": speaker}
    draft = Draft(content=text, kind="episode", namespace=namespace, occurred_at=at, metadata=metadata)
    return Item(key=key, draft=draft)


def _locomo_time(text: str, last: datetime) -> datetime:
    """Read `1:56 pm on 8 May, 2023`; a session without a time takes place a day after the one before."""
    try:
        return datetime.strptime(text.replace(",", ""), "%I:%M %p on %d %B %Y").replace(tzinfo=UTC)
    except ValueError:
        return last + timedelta(days=1)
