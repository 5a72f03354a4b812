"""The conversational set: long dialogues of many sessions, composed from hand-written scenes, with evidence for every
question.

Each theme holds scenes in two wordings, details in several variants and questions that name the lines answering them.
A dialogue gives both speakers their own variant of most themes, so the right words from the wrong mouth are the usual
distractor; a later session comes back to the theme with the same words and no answer. Everything follows from the
number of the dialogue: no randomness. `tune` and `test` share no theme, no scene and no question.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import Factory, define, field, frozen

__all__ = ["Dialogue", "Question", "Utterance", "dialogues"]

DATA = Path(__file__).parent / "data"
PAIRS = [("Caroline", "Dev"), ("Ingrid", "Marcus"), ("Yusuf", "Helen"), ("Priya", "Owen")]
START = datetime(2023, 1, 9, 18, 30, tzinfo=UTC)
AGO = [
    ("yesterday", 1), ("last week", 7), ("two weeks ago", 14), ("three days ago", 3), ("last month", 30), ("a month ago", 30),
    ("on {date}", 5), ("a few days ago", 4), ("on {date}", 12), ("last weekend", 6), ("ten days ago", 10), ("this morning", 0),
]  # fmt: skip
SOON = [("next month", 30), ("in two weeks", 14), ("on {date}", 25), ("next week", 7)]
SCENES_A_SESSION = 3


@frozen(kw_only=True)
class Utterance:
    """One turn: who said it, in which session, at which place in it, and when the session took place."""

    id: str
    speaker: str
    text: str
    session: str
    position: int
    at: datetime


@frozen(kw_only=True)
class Question:
    """A question with the ids of the turns that answer it; no evidence means that the dialogue does not answer it."""

    text: str
    evidence: tuple[str, ...] = field(converter=tuple)
    kind: str
    asked_at: datetime


@define(kw_only=True)
class Dialogue:
    """One long conversation and the questions about it."""

    name: str
    speakers: tuple[str, str]
    turns: list[Utterance] = Factory(list)
    questions: list[Question] = Factory(list)


def dialogues(split: str, count: int = 4) -> list[Dialogue]:
    """Compose the dialogues of one split, `tune` or `test`."""
    themes = json.loads((DATA / f"themes_{split}.json").read_text())
    return [_Composer(f"{split}-{number}", themes, number).compose() for number in range(count)]


@define
class _Composer:
    name: str
    themes: list[dict]
    number: int
    later: dict = Factory(lambda: json.loads((DATA / "later.json").read_text()))
    small: list = Factory(lambda: json.loads((DATA / "smalltalk.json").read_text()))

    def compose(self) -> Dialogue:
        """Lay scenes, echoes and small talk over sessions, then collect the questions."""
        dialogue = Dialogue(name=self.name, speakers=PAIRS[self.number % len(PAIRS)])
        scenes = self._scenes()
        sessions = -(-len(scenes) // SCENES_A_SESSION)
        by_month: dict[tuple[str, str], list[str]] = {}
        echoes: dict[int, list] = {}
        for index in range(sessions):
            at = START + timedelta(days=11 * index + (index * self.number) % 4, hours=index % 3)
            lines = [(line, None) for line in self._small(3 * index)]
            for order, (theme, who, slot, step) in enumerate(scenes[index * SCENES_A_SESSION :][:SCENES_A_SESSION]):
                told = _Telling(theme, who, slot, dialogue.speakers, at, step)
                lines += [(line, told) for line in told.lines()]
                echoes.setdefault(index + 2 + step % 4, []).append((self.later[theme["id"]], told))
                if order == 1:
                    lines += [(line, None) for line in self._small(3 * index + 1)]
            for exchange, told in echoes.pop(index, []):
                lines += [("0 " + told.fill(line, line), told) for line in exchange]
            lines += [(line, None) for line in self._small(3 * index + 2)]
            self._say(dialogue, f"{self.name}-s{index:02}", at, lines, by_month)
        end = START + timedelta(days=11 * sessions + 20)
        for (person, month), ids in sorted(by_month.items()):
            text = f"What did {person} do in {month}?"
            dialogue.questions.append(Question(text=text, evidence=ids, kind="period", asked_at=end))
        return dialogue

    def _scenes(self) -> list[tuple[dict, int, dict, int]]:
        found = []
        for place, theme in enumerate(self.themes):
            slots = theme["slots"]
            for who in (0, 1):
                if (place + who + self.number) % 5 != 0:  # some things happen to one of them only
                    found.append((theme, who, slots[(self.number + who + place) % len(slots)]))
        mixed = sorted(enumerate(found), key=lambda item: (item[0] * (7 + 2 * self.number)) % 53)
        return [(*scene, step) for step, (_, scene) in enumerate(mixed)]

    def _small(self, place: int) -> list[str]:
        return self.small[(place * 7 + self.number * 11) % len(self.small)]

    def _say(self, dialogue: Dialogue, session: str, at: datetime, lines: list, by_month: dict) -> None:
        evidence: dict[int, dict[str, str]] = {}
        for position, (line, told) in enumerate(lines):
            mark, role, text = re.fullmatch(r"(\d)? ?([AB]): (.*)", line).groups()  # type: ignore[union-attr]
            names = told.names if told else dialogue.speakers
            speaker = names[0] if role == "A" else names[1]
            text = text.replace("{A}", names[0]).replace("{B}", names[1])
            turn = Utterance(
                id=f"{session}-{position:02}", speaker=speaker, text=text, session=session, position=position, at=at
            )
            dialogue.turns.append(turn)
            if told and mark not in (None, "0"):
                evidence.setdefault(id(told), {})[mark] = turn.id
                if told.marks_time(mark):
                    by_month.setdefault((speaker, f"{told.when:%B %Y}"), []).append(turn.id)
        for told in {id(told): told for _, told in lines if told}.values():
            if id(told) in evidence:
                dialogue.questions += told.questions(evidence[id(told)])


class _Telling:
    """One scene as one speaker tells it: the wording, the details, the time words."""

    def __init__(self, theme: dict, who: int, slot: dict, speakers: tuple[str, str], at: datetime, step: int) -> None:
        self.theme, self.slot, self.at = theme, slot, at
        self.names = speakers if who == 0 else speakers[::-1]
        self.scene = theme["scenes"][step % len(theme["scenes"])]
        words, days = AGO[step % len(AGO)]
        soon, later = SOON[step % len(SOON)]
        self.ahead = any("{soon" in line for line in self.scene)
        self.when = at + timedelta(days=later) if self.ahead else at - timedelta(days=days)
        date = f"{self.when.day} {self.when:%B}"
        self.words = {**slot, "ago": words.format(date=date), "soon": soon.format(date=date)}

    def lines(self) -> list[str]:
        """Return the lines of the scene with the details filled in; roles and marks stay in front."""
        return [self.fill(line, line) for line in self.scene]

    def fill(self, text: str, line: str) -> str:
        """Fill the details in; `{x!}` starts a sentence, `{x~}` is told by somebody else."""

        def replace(match: re.Match[str]) -> str:
            key, form = match[1], match[2]
            if key not in self.words:
                return match[0]
            value = self.words[key]
            if form == "!":
                return value[:1].upper() + value[1:]
            return re.sub(r"\bmy\b", f"{self.names[0]}'s", value) if form == "~" else value

        return re.sub(r"\{(\w+)([!~]?)\}", replace, text)

    def marks_time(self, mark: str) -> bool:
        """Tell whether the line with this mark says when the thing happened (not a plan)."""
        return not self.ahead and any(line.startswith(mark) and "{ago" in line for line in self.scene)

    def questions(self, evidence: dict[str, str]) -> list[Question]:
        """Return the theme's questions with the turns of this telling as evidence."""
        found = []
        for line in self.theme["ask"]:
            kind, marks, text = re.fullmatch(r"(when )?([\d,]+) (.*)", line).groups()  # type: ignore[union-attr]
            asked = self.fill(text, line).replace("{A}", self.names[0]).replace("{B}", self.names[1])
            ids = [evidence[mark] for mark in marks.split(",") if mark in evidence]
            kind = "when" if kind else "detail"
            found.append(Question(text=asked, evidence=ids, kind=kind, asked_at=self.at + timedelta(days=200)))
        first = next((each for each in found if each.kind == "detail" and each.evidence == (evidence.get("1"),)), None)
        if first is not None and self.marks_time("1"):
            text = f"{first.text.rstrip('?')} in {self.when:%B %Y}?"
            found.append(Question(text=text, evidence=first.evidence, kind="dated", asked_at=first.asked_at))
        return found
