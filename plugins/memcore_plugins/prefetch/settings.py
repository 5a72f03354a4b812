"""The settings of prefetch: how far it looks, how much each signal counts, and what it remembers of what it showed."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

__all__ = ["PrefetchSettings"]


def _setting(default: Any, text: str, source: str) -> Any:
    return field(default=default, metadata={"help": text, "source": source})


@frozen(kw_only=True)
class PrefetchSettings:
    """Defaults come from the shipped benchmark (`tests/recall`) or from the page named; 0 switches a signal off."""

    pool: int = _setting(100, "hits of the word search that are looked at closely", "flat from 60 to 200")
    neighbours: int = _setting(20, "hits whose neighbouring turns are fetched", "flat from 20 to 40")
    context: float = _setting(1.0, "weight of neighbouring turns (.7, .4, .2 by distance)", "long conversations: +.10")
    forms: bool = _setting(True, "look for irregular forms: bought for buy", "benchmark: +.02 to +.05")
    related: float = _setting(
        0.4, "weight of related words: occupation for job", "benchmark: +.02 to +.07; flat .2 to 1"
    )
    speaker: float = _setting(1.0, "bonus of a turn by the person the question names", "long conversations: +.03")
    entity: float = _setting(0.5, "bonus of a record about an entity the question names", "half of a speaker's")
    time: float = _setting(0.5, "weight of a time the question names", "a third of a full match of words")
    answer: float = _setting(0.3, "bonus of a time for when-questions, of a number for how-many", "flat .1 to .4")
    question: float = _setting(0.7, "factor of a turn that itself asks", "flat .5 to .8")
    brevity: float = _setting(0.6, "how much a turn of one word loses", "flat .5 to .8")
    confidence: float = _setting(0.2, "how much a record of confidence 0 loses", "a mild prior: breaks ties")
    recency: float = _setting(0.05, "bonus of a record of today, halved every 180 days", "a mild prior: breaks ties")
    vector: float = _setting(1.0, "weight of vector similarity", "score fusion: bm25 / best + cosine")
    topic: float = _setting(0.3, "weight of the topic strategy", "a third of a full match of words")
    other: float = _setting(0.4, "weight of a strategy this plugin does not know", "below every known one")
    floor: float = _setting(0.35, "share of the question's rare words some record must hold", "benchmark: false recall")
    vector_floor: float = _setting(0.5, "similarity that counts as relevant without words", "far above unrelated pairs")
    diversity: float = _setting(0.15, "what a hit loses for saying what a better one said", "0 for evidence tests")
    duplicates: bool = _setting(True, "merge near-duplicates into one hit with all sources", "same text, many files")
    substring_rows: int = _setting(
        1000, "records searched for a piece of a word when words find nothing", "about 10 ms"
    )
    repeat: bool = _setting(
        False, "show again what was already shown in the session", "users: the same memory again and again"
    )
    recall_ttl_days: int = _setting(30, "days until maintenance forgets what was shown", "longer than sessions last")
    keep_query_text: bool = _setting(False, "store the question itself, not only its hash", "private by default")
