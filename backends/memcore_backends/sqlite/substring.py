"""Search without FTS5: every record of the scope is read, and its folded text searched for the question's words."""

from __future__ import annotations

import heapq
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from memcore.records import Query, Record
from memcore.workspace import Workspace
from memcore_toolkit.text import fold, index_terms, query_terms

from memcore_backends.sqlite.rows import to_record
from memcore_backends.sqlite.schema import Table
from memcore_backends.sqlite.scope import Condition, tables_of
from memcore_backends.sqlite.search import fetch

__all__ = ["search_substrings"]

ENDINGS = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s)$")  # what FTS5's stemmer would take off, roughly
MOST_HITS = 2**31


def search_substrings(workspace: Workspace, query: Query) -> list[tuple[float, Record]]:
    """Return the records of the scope that hold a word of the question, those with most and longest words first."""
    needles = _needles(query.text)
    connection, condition = workspace.connection(), Condition(query.scope)
    if not needles or not query.limit:
        return []
    scored = (
        (_score(fold(_text(row)), needles), row[0])
        for table in tables_of(query.scope)
        for row in _rows(connection, table, condition)
    )
    best = heapq.nsmallest(min(query.limit, MOST_HITS), ((-score, seq) for score, seq in scored if score))
    rows = fetch(connection, [seq for _, seq in best], condition)
    return [(-score, to_record(rows[seq])) for score, seq in best if seq in rows]


def _needles(text: str) -> list[str]:
    """Return the content words of a question as they stand in a folded text, and the pairs of unspaced scripts."""
    terms = set(query_terms(text))
    words = [word.strip("""!"'()*,.:;?[]{}<>`""") for word in fold(text).split()]
    own = {ENDINGS.sub("", word) for word in words if terms.intersection(index_terms(word))}
    return sorted(own | terms - {""})


def _rows(connection: sqlite3.Connection, table: Table, condition: Condition) -> Iterator[Any]:
    sql = f"SELECT seq, content, summary, tags, entities FROM {table.name} WHERE {condition.sql}"
    return connection.execute(sql, condition.values)


def _text(row: tuple[Any, ...]) -> str:
    return "\n".join(filter(None, row[1:]))


def _score(text: str, needles: list[str]) -> float:
    return float(sum(len(needle) for needle in needles if needle in text))
