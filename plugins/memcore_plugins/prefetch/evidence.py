"""What one record says about a question: which of its words occur, how often, and what kind of text it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from attrs import define

from memcore import Record
from memcore_plugins.prefetch.question import Period, Term
from memcore_plugins.prefetch.stemming import stem
from memcore_toolkit.dates import parse_when
from memcore_toolkit.text import index_terms

__all__ = ["Evidence", "Reader", "fits_period", "speaker_of", "tells_amount"]

_SPEAKER = re.compile(r"\A\s*(?:\*\*)?([^\W\d_][\w .'’-]{0,38}?)(?:\*\*)?\s?[:：]\s")
_AMOUNT = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|once|twice|half)\b", re.I)
_CLOSING = " \n\t\"'”’」』)"


@define
class Evidence:
    """The words of the question found in one record: place of the term -> count of the word itself or a form of it, and

    -> weighted count of related words; the length in words; whether the text ends as a question.
    """

    direct: dict[int, float]
    related: dict[int, float]
    length: int
    asks: bool


class _Lookup(dict[str, tuple[tuple[int, float], ...]]):
    """What each word of a text means to the question, worked out once per word."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.needles: dict[str, list[tuple[int, float]]] = {}
        for place, term in enumerate(terms):
            for needle, weight in term.needles.items():
                self.needles.setdefault(needle, []).append((place, weight))
        self.heads = {needle[:2] for needle in self.needles}

    def __missing__(self, word: str) -> tuple[tuple[int, float], ...]:
        value = self[word] = tuple(self.needles.get(stem(word), ())) if word[:2] in self.heads else ()
        return value


class Reader:
    """Reads records with one question in mind."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._lookup = _Lookup(terms)
        heads = {needle[: 2 if len(needle) == 3 else 3] for needle in self._lookup.needles}  # the stem of "try" is "tri"
        self._heads = tuple(heads)

    def read(self, record: Record) -> Evidence:
        """Count the question's words in content, summary, tags and entities."""
        text = record.content
        direct: dict[int, float] = {}
        related: dict[int, float] = {}
        for part in (text, record.summary, *record.tags, *record.entities):
            if part and self._may_match(part):
                self._count(part, direct, related)
        spaces = text.count(" ") + 1
        length = spaces if text.isascii() else max(spaces, len(text) // 2)
        return Evidence(direct=direct, related=related, length=length, asks=text.rstrip(_CLOSING).endswith(("?", "？")))

    def _may_match(self, text: str) -> bool:
        if not text.isascii():
            return True
        lowered = text.lower()
        return any(head in lowered for head in self._heads)

    def _count(self, text: str, direct: dict[int, float], related: dict[int, float]) -> None:
        lookup = self._lookup
        for word in index_terms(text):
            for place, weight in lookup[word]:
                counts = direct if weight >= 1.0 else related
                counts[place] = counts.get(place, 0.0) + weight


def speaker_of(record: Record) -> str:
    """Return who said a record: its `speaker`, or the name before the colon of an episode; else an empty string."""
    named = record.metadata.get("speaker")
    if isinstance(named, str) and named:
        return named
    if record.kind == "episode" and (match := _SPEAKER.match(record.content)):
        return match[1]
    return ""


def tells_amount(text: str) -> bool:
    """Tell whether a text holds a number, in digits or as an English word."""
    return _AMOUNT.search(text) is not None


def fits_period(record: Record, period: Period) -> float:
    """Return 0..1: how well the record fits the period, by the time its text names or else by when it was said.

    "Yesterday" in the text counts from the day the record is about. Said in the period without naming a time: 0.8;
    said in the period about another time: 0.3.
    """
    said = record.occurred_at or record.created_at
    told = parse_when(record.content, said)
    inside = period.holds(said, said + timedelta(seconds=1))
    if told is None:
        return 0.8 * inside
    return max(period.holds(told.start, told.end), 0.3 * inside)
