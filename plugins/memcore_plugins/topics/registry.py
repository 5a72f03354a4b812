"""The topics of one namespace in memory: found by name, and recognised in a text by names, aliases and cues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memcore_toolkit.text import fold

from memcore_plugins.topics.schema import Topic

__all__ = ["Registry", "slug_of"]

#: A single word of one of these origins is recognised in running text; a word from a tag or heading is too common.
CHOSEN = frozenset({"hand", "page"})


def slug_of(name: str) -> str:
    """Return the key of a name: folded, words joined by hyphens, other signs dropped; empty if nothing is left."""
    kept = "".join(char if char.isalnum() else " " for char in fold(name))
    return "-".join(kept.split())


class Registry:
    """Finds topics. Phrases are compared in folded form; in ASCII they must stand as whole words."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = list(topics)
        self._by_slug: dict[str, Topic] = {}
        self._phrases: list[tuple[str, Topic, str]] = []
        self._spoken: list[tuple[str, Topic, str]] = []
        for topic in self.topics:
            for name in (topic.name, *topic.aliases):
                self._by_slug.setdefault(slug_of(name), topic)
                self._add(name, topic, "name", in_text=_stands_out(name) or topic.origin in CHOSEN)
            for cue in topic.cues:
                self._add(cue, topic, "cue", in_text=True)
        self._by_slug |= {topic.slug: topic for topic in self.topics}

    def _add(self, phrase: str, topic: Topic, kind: str, *, in_text: bool) -> None:
        folded = " ".join(fold(phrase).replace("-", " ").replace("_", " ").split())
        if folded:
            self._spoken.append((folded, topic, kind))
            if in_text:
                self._phrases.append((folded, topic, kind))

    def find(self, name: str) -> Topic | None:
        """Return the topic with this name, alias or slug."""
        return self._by_slug.get(slug_of(name))

    def in_text(self, text: str) -> list[tuple[Topic, str]]:
        """Return the topics a text mentions, each with the reason `cue: ...` or `name: ...`."""
        return _matches(text, self._phrases)

    def in_question(self, text: str) -> list[tuple[Topic, str]]:
        """Return the topics a question names; common single words count too, since a question chooses its words."""
        return _matches(text, self._spoken)


def _matches(text: str, phrases: Sequence[tuple[str, Topic, str]]) -> list[tuple[Topic, str]]:
    if not phrases:
        return []
    folded = fold(text).replace("-", " ").replace("_", " ")
    found: dict[str, tuple[Topic, str]] = {}
    for phrase, topic, kind in phrases:
        if topic.slug not in found and phrase in folded and _is_whole(phrase, folded):
            found[topic.slug] = (topic, f"{kind}: {phrase}")
    return list(found.values())


def _is_whole(phrase: str, folded: str) -> bool:
    """Tell whether an ASCII phrase stands between word ends somewhere, plural s included; other scripts have none."""
    if not phrase.isascii():
        return True
    start = folded.find(phrase)
    while start >= 0:
        before, rest = folded[start - 1 : start], folded[start + len(phrase) : start + len(phrase) + 2]
        after = rest[1:] if rest[:1] == "s" else rest[:1]
        if not (before.isascii() and before.isalnum()) and not (after.isascii() and after.isalnum()):
            return True
        start = folded.find(phrase, start + 1)
    return False


def _stands_out(name: str) -> bool:
    """Tell whether a name is unlikely to occur by chance: two words, or two characters of another script."""
    return len(name.split()) > 1 or "-" in name.strip("-") or (not name.isascii() and len(name.strip()) > 1)
