"""In which order the words of a question are asked, so that frequent words do not make a search slow.

FTS5 scores every record that has any of the words, at about 0.75 microseconds each; passing over an occurrence costs a
sixteenth of that. When the words occur in more records than the budget, the rare ones choose the candidates and the
frequent ones only take part in the score, stage by stage, until nothing that was left out can reach the list (the idea
of MaxScore: Turtle and Flood, "Query evaluation: strategies and optimizations", 1995). Below the budget there is one
stage, the OR of all words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen
from memcore_toolkit.text import fts_query

__all__ = ["BUDGET", "Stage", "plan"]

BUDGET = 4000  # records scored in a stage, about 3 ms
FLOOD = 2 * BUDGET  # more than this, with words that hardly tell records apart, and only the newest are looked at
REACH = 1.3  # times idf: what a word adds to bm25 that stands once in a short record or twice in an average one

DEVIATIONS = 4.0  # one of 30,000 records has by chance words that weigh more than this above the mean

Counts = Sequence[tuple[str, int]]
"""Words with the number of records that have them."""

_Class = tuple[str, float, float]
"""An expression, the score its records can reach, and how many they are."""


@frozen(kw_only=True)
class Stage:
    """One expression to ask.

    `reach` is the score that records of later stages can have at most; `share` is the part of the table, newest
    records first, that is looked at.
    """

    match: str
    reach: float
    share: float


def plan(counts: Counts, total: int) -> list[Stage]:
    """Return the stages for words that occur in this many of `total` records; none if no word occurs."""
    present = sorted((pair for pair in counts if pair[1]), key=lambda pair: pair[1])
    if not present:
        return []
    if min(_sum(present), total) <= BUDGET:
        return [Stage(match=_any(present), reach=0.0, share=1.0)]
    # words of every second record have no weight in FTS5's bm25
    rest: Counts = [pair for pair in present if pair[1] * 2 <= total] or present
    early: list[_Class] = []
    late: list[_Class] = []
    while rest:
        head = _within_budget(rest)
        tail = rest[len(head) :]
        if tail:
            both = _sum(head) * min(1.0, _sum(tail) / total)
            early.append((f"({_any(head)}) AND ({_any(tail)})", _bound(rest, total), both))
        cheap = _sum(head) <= BUDGET
        bound = math.inf if cheap and len(early) == 1 else _bound(head, total)  # the rarest words are always asked
        (early if cheap else late).append((_any(head), bound, float(_sum(head))))
        rest = tail
    classes = early + sorted(late, key=lambda found: -found[1])
    return [
        Stage(
            match=match,
            reach=max((bound for _, bound, _ in classes[place + 1 :]), default=0.0),
            share=min(1.0, FLOOD / max(1.0, matches)),
        )
        for place, (match, _, matches) in enumerate(classes)
    ]


def _within_budget(rest: Counts) -> Counts:
    """Return the rarest words that together stay within the budget, at least one."""
    matches = 0
    for number, (_, count) in enumerate(rest):
        matches += count
        if matches > BUDGET:
            return rest[: max(1, number)]
    return rest


def _any(counts: Counts) -> str:
    return fts_query(term for term, _ in counts)


def _sum(counts: Counts) -> int:
    return sum(count for _, count in counts)


def _bound(words: Counts, total: int) -> float:
    """Return a score that hardly any record reaches with these words alone: all of them, or far more than by chance."""
    weights = [(count / total, max(0.0, math.log((total - count + 0.5) / (count + 0.5)))) for _, count in words]
    mean = sum(share * idf for share, idf in weights)
    deviation = math.sqrt(sum(share * (1 - share) * idf * idf for share, idf in weights))
    return REACH * min(sum(idf for _, idf in weights), mean + DEVIATIONS * deviation)
