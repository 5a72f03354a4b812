"""Weigh the words: how rare each word of the question is, and how much a record and the turns around it say of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from memcore import Record

from memcore_plugins.prefetch.context import Windows
from memcore_plugins.prefetch.evidence import Evidence

__all__ = ["Candidate", "rarities", "score_words"]

#: Weights of a neighbour's words by distance in turns.
DISTANCE = (1.0, 0.7, 0.4, 0.2)
#: Saturation of repeated words, the usual k1 of BM25. Length is left to the brevity signal: in windows of turns,
#: BM25's own normalisation costs one to two points.
SATURATION = 1.2
#: A memory is taken to be at least this large, and this many times the pool, when rarity is estimated (flat from 500
#: to 2,000).
LEAST_CORPUS = 1000
#: A longer text is not one question: its heaviest words, this many, stand for the whole.
WORDS_OF_A_QUESTION = 8
POOLS_IN_CORPUS = 10


class Candidate:
    """A record on its way into the result.

    `words` is the score of its words and those around it, `own` the part that is its own, `share` how much of the
    rarity of the question's words it holds (0..1), `own_share` the same without neighbours, `added` what other
    strategies give.
    """

    __slots__ = ("added", "evidence", "own", "own_share", "record", "share", "speaker", "strategies", "words")

    def __init__(self, record: Record, evidence: Evidence, speaker: str) -> None:
        self.record, self.evidence, self.speaker = record, evidence, speaker
        self.strategies: dict[str, float] = {}
        self.words = self.own = self.share = self.own_share = self.added = 0.0


def rarities(count: int, found: Iterable[Evidence]) -> list[float]:
    """Return the rarity of each of `count` terms among the hits of the word search.

    The hits stand for the memory: a rare word brings all its records among them, a common one only a share. That
    orders words as their rarity in the whole memory does (measured: no difference), and it works with any backend.
    """
    pool = list(found)
    corpus = max(LEAST_CORPUS, POOLS_IN_CORPUS * len(pool))
    rare = []
    for place in range(count):
        records = sum(place in evidence.direct for evidence in pool)
        records = records or sum(place in evidence.related for evidence in pool)
        rare.append(math.log(1 + (corpus - records + 0.5) / (records + 0.5)))
    return rare


def score_words(
    candidates: Mapping[str, Candidate],
    near: Windows,
    rare: Sequence[float],
    mass: Sequence[float],
    names: frozenset[int],
    context: float,
) -> None:
    """Fill in `words`, `own` and the shares, which weigh each word by rarity and `mass`.

    Terms in `names` are names of speakers: they count only where nobody speaks.
    """
    heavy = [weight * times for weight, times in zip(rare, mass, strict=True)]
    asked = sorted((weight for place, weight in enumerate(heavy) if place not in names), reverse=True)
    total = sum(asked[:WORDS_OF_A_QUESTION]) or 1.0
    heard: dict[str, dict[int, float]] = {}
    covered: dict[str, set[int]] = {}
    for key, candidate in candidates.items():
        own = _counts(candidate, names)
        if not own:
            continue
        direct = {place for place in candidate.evidence.direct if place in own}
        candidate.own = sum(rare[place] * _saturated(count) for place, count in own.items())
        candidate.own_share = min(1.0, sum(heavy[place] for place in direct) / total)
        _spread(heard, covered, key, own, direct, 1.0)
        if context > 0:
            for other, distance in near.get(key, {}).items():
                _spread(heard, covered, other, own, direct if distance == 1 else set(), context * DISTANCE[distance])
    for key, counts in heard.items():
        if key in candidates:
            candidate = candidates[key]
            candidate.words = sum(rare[place] * _saturated(count) for place, count in counts.items())
            candidate.share = min(1.0, sum(heavy[place] for place in covered[key]) / total)


def _counts(candidate: Candidate, names: frozenset[int]) -> dict[int, float]:
    evidence = candidate.evidence
    counts = dict(evidence.direct)
    for place, count in evidence.related.items():
        counts[place] = counts.get(place, 0.0) + count
    if names and candidate.speaker:
        return {place: count for place, count in counts.items() if place not in names}
    return counts


def _spread(
    heard: dict[str, dict[int, float]],
    covered: dict[str, set[int]],
    key: str,
    counts: Mapping[int, float],
    direct: set[int],
    weight: float,
) -> None:
    sums = heard.setdefault(key, {})
    for place, count in counts.items():
        sums[place] = sums.get(place, 0.0) + weight * count
    covered.setdefault(key, set()).update(direct)


def _saturated(count: float) -> float:
    return count * (SATURATION + 1) / (count + SATURATION)
