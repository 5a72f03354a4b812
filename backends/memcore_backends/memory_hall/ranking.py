"""The order of hits: by how many of the question's words a record holds, weighted by their rarity, and by similarity.

The server's own scores cannot be compared across calls, and its search adds the nearest texts of everybody, however
far away. So the words are counted here, in the text without the line that makes it distinct.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from memcore.records import Hit, Record
from memcore_toolkit.text import index_terms, query_terms

__all__ = ["pieces", "rank"]

SHORTEST_STEM = 4  # letters that are left of a word when an ending is cut off
ENDINGS = ("ings", "ing", "ness", "edly", "ed", "es", "ly", "s")
LONGEST_RUN = 8  # characters of an unspaced script that are asked for as one word
MOST_TERMS = 64
_WORD = re.compile(r"\w+")
_SPACED = re.compile(
    r"[^\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3005-\u30ff\u31f0-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+"
)


def rank(text: str, records: Iterable[Record], similar: Mapping[str, float], floor: float, limit: int) -> list[Hit]:
    """Return hits best first: records that hold a word of the text, or whose similarity reaches the floor."""
    terms = frozenset(_stem(term) for term in query_terms(text)[:MOST_TERMS])
    starts = frozenset(term[:SHORTEST_STEM] for term in terms)
    held = {record.id: (record, _held(terms, starts, record)) for record in records}
    count = {term: sum(term in words for _, words in held.values()) for term in terms}
    weight = {term: math.log(1 + (len(held) + 1) / (found + 0.5)) for term, found in count.items()}
    scores = {key: sum(weight[term] for term in words) for key, (_, words) in held.items()}
    best = max(scores.values(), default=0.0) or 1.0
    hits = []
    for key, (record, words) in held.items():
        near = similar.get(key, 0.0)
        if words or near >= floor:
            strategies = {"text": scores[key] / best} if words else {}
            strategies |= {"vector": near} if near >= floor else {}
            hits.append(Hit(record=record, score=scores[key] / best + max(near, 0.0), strategies=strategies))
    hits.sort(key=lambda hit: (-hit.score, -hit.record.created_at.timestamp(), hit.record.id))
    return hits[:limit]


def _held(terms: frozenset[str], starts: frozenset[str], record: Record) -> frozenset[str]:
    text = " ".join((record.content, record.summary or "", *record.tags, *record.entities))
    near = (word for word in set(index_terms(text)) if word[:SHORTEST_STEM] in starts)
    return terms.intersection(map(_stem, near))


def _stem(word: str) -> str:
    """Cut an English ending off: the server knows no word forms, so both sides are cut alike here."""
    if word.isascii() and word.isalpha():
        for ending in ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
                return word[: -len(ending)]
    return word


def pieces(text: str, most: int) -> list[str]:
    """Return what to ask the server's word search, which wants every word: all content words together, then each alone.

    Longer words come first, as they are rarer. Unspaced scripts give short runs whole, and pairs of characters.
    """
    terms = set(query_terms(text))
    words: list[str] = []
    for run in _WORD.findall(text):
        spaced = _SPACED.findall(run)
        words += [part for part in spaced if not terms.isdisjoint(index_terms(part))]
        for dense in _SPACED.split(run):
            whole = [dense] if 0 < len(dense) <= LONGEST_RUN else []
            pairs = [dense[at : at + 2] for at in range(max(1, len(dense) - 1))] if dense else []
            words += [part for part in (*whole, *pairs) if not terms.isdisjoint(index_terms(part))]
    unique = list(dict.fromkeys(words))
    together = [" ".join(unique[:MOST_TERMS])] if 1 < len(unique) <= MOST_TERMS else []
    return list(dict.fromkeys([*together, *sorted(unique, key=len, reverse=True)]))[:most]
