"""What one record says about a question: which of its words occur, how often, and what kind of text it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from memcore import Record
from memcore_toolkit.stopwords import words
from memcore_toolkit.text import index_terms

from memcore_plugins.prefetch.question import Period, Term
from memcore_plugins.prefetch.stemming import stem

__all__ = ["Evidence", "Reader", "fits_period", "speaker_of", "tells_amount"]

_CLOSING = " \n\t\"'”’」』)"
#: Characters of a name before a colon, besides letters and digits.
_IN_NAMES = frozenset(" .'’-")
LONGEST_NAME = 40
_AMOUNTS = words(
    """
    one two three four five six seven eight nine ten eleven twelve twenty dozen hundred thousand once twice half
    """
)


class Evidence(NamedTuple):
    """The words of a question found in one record.

    `direct` maps the place of a term to how often the word or a form of it occurs, `related` to the weighted count of
    related words; `length` is in words; `asks` tells whether the text ends as a question.
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

    def __missing__(self, word: str) -> tuple[tuple[int, float], ...]:
        value = self[word] = tuple(self.needles.get(stem(word), ()))
        return value


class Reader:
    """Reads records with one question in mind.

    Most texts and questions are plain ASCII words, and there one pattern picks the few words that can match. Other
    scripts and compounds go through the analysis of the index.
    """

    def __init__(self, terms: Sequence[Term], text: str) -> None:
        self._lookup = _Lookup(terms)
        lowered = text.lower()
        plain = all(term.word.isascii() and term.word.isalnum() and term.word in lowered for term in terms)
        heads = {
            needle[: min(3, max(2, len(needle) - 1))] for needle in self._lookup.needles
        }  # "hoping" has the stem "hope"
        self._words = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(sorted(heads))})[a-z0-9]*") if plain and heads else None

    def read(self, record: Record) -> Evidence:
        """Count the question's words in content, summary, tags and entities."""
        text = record.content
        direct: dict[int, float] = {}
        related: dict[int, float] = {}
        if self._lookup.needles:
            self._count(text, direct, related)
            if record.summary:
                self._count(record.summary, direct, related)
            for label in (*record.tags, *record.entities):
                self._count(label, direct, related)
        spaces = text.count(" ") + 1
        length = spaces if text.isascii() else max(spaces, len(text) // 2)
        return Evidence(direct=direct, related=related, length=length, asks=text.rstrip(_CLOSING).endswith(("?", "？")))

    def _count(self, text: str, direct: dict[int, float], related: dict[int, float]) -> None:
        lookup = self._lookup
        words: Iterable[str]
        words = self._words.findall(text.lower()) if self._words is not None and text.isascii() else index_terms(text)
        for word in words:
            for place, weight in lookup[word]:
                counts = direct if weight >= 1.0 else related
                counts[place] = counts.get(place, 0.0) + weight


def speaker_of(record: Record) -> str:
    """Return who said a record: its `speaker`, or the name before the colon of an episode; else an empty string."""
    named = record.metadata.get("speaker")
    if isinstance(named, str) and named:
        return named
    return _name_before_colon(record.content) if record.kind == "episode" else ""


def _name_before_colon(content: str) -> str:
    """Return `Ann Lee` from `Ann Lee: hello` or `**Ann Lee:** hello`, an empty string if no name stands there."""
    head = content.lstrip()[: LONGEST_NAME + 6].replace("：", ": ")
    name, colon, rest = head.replace("*", "").partition(":")
    name = name.strip()
    plausible = name[:1].isalpha() and all(char.isalnum() or char in _IN_NAMES for char in name)
    return name if colon and rest[:1].isspace() and plausible and len(name) <= LONGEST_NAME else ""


def tells_amount(text: str) -> bool:
    """Tell whether a text holds a number, in digits or as an English word."""
    return any(map(str.isdigit, text)) or not _AMOUNTS.isdisjoint(text.lower().split())


def fits_period(record: Record, period: Period) -> float:
    """Return 0..1: how well the record fits the period, by the time its text names or else by when it was said.

    "Yesterday" in the text counts from the day the record is about. Said in the period without naming a time: 0.8;
    said in the period about another time: 0.3.
    """
    from memcore_toolkit.dates import parse_when

    said = record.occurred_at or record.created_at
    told = parse_when(record.content, said)
    inside = period.holds(said, said + timedelta(seconds=1))
    if told is None:
        return 0.8 * inside
    return max(period.holds(told.start, told.end), 0.3 * inside)
