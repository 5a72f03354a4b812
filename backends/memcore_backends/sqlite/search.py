"""Ranked search: the best records by FTS5's bm25, filtered by the scope; the stages of `stages` keep it fast."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from memcore.records import Query, Record
from memcore.workspace import Workspace
from memcore_toolkit.text import fts_query, query_terms

from memcore_backends.sqlite.rows import to_record
from memcore_backends.sqlite.schema import CURATED, EPISODES, Table
from memcore_backends.sqlite.scope import Condition, tables_of
from memcore_backends.sqlite.stages import BUDGET, Stage, plan

__all__ = ["Ranker", "fetch"]

MOST_TERMS = 24  # words of one question that are asked; of a longer text the rarest
MOST_COUNTED = 256  # words of one question whose frequency is looked up
SPARE = 20  # candidates beyond twice the limit, for those that turn out to lie outside of the scope
MOST_HITS = 2**31
SCORE = "-bm25(curated_fts, 1.0, 0.5, 1.0)"  # content, summary (it repeats the content), labels (tags and entities)
KEPT_COUNTS = 50_000  # words whose frequency is remembered, about 5 MB
CHUNK = 900  # rows fetched with one statement

Spans = dict[Table, tuple[int, int]]
"""The lowest and the highest `seq` of each table that has rows."""

Row = tuple[Any, ...]
"""A row with the columns of its table."""

Scored = Iterable[tuple[int, float]]
"""Pairs of `seq` and score."""


class Ranker:
    """Search the index of one workspace; remembers how frequent words are."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._counts: dict[str, int] = {}
        self._counted_at = 0

    def search(self, query: Query) -> list[tuple[float, Record]]:
        """Return the best records of the scope with their scores, best first; any text is a legal query."""
        terms = [term for term in query_terms(query.text)[:MOST_COUNTED] if fts_query([term])]
        limit = min(query.limit, MOST_HITS)
        connection = self._workspace.connection()
        spans = _spans(connection)
        if not terms or not limit or not spans:
            return []
        total = sum(high - low + 1 for low, high in spans.values())
        stages = self._stages(connection, terms, total, limit)
        inside = {table: span for table, span in spans.items() if table in tables_of(query.scope)}
        search = _Search(connection, stages, inside, Condition(query.scope), limit)
        found = search.best_first(alone=inside == spans)
        return search.filtered() if found is None else found

    def _stages(self, connection: sqlite3.Connection, terms: list[str], total: int, limit: int) -> list[Stage]:
        if len(terms) <= MOST_TERMS and (total <= BUDGET or limit >= BUDGET):
            return [Stage(match=fts_query(terms), reach=0.0, share=1.0)]
        counts = [(term, self._count(connection, term, total)) for term in terms]
        return plan(heapq.nsmallest(MOST_TERMS, (pair for pair in counts if pair[1]), key=lambda pair: pair[1]), total)

    def _count(self, connection: sqlite3.Connection, term: str, total: int) -> int:
        """Return how many records have a term, no more than half of them; remembered until a tenth more is stored."""
        if abs(total - self._counted_at) * 10 > self._counted_at or len(self._counts) > KEPT_COUNTS:
            self._counts, self._counted_at = {}, total
        count = self._counts.get(term)
        if count is None:
            matches = "SELECT 1 FROM curated_fts WHERE curated_fts MATCH ? LIMIT ?"
            row = connection.execute(
                f"SELECT count(*) FROM ({matches})", (fts_query([term]), total // 2 + 1)
            ).fetchone()
            count = self._counts[term] = int(row[0])
        return count


class _Search:
    """One search: the same stages either filter the best candidates, or look at the row of every match."""

    def __init__(
        self, connection: sqlite3.Connection, stages: list[Stage], spans: Spans, condition: Condition, limit: int
    ) -> None:
        self._connection, self._stages, self._spans = connection, stages, spans
        self._condition, self._limit = condition, limit
        self._wanted = 2 * limit + SPARE

    def best_first(self, *, alone: bool) -> list[tuple[float, Record]] | None:
        """Take the best candidates of the index and leave out what is outside of the scope.

        Returns None when too few are left to be sure of the answer. `alone` says that the index holds no other tables.
        """
        if self._condition.narrow:
            return None

        def ask(stage: Stage) -> Scored:
            for span in [None] if alone and stage.share == 1.0 else self._narrowed(stage).values():
                where = "" if span is None else f" AND rowid BETWEEN {span[0]} AND {span[1]}"
                sql = f"SELECT rowid, {SCORE} AS score FROM curated_fts WHERE curated_fts MATCH ?{where}"
                yield from self._connection.execute(f"{sql} ORDER BY score DESC LIMIT ?", (stage.match, self._wanted))

        scores, reach, complete = self._collect(ask, self._stages)
        found = self._rows(scores, self._wanted)
        seen_all = complete and len(scores) < self._wanted
        enough = len(found) >= self._limit and found[self._limit - 1][0] >= reach
        return _records(found[: self._limit]) if seen_all or enough else None

    def filtered(self) -> list[tuple[float, Record]]:
        """Look at the row of every match, so that only records of the scope are scored."""

        def ask(stage: Stage) -> Scored:
            for table, (low, high) in self._narrowed(stage).items():
                sql = (
                    f"SELECT seq, {SCORE} AS score FROM curated_fts CROSS JOIN {table.name} ON seq = curated_fts.rowid"
                    f" WHERE curated_fts MATCH ? AND curated_fts.rowid BETWEEN {low} AND {high}"
                    f" AND {self._condition.sql} ORDER BY score DESC LIMIT ?"
                )
                yield from self._connection.execute(sql, (stage.match, *self._condition.values, self._limit))

        scores, _, complete = self._collect(ask, self._stages)
        if len(scores) < self._limit and not complete:
            whole = [Stage(match=stage.match, reach=stage.reach, share=1.0) for stage in self._stages]
            scores, _, _ = self._collect(ask, whole)
        return _records(self._rows(scores, self._limit))

    def _collect(self, ask: Callable[[Stage], Scored], stages: Sequence[Stage]) -> tuple[dict[int, float], float, bool]:
        """Ask the stages until no later one can reach the limit's place.

        Returns the scores, what later stages can reach, and whether every match was looked at.
        """
        scores: dict[int, float] = {}
        for stage in stages:
            for seq, score in ask(stage):
                if score > scores.get(seq, 0.0):
                    scores[seq] = score
            if stage is not stages[-1] and len(scores) >= self._limit:
                last = heapq.nlargest(self._limit, scores.values())[-1]
                if last >= stage.reach:
                    return scores, stage.reach, False
        return scores, 0.0, all(stage.share == 1.0 for stage in stages)

    def _narrowed(self, stage: Stage) -> Spans:
        """Return the spans of the newest rows that a stage looks at."""
        spans = {}
        for table, (low, high) in self._spans.items():
            rows = int((high - low + 1) * stage.share) or 1
            spans[table] = (high - rows + 1, high) if table is CURATED else (low, low + rows - 1)
        return spans

    def _rows(self, scores: dict[int, float], count: int) -> list[tuple[float, Row]]:
        """Return the rows of the best candidates that lie in the scope, with their scores, best first."""
        best = heapq.nsmallest(count, scores, key=lambda seq: (-scores[seq], seq))
        rows = fetch(self._connection, best, self._condition)
        return [(scores[seq], rows[seq]) for seq in best if seq in rows]


def fetch(connection: sqlite3.Connection, seqs: Sequence[int], condition: Condition) -> dict[int, Row]:
    """Return by `seq` those of the rows with these numbers that meet the condition."""
    found: dict[int, Row] = {}
    for table in (CURATED, EPISODES):
        own = [seq for seq in seqs if (seq > 0) is (table is CURATED)]
        for start in range(0, len(own), CHUNK):
            numbers = ",".join(map(str, own[start : start + CHUNK]))
            sql = table.select(f"WHERE seq IN ({numbers}) AND {condition.sql}")
            found.update((row[0], row) for row in connection.execute(sql, condition.values))
    return found


def _records(found: list[tuple[float, Row]]) -> list[tuple[float, Record]]:
    return [(score, to_record(row)) for score, row in found]


def _spans(connection: sqlite3.Connection) -> Spans:
    spans = {}
    for table in (CURATED, EPISODES):
        ends = f"SELECT (SELECT min(seq) FROM {table.name}), (SELECT max(seq) FROM {table.name})"  # each a single step
        low, high = connection.execute(ends).fetchone()
        if low is not None:
            spans[table] = (low, high)
    return spans
