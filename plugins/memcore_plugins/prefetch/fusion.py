"""One ranked list from the lists of all strategies: normalised scores, context, structure, time and mild priors.

The words are counted again, in the hits of the word search and in the turns around them, because an index does not say
which words matched and cannot look at neighbours. Other lists are added with a weight. Words are trusted by the share
of the question that the best record holds, vectors by how far a hit rises above the tail of its list: similarities
mean the same from question to question, so they are not stretched.

    score = (words * trust + weight * vector + weight * topic + ...) * speaker * entity * answer * ... * priors
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memcore import Hit, Query

from memcore_plugins.prefetch.context import Windows, apart, windows
from memcore_plugins.prefetch.evidence import Reader, speaker_of
from memcore_plugins.prefetch.merging import merge_copies, spread
from memcore_plugins.prefetch.question import Question
from memcore_plugins.prefetch.scoring import Candidate, rarities, score_words
from memcore_plugins.prefetch.settings import PrefetchSettings
from memcore_plugins.prefetch.signals import Signals

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["fuse"]

Lists = Mapping[str, Sequence[Hit]]

#: Strategies that do not look at the words of the question.
WORDLESS = frozenset({"vector", "topic", "time"})
#: A vector list this long shows its own tail.
LONG_LIST = 20
#: Trust in the words when the best record holds none of them but related ones, against other strategies.
LEAST_TRUST = 0.25
#: Share of the question's rare words in the best record from which the words are trusted fully.
TRUSTED_SHARE = 0.6
#: Share of character pairs that stand between two words and match nothing, in questions of unspaced scripts.
UNSPACED_GLUE = 0.5
#: Words besides names and dates up to which a question about a time asks for all there was: "what happened ...".
OPEN_QUESTION = 1
#: Hits beyond twice the limit, for those that later plugins leave out.
SPARE = 10


def fuse(engine: Engine, query: Query, question: Question, lists: Lists, settings: PrefetchSettings) -> list[Hit]:
    """Return some more hits than asked for, best first, or nothing when nothing is relevant."""
    if lists.get("time"):
        question = question._replace(terms=tuple(term for term in question.terms if not term.dates))
    candidates, near = _candidates(engine, question, lists, settings)
    if not candidates:
        return []
    signals = Signals(question, settings, query.now, (candidate.speaker for candidate in candidates.values()))
    pool = [candidates[hit.record.id].evidence for hit in _word_hits(lists)]
    rare = rarities(len(question.terms), pool)
    mass = [term.mass for term in question.terms]
    score_words(candidates, near, rare, mass, signals.name_terms(), settings.context)
    if not _is_relevant(question, signals, candidates, lists, settings):
        return []
    _add_other_lists(candidates, lists, settings)
    hits = _ranked(list(candidates.values()), signals, 2 * query.limit + SPARE)
    if settings.duplicates:
        hits = merge_copies(hits, query.limit + SPARE // 2)
    return spread(hits, settings.diversity, query.limit)


def _word_hits(lists: Lists) -> list[Hit]:
    """Return the hits of the word search; a backend may give it another name than `text`."""
    named = lists.get("text")
    return list(named) if named else [hit for name, hits in lists.items() if name not in WORDLESS for hit in hits]


def _candidates(
    engine: Engine, question: Question, lists: Lists, settings: PrefetchSettings
) -> tuple[dict[str, Candidate], Windows]:
    records = {hit.record.id: hit.record for hits in lists.values() for hit in hits}
    near: Windows = {}
    if settings.context > 0:
        asked = apart([hit.record for hit in _word_hits(lists)], settings.neighbours)
        near, extra = windows(engine, records, asked)
        records |= extra
    reader = Reader(question.terms, question.text)
    candidates = {key: Candidate(record, reader.read(record), speaker_of(record)) for key, record in records.items()}
    for name, hits in lists.items():
        for hit in hits:
            candidates[hit.record.id].strategies[name] = hit.score
    return candidates, near


def _add_other_lists(candidates: Mapping[str, Candidate], lists: Lists, settings: PrefetchSettings) -> None:
    weights = {"vector": settings.vector, "topic": settings.topic, "time": settings.time}
    for name, hits in lists.items():
        weight = weights.get(name, settings.other)
        if name == "text" or not hits or weight <= 0:
            continue
        scores = [hit.score for hit in hits]
        base, scale = (_tail(scores), 1.0) if name == "vector" else (0.0, max(1.0, *scores))
        for hit in hits:
            candidates[hit.record.id].added += weight * max(0.0, hit.score - base) / scale


def _tail(scores: Sequence[float]) -> float:
    """Return the similarity that means nothing here: that of the last hit, or below it when the list was cut early."""
    best, last = max(scores), min(scores)
    return last if len(scores) >= LONG_LIST else max(0.0, last - (best - last))


def _is_relevant(
    question: Question, signals: Signals, candidates: Mapping[str, Candidate], lists: Lists, settings: PrefetchSettings
) -> bool:
    """Tell whether anything found has to do with the question.

    Yes, if it names somebody who speaks in what was found; if it asks little more than what there was at a time
    ("what happened last week?"); if some record with the turns next to it holds `floor` of the rarity of the
    question's words; if a vector is close enough; or if a strategy that finds nothing by chance (topics, pieces of
    words) found something.
    """
    if settings.floor <= 0 or signals.asked or not question.terms:
        return True
    if lists.get("time") and len(question.terms) <= OPEN_QUESTION:
        return True
    if max((hit.score for hit in lists.get("vector", ())), default=0.0) >= settings.vector_floor:
        return True
    if any(hits for name, hits in lists.items() if name not in ("text", "vector", "time")):
        return True
    unspaced = sum(not term.word.isascii() for term in question.terms) / len(question.terms)
    floor = settings.floor * (1 - UNSPACED_GLUE * unspaced)
    return max(candidate.share for candidate in candidates.values()) >= floor


def _ranked(candidates: Sequence[Candidate], signals: Signals, count: int) -> list[Hit]:
    """Return the best hits; the signals that read texts again, and the explanations, are worked out for them only."""
    best = max(candidates, key=lambda candidate: candidate.words)
    trust = LEAST_TRUST + (1 - LEAST_TRUST) * min(1.0, best.share / TRUSTED_SHARE)
    weight = trust / (best.words or 1.0)
    scored = []
    for candidate in candidates:
        score = candidate.words * weight + candidate.added
        if score > 0:
            for _, factor in signals.factors(candidate):
                score *= factor
            scored.append((score, candidate))
    scored.sort(key=lambda pair: (-pair[0], pair[1].record.id))
    hits = [_hit(score, candidate, weight, signals) for score, candidate in scored[:count]]
    return sorted(hits, key=lambda hit: (-hit.score, hit.record.id))


def _hit(score: float, candidate: Candidate, weight: float, signals: Signals) -> Hit:
    notes = []
    if candidate.own:
        notes.append(f"words {candidate.own * weight:.2f}, {candidate.own_share:.0%} of the question")
    if candidate.words > candidate.own:
        notes.append(f"turns around it {(candidate.words - candidate.own) * weight:.2f}")
    if candidate.added:
        notes.append(f"other strategies {candidate.added:.2f}")
    factors = list(signals.factors(candidate))
    if answer := signals.answers(candidate.record):
        factors.append(answer)
        score *= answer[1]
    notes += [f"{name}: x{factor:.2f}" for name, factor in factors if abs(factor - 1) >= 0.005]
    strategies = candidate.strategies or {"context": round(candidate.words * weight, 4)}
    source = (candidate.record.source,) if candidate.record.source else ()
    return Hit(record=candidate.record, score=score, strategies=strategies, sources=source, notes=tuple(notes))
