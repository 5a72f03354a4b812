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

Counts = Sequence[tuple[str, int]]
"""Words with the number of records that have them."""


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
    rest = [
        pair for pair in present if 2 * pair[1] <= total
    ] or present  # FTS5 gives words of every second record no weight
    stages: list[Stage] = []
    while rest:
        head = _within_budget(rest)
        tail = rest[len(head) :]
        if tail:
            both = f"({_any(head)}) AND ({_any(tail)})"
            reach = max(_bound(head, total), _bound(tail, total))
            stages.append(Stage(match=both, reach=reach, share=_share(_sum(head) * min(1.0, _sum(tail) / total))))
        stages.append(Stage(match=_any(head), reach=_bound(tail, total), share=_share(_sum(head))))
        rest = tail
    return stages


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


def _bound(counts: Counts, total: int) -> float:
    return sum(REACH * max(0.0, math.log((total - count + 0.5) / (count + 0.5))) for _, count in counts)


def _share(matches: float) -> float:
    return min(1.0, FLOOD / matches)
