"""One question to the server, asked in several ways, because no single one is enough.

Its hybrid search ranks by words and by meaning, but lets the vectors of everybody in, so every hit is checked against
the scope. Its word search keeps to the scope, but wants every word of the question, so it is asked for the words one by
one. If that is still too little, the newest entries of the scope are listed and ranked here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from memcore.errors import BackendError, ConfigError
from memcore.records import Hit, Query, Record, Status, evolve
from memcore_toolkit.text import fold, query_terms

from memcore_backends.memory_hall.directory import LARGEST_PAGE, Directory
from memcore_backends.memory_hall.link import Link
from memcore_backends.memory_hall.outbox import Outbox
from memcore_backends.memory_hall.ranking import pieces, rank
from memcore_backends.memory_hall.scan import filters, laid_over
from memcore_backends.memory_hall.settings import MemoryHallSettings

__all__ = ["Searcher"]

MOST_HITS = 100  # of one search on the server
LONGEST_QUERY = 2000  # characters; a very long one blocks the server's event loop
MOST_LOCAL = 150  # local copies that are ranked
SLOW = 1.0  # seconds: a search that took longer waited for an embedder that does not answer


class Searcher:
    """Answers questions from the server and from what waits here, or from local copies alone."""

    def __init__(
        self,
        link: Link,
        directory: Directory,
        outbox: Outbox,
        settings: MemoryHallSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._link, self._directory, self._outbox = link, directory, outbox
        self._settings, self._clock = settings, clock
        self._no_meaning_until: datetime | None = None
        self.degraded = ""

    def search(self, query: Query) -> list[Hit]:
        """Return hits best first; what the server cannot answer now is answered from here, and `degraded` says why."""
        text = query.text.encode(errors="replace").decode()
        if not query.limit or not query_terms(text):
            return []
        words, records = _as_written(text), []
        asked = _Asked(self._link, self._directory, self._settings, evolve(query, text=text[:LONGEST_QUERY]))
        self.degraded = f"the server is away: {self._link.why}"
        if self._link.ready(self._settings.patience):
            asked.waiting = (
                self._outbox.overlay()
            )  # before the server is asked: what is sent meanwhile must be in one of both
            records = self._outbox.matching(words, everywhere=False, limit=MOST_LOCAL)
            self.degraded = self._ask(asked)
        if self.degraded:
            records = self._outbox.matching(words, everywhere=True, limit=MOST_LOCAL)
        found = {**{record.id: record for record in records}, **asked.found}
        inside = (record for record in found.values() if query.scope.admits(record))
        return rank(text, inside, asked.similar, self._settings.similarity, query.limit)

    def _ask(self, asked: _Asked) -> str:
        """Ask the server; return an empty text, or why its answer is not whole."""
        try:
            problem = asked.ask(meaning=self.meaning)
        except (BackendError, ConfigError) as error:
            return f"{error.what}: {error.why}" if error.why else error.what
        if asked.waited:
            self._no_meaning_until = self._clock() + timedelta(seconds=self._settings.cooldown)
        return problem

    @property
    def meaning(self) -> bool:
        """Return whether to search by meaning: not for a while after the embedder made a search wait."""
        until = self._no_meaning_until
        left = (until - self._clock()).total_seconds() if until else 0.0
        return not 0 < left <= self._settings.cooldown


class _Asked:
    """One question: the records found inside its scope, and their similarity."""

    def __init__(self, link: Link, directory: Directory, settings: MemoryHallSettings, query: Query) -> None:
        self._link, self._directory, self._settings, self._query = link, directory, settings, query
        self._limits = filters(query.scope)
        self._until = time.monotonic() + settings.read_deadline
        self._relevant: set[str] = set()
        self.waiting: Mapping[str, Status] = {}
        self.found: dict[str, Record] = {}
        self.similar: dict[str, float] = {}
        self.waited = False

    def ask(self, *, meaning: bool) -> str:
        """Ask in all ways that are needed; return why the answer is not whole, or an empty text."""
        problem = self._by_meaning() if meaning else "the server's embedder is slow; words only"
        more = pieces(self._query.text, self._settings.lexical_calls)
        for piece in more if problem or len(more) > 1 else ():
            if self._enough():
                return problem
            self._by_words(piece)
        if not self._enough():
            self._by_listing()
        return problem

    def _enough(self) -> bool:
        return len(self._relevant) >= self._query.limit or time.monotonic() > self._until

    def _left(self) -> float:
        return max(0.05, self._until - time.monotonic())

    def _by_meaning(self) -> str:
        started = time.monotonic()
        answer = self._link.search(
            {"query": self._query.text, "limit": MOST_HITS, **self._limits}, deadline=self._left()
        )
        for hit in answer.part("results"):
            scores = hit["score_breakdown"]
            for record in self._take([hit["entry"]]):
                if scores["semantic_status"] == "ok" and scores["semantic"]:
                    self.similar[record.id] = scores["semantic"]
                if scores["bm25"] > 0 or scores["semantic"] >= self._settings.similarity:
                    self._relevant.add(record.id)
        if not answer.part("degraded"):
            return ""
        self.waited = time.monotonic() - started > SLOW
        return "the server's embedder does not answer; words only"

    def _by_words(self, words: str) -> None:
        body = {"query": words, "limit": MOST_HITS, "mode": "lexical", **self._limits}
        answer = self._link.search(body, deadline=self._left())
        self._relevant.update(record.id for record in self._take([hit["entry"] for hit in answer.part("results")]))

    def _by_listing(self) -> None:
        """Take the newest entries of the scope: few, or, for a limit no search of the server can fill, many."""
        size = self._settings.listed if self._query.limit <= MOST_HITS else LARGEST_PAGE
        if size:
            params = {**self._limits, "limit": size}
            self._take(self._link.read("/v1/memory", deadline=self._left(), **params).part("entries"))

    def _take(self, entries: Iterable[Mapping[str, Any]]) -> list[Record]:
        records = [laid_over(record, self.waiting) for record in self._directory.read(entries)]
        inside = [record for record in records if self._query.scope.admits(record)]
        self.found.update({record.id: record for record in inside})
        return inside


def _as_written(text: str) -> list[str]:
    """Return the forms in which the words of a question may stand in a local copy, to find candidates in SQLite."""
    written = [word.lower() for piece in pieces(text, LONGEST_QUERY) for word in piece.split()]
    return list(dict.fromkeys([*written, *(fold(word) for word in written)]))[:50]
