"""What a question asks: its content words and their other forms, the time it names, the kind of answer it wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from memcore_toolkit.stopwords import words
from memcore_toolkit.text import fold, index_terms, query_terms

from memcore_plugins.prefetch.stemming import stem
from memcore_plugins.prefetch.words import forms, related

if TYPE_CHECKING:
    from memcore_toolkit.dates import TimeRange

__all__ = ["LONGEST_TEXT", "Period", "Question", "Term", "read"]

#: Words that say or count a time; they are dropped once the time itself is understood.
_TIME_WORDS = words(
    """
    ago last next past this earlier back day days week weeks weekend month months year years night morning evening
    summer winter spring autumn fall early late mid beginning end today yesterday tomorrow since january jan
    february feb march mar april apr may june jun july jul august aug september sep sept october oct november nov
    december dec monday mon tuesday tue wednesday wed thursday thu friday fri saturday sat sunday sun
    """
)
_MONTHS = words(
    """
    january jan february feb march mar april apr may june jun july jul august aug september sep sept october oct
    november nov december dec
    """
)
#: Without one of these an ASCII question does not ask for a time, and the patterns for dates need not be imported.
_WHEN_WORDS = words(
    """
    when date day time year month week weekday hour ago since until wann datum tag jahr monat quand jour mois
    cuando dia fecha ano mes quando data giorno anno mese
    """
)
#: "How many", "how much", "how old": the answer holds a number.
_AMOUNTS = (
    "how many", "how much", "how old", "how long", "how often", "how far", "how fast", "what age", "몇", "얼마", "多少",
    "几", "幾", "いくつ",
)  # fmt: skip
_NAME = re.compile(r"(?<=[\w,;:)] )[A-Z]\w+")
#: Characters of a text that are read as a question.
LONGEST_TEXT = 20_000
#: Words of a long text (a pasted page, a whole message) that are looked at: names first, then the longest.
MOST_TERMS = 48
#: Other words are searched for, at most this many: each costs the index a list of its own.
MOST_OTHER_WORDS = 16


class Term(NamedTuple):
    """One content word: `needles` maps each stem that counts as the word to its weight (1 for the word and its forms).

    `mass` is how much of the question it carries: 2 for a name (a capitalised word inside a sentence), else 1.
    `dates` marks a word that is part of a date; it counts as a word only where the date itself found nothing.
    """

    word: str
    needles: Mapping[str, float]
    mass: float = 1.0
    dates: bool = False


class Period(NamedTuple):
    """The time a question is about; `yearly` if it named a month or day without its year."""

    range: TimeRange
    yearly: bool

    def holds(self, start: datetime, end: datetime) -> float:
        """Return how well a span of time fits: 1 inside, 0.7 in the same days of another year, else 0."""
        if start < self.range.end and end > self.range.start:
            return 1.0
        if not self.yearly:
            return 0.0
        shift = self.range.start.year - start.year
        moved = start + timedelta(days=round(365.2425 * shift))
        return 0.7 if self.range.start <= moved < self.range.end else 0.0


class Question(NamedTuple):
    """A question taken apart. `words` are all its index terms, function words included, in folded form."""

    text: str
    folded: str
    words: frozenset[str]
    terms: tuple[Term, ...]
    others: tuple[str, ...]
    period: Period | None
    asks_when: bool
    asks_amount: bool


@lru_cache(maxsize=64)
def read(text: str, now: datetime, use_forms: bool = True, related_weight: float = 0.4) -> Question:
    """Take a question apart; `now` is what "last week" is relative to. The same question is read once."""
    text = text[:LONGEST_TEXT]
    said = frozenset(index_terms(text))
    period = _period(text, said, now)
    folded = fold(text)
    terms = _terms(text, use_forms, related_weight, dated=period is not None)
    others = [needle for term in terms for needle in _others(term, use_forms, related_weight)]
    return Question(
        text=text,
        folded=folded,
        words=said,
        terms=tuple(terms),
        others=tuple(dict.fromkeys(others))[:MOST_OTHER_WORDS],
        period=period,
        asks_when=_asks_when(text, said),
        asks_amount=any(phrase in folded for phrase in _AMOUNTS),
    )


def _terms(text: str, use_forms: bool, related_weight: float, *, dated: bool) -> list[Term]:
    found: dict[str, Term] = {}
    names = {fold(match[0]) for match in _NAME.finditer(text)}
    for word in query_terms(text):
        own = stem(word)
        needles = {own: 1.0}
        if use_forms:
            needles |= {stem(other): 1.0 for other in forms(word)}
        if related_weight > 0:
            near = {stem(other): related_weight for other in related(word)}
            needles = {**near, **needles}
        dates = dated and _tells_time(word)
        found.setdefault(own, Term(word=word, needles=needles, mass=2.0 if word in names else 1.0, dates=dates))
    terms = list(found.values())
    if len(terms) > MOST_TERMS:
        heaviest = sorted(terms, key=lambda term: (-term.mass, -len(term.word)))[:MOST_TERMS]
        terms = [term for term in terms if term in heaviest]
    return terms


def _others(term: Term, use_forms: bool, related_weight: float) -> list[str]:
    irregular = forms(term.word) if use_forms else []
    return irregular + (related(term.word) if related_weight > 0 else [])


def _period(text: str, words: frozenset[str], now: datetime) -> Period | None:
    if text.isascii() and words.isdisjoint(_TIME_WORDS) and not any(map(str.isdigit, text)):
        return None
    from memcore_toolkit.dates import parse_when

    named = parse_when(text, now)
    if named is None:
        return None
    year = any(len(word) == 4 and word.isdigit() for word in words)
    return Period(range=named, yearly=not year and not words.isdisjoint(_MONTHS))


def _asks_when(text: str, words: frozenset[str]) -> bool:
    if text.isascii() and words.isdisjoint(_WHEN_WORDS):
        return False
    from memcore_toolkit.dates import asks_when

    return asks_when(text)


def _tells_time(word: str) -> bool:
    bare = word.rstrip("stndrh") if word[:1].isdigit() else word
    return bare.isdigit() or word in _TIME_WORDS
