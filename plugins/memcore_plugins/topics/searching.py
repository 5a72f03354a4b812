"""The strategy `topic`: the records of a topic that the question names, best overlap of words first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memcore import Hit, Query

from memcore_plugins.topics import schema
from memcore_plugins.topics.registry import Registry

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.topics import TopicSettings

__all__ = ["search"]

#: Strength of a topic that is named, and of one that a cue hints at.
STRENGTH = {"name": 1.0, "cue": 0.8}
#: Links of one topic that are looked at, newest first.
MOST_LINKS = 60


def search(engine: Engine, query: Query, settings: TopicSettings) -> list[Hit]:
    """Return hits scored by topic match times overlap of words, half of which a record has without any overlap."""
    from memcore_toolkit.text import index_terms, query_terms

    connection = engine.workspace.connection()
    topics = schema.load_topics(connection, query.scope.namespaces)
    asked = Registry(topics).in_question(query.text) if topics else []
    if not asked:
        return []
    strengths: dict[str, tuple[float, str]] = {}
    for topic, reason in asked:
        strength = STRENGTH[reason.partition(":")[0]]
        for link in schema.links_of(connection, topic.id or 0, MOST_LINKS):
            strengths[link.record_id] = max(strengths.get(link.record_id, (0.0, "")), (strength, topic.name))
    named = {
        word for topic, _ in asked for name in (topic.name, *topic.aliases, *topic.cues) for word in index_terms(name)
    }
    words = set(query_terms(query.text)) - named
    hits = []
    for record in engine.backend.get(list(strengths)):
        if query.scope.admits(record):
            strength, name = strengths[record.id]
            overlap = len(words & set(index_terms(record.content))) / len(words) if words else 0.0
            score = strength * (0.5 + 0.5 * overlap)
            hits.append(Hit(record=record, score=score, strategies={"topic": score}, notes=(f"topic {name}",)))
    hits.sort(key=lambda hit: (-hit.score, hit.record.id))
    return hits[: settings.hits]
