"""What speaks for or against a record besides its words, each as a factor with a name that explains it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from math import exp

from memcore import Record
from memcore_toolkit.text import fold, index_terms

from memcore_plugins.prefetch.context import is_episode
from memcore_plugins.prefetch.evidence import tells_amount
from memcore_plugins.prefetch.question import Question
from memcore_plugins.prefetch.scoring import Candidate
from memcore_plugins.prefetch.settings import PrefetchSettings

__all__ = ["Signals", "named"]

#: What a record loses by where it came from; the one who says "untrusted" means it.
PROVENANCE = {"human_confirmed": 1.03, "inferred": 0.95, "untrusted": 0.8}
#: Words after which a turn counts as fully told (e-fold of the brevity signal).
TOLD_WORDS = 8.0
RECENCY_HALF_LIFE_DAYS = 180.0
SECONDS_A_DAY = 86400.0
_SMALL = frozenset({"the", "a", "an", "of", "and"})


class Signals:
    """The factors of one question; `speakers` are the names of all who speak in the candidates."""

    def __init__(self, question: Question, settings: PrefetchSettings, now: datetime, speakers: Iterable[str]) -> None:
        self.question, self.settings, self.now = question, settings, now
        self.asked = frozenset(name for name in set(speakers) if name and named(name, question))
        self._names = {fold(word) for name in self.asked for word in index_terms(name)}
        self._entities: dict[str, bool] = {}

    def name_terms(self) -> frozenset[int]:
        """Return the places of those terms of the question that are names of speakers."""
        if not self.settings.speaker:
            return frozenset()
        return frozenset(place for place, term in enumerate(self.question.terms) if term.word in self._names)

    def factors(self, candidate: Candidate) -> Iterator[tuple[str, float]]:
        """Yield each signal that applies, with its factor; what has to read the text again is in `answers`."""
        record, settings = candidate.record, self.settings
        if candidate.speaker and candidate.speaker in self.asked:
            yield "said by the one asked about", 1 + settings.speaker
        if record.entities and any(map(self._is_asked, record.entities)):
            yield "about what the question names", 1 + settings.entity
        if is_episode(record):
            if candidate.evidence.asks:
                yield "asks itself", settings.question
            yield "length", 1 - settings.brevity * exp(-candidate.evidence.length / TOLD_WORDS)
        if record.confidence is not None:
            yield "confidence", 1 - settings.confidence * (1 - record.confidence)
        if record.provenance in PROVENANCE:
            yield record.provenance, PROVENANCE[record.provenance]
        age = max(0.0, (self.now - (record.occurred_at or record.created_at)).total_seconds() / SECONDS_A_DAY)
        yield "age", 1 + settings.recency * 0.5 ** (age / RECENCY_HALF_LIFE_DAYS)

    def answers(self, record: Record) -> tuple[str, float] | None:
        """Return the bonus of a text that holds the kind of answer the question wants, or None."""
        if self.question.asks_when:
            from memcore_toolkit.dates import parse_when

            if parse_when(record.content, record.occurred_at or record.created_at) is not None:
                return "names a time", 1 + self.settings.answer
        elif self.question.asks_amount and tells_amount(record.content):
            return "holds a number", 1 + self.settings.answer
        return None

    def _is_asked(self, entity: str) -> bool:
        known = self._entities.get(entity)
        if known is None:
            known = self._entities[entity] = entity not in self.asked and named(entity, self.question)
        return known


def named(name: str, question: Question) -> bool:
    """Tell whether a question names a person or thing: all words of the name, or the first of several of a person."""
    if not name.isascii() and len(folded := fold(name)) >= 2 and folded in question.folded:
        return True
    words = [word for word in index_terms(name.replace("-", " ").replace("_", " ")) if word not in _SMALL]
    if not words:
        return False
    first = words[0] in question.words and len(words[0]) >= 3 and " " in name.strip() and name[:1].isupper()
    return first or all(word in question.words for word in words)
