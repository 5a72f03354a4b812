"""Where hits come from: the words of the question, the time it names, and pieces of words as a last resort."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from memcore import Capability, Hit, Query, Record
from memcore.records import evolve
from memcore_toolkit.text import fold

from memcore_plugins.prefetch.evidence import fits_period
from memcore_plugins.prefetch.question import Period, Question
from memcore_plugins.prefetch.settings import PrefetchSettings

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["by_substring", "by_text", "by_time"]

#: People tell afterwards what they did: records up to this long behind a period are looked at.
TOLD_LATER = timedelta(days=31)
#: Records of a period that are read.
MOST_OF_A_PERIOD = 200
#: Shorter pieces occur in everything.
SHORTEST_PIECE = 3
LONGEST_PERIOD = timedelta(days=400)


def by_text(engine: Engine, query: Query, question: Question, settings: PrefetchSettings) -> list[Hit]:
    """Return what the backend finds by the question's words and, on an index of words alone, by their other forms."""
    text = question.text
    if question.others and _searches_words_only(engine):
        text = " ".join((text, *question.others))
    wide = evolve(query, text=text, limit=_pool(query, settings))
    return [
        hit if hit.strategies else evolve(hit, strategies={"text": hit.score}) for hit in engine.backend.search(wide)
    ]


def by_time(engine: Engine, query: Query, question: Question, settings: PrefetchSettings) -> list[Hit]:
    """Return records of the period the question names, or told soon after about it; the score is how well they fit."""
    period = question.period
    if period is None or settings.time <= 0 or _is_open(period):
        return []
    since, until = period.range.start, period.range.end + TOLD_LATER
    scope = evolve(
        query.scope,
        since=max(filter(None, (query.scope.since, since))),
        until=min(filter(None, (query.scope.until, until))),
    )
    found: dict[str, Record] = {}
    if not all(term.dates for term in question.terms):
        near = evolve(query, scope=scope, limit=max(MOST_OF_A_PERIOD, query.limit))
        found = {hit.record.id: hit.record for hit in engine.backend.search(near)}
    if len(found) < query.limit:
        page = engine.backend.scan(scope, limit=MOST_OF_A_PERIOD)
        found |= {record.id: record for record in page.records}
    fits = ((record, fits_period(record, period)) for record in found.values())
    return [Hit(record=record, score=fit, strategies={"time": fit}) for record, fit in fits if fit > 0]


def by_substring(engine: Engine, query: Query, question: Question, settings: PrefetchSettings) -> list[Hit]:
    """Return records that hold a word of the question inside another word.

    Only for a question the word search found nothing for, and only where words are all the backend searches: the scan
    ends after `substring_rows` records: a memory of that size is searched whole, a larger one in part.
    """
    if settings.substring_rows <= 0 or not _searches_words_only(engine):
        return []
    pieces = {term.word for term in question.terms if len(term.word) >= SHORTEST_PIECE}
    if not pieces:
        return []
    hits = []
    for record in engine.backend.scan(query.scope, limit=settings.substring_rows).records:
        text = fold(record.content)
        share = sum(piece in text for piece in pieces) / len(pieces)
        if share:
            hits.append(Hit(record=record, score=share, strategies={"substring": share}))
    return sorted(hits, key=lambda hit: -hit.score)[: _pool(query, settings)]


def _pool(query: Query, settings: PrefetchSettings) -> int:
    return max(settings.pool, 2 * query.limit)


def _searches_words_only(engine: Engine) -> bool:
    offered = engine.backend.capabilities
    return Capability.TEXT_SEARCH in offered and Capability.VECTOR_SEARCH not in offered


def _is_open(period: Period) -> bool:
    return period.range.end - period.range.start > LONGEST_PERIOD
