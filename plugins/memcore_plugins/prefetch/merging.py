"""From a ranked list to a useful one: copies become one hit with all sources, and repetition gives way to variety."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memcore import Hit
from memcore.records import evolve
from memcore_toolkit.text import near_duplicate

__all__ = ["merge_copies", "spread"]

#: Share of the shorter text's words in the longer one from which two texts are compared closely.
WORTH_COMPARING = 0.8
#: Overlap of words from which a text repeats another in a reader's eyes.
REPEATS = 0.5

_Words = frozenset[str]
_WORD = re.compile(r"\w+")


def merge_copies(hits: Sequence[Hit], count: int) -> list[Hit]:
    """Merge near-duplicates among the hits until `count` different ones are there; the rest follows as it is.

    The best hit of each group stays; its `sources` name all of them, best first.
    """
    kept: list[tuple[Hit, _Words, list[Hit]]] = []
    seen = 0
    for hit in hits:
        words = _words(hit)
        copies = next((copies for first, other, copies in kept if _same(hit, words, first, other)), None)
        if copies is not None:
            copies.append(hit)
        elif len(kept) < count:
            kept.append((hit, words, []))
        else:
            break
        seen += 1
    return [*(_merged(hit, copies) for hit, _, copies in kept), *hits[seen:]]


def _same(hit: Hit, words: _Words, first: Hit, other: _Words) -> bool:
    if len(words & other) < WORTH_COMPARING * min(len(words), len(other)):
        return False
    return near_duplicate(first.record.content, hit.record.content)


def spread(hits: Sequence[Hit], weight: float, limit: int) -> list[Hit]:
    """Take `weight` of the score from each of the first hits that repeats a better one, and sort again.

    Hits just below the limit take part, since one of them may move up.
    """
    if weight <= 0:
        return list(hits)
    head, better = [], list[_Words]()
    for hit in hits[: limit + 5]:
        words = _words(hit)
        if any(_overlap(words, other) >= REPEATS for other in better):
            notes = (*hit.notes, f"repeats a better hit: x{1 - weight:.2f}")
            head.append(evolve(hit, score=hit.score * (1 - weight), notes=notes))
        else:
            head.append(hit)
        better.append(words)
    return sorted([*head, *hits[limit + 5 :]], key=lambda hit: -hit.score)


def _words(hit: Hit) -> _Words:
    text = hit.record.content.casefold()
    spaced = _WORD.findall(text)
    if len(spaced) * 10 < len(text):  # a script without spaces
        return frozenset(text[i : i + 2] for i in range(len(text) - 1))
    return frozenset(spaced or text)


def _overlap(one: _Words, other: _Words) -> float:
    common = len(one & other)
    return common / max(1, len(one) + len(other) - common)


def _merged(hit: Hit, copies: Sequence[Hit]) -> Hit:
    if not copies:
        return hit
    sources = [source for one in (hit, *copies) for source in (*one.sources, one.record.source) if source]
    note = f"said {len(copies) + 1} times"
    return evolve(hit, sources=tuple(dict.fromkeys(sources)), notes=(*hit.notes, note))
