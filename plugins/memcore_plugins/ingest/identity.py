"""The files an agent reads at the start of every session, as records, and the stable prompt block made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from memcore.records import Draft, PromptBlock, Record, Scope

from memcore_plugins.ingest.evidence import path_of
from memcore_plugins.ingest.schema import chunks

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.ingest import IngestSettings

__all__ = ["block", "drop", "keep"]

_DIALECTS = frozenset({"hermes", "identity", "memory"})
_FIRST = ("user.md", "identity.md", "soul.md", "memory.md")
_CURATED = ("world", "experience", "opinion", "observation", "fact", "pattern")


def keep(engine: Engine, pairs: Iterable[tuple[Draft, Record]], at: datetime) -> None:
    """Note which entries of which identity file are which records, in their order."""
    rows = []
    for draft, record in pairs:
        dialect = draft.metadata.get("format")
        if dialect in _DIALECTS and draft.source:
            position = int(draft.source.rpartition("#L")[2] or 0)
            file = path_of(draft.source)
            rows.append(
                (
                    draft.namespace,
                    file,
                    record.id,
                    position,
                    dialect,
                    record.content,
                    record.content_hash,
                    at.isoformat(),
                )
            )
    engine.workspace.connection().executemany("INSERT OR REPLACE INTO identity VALUES(?,?,?,?,?,?,?,?)", rows)


def drop(engine: Engine, ids: Iterable[str]) -> None:
    """Forget the entries whose records left active memory."""
    for part in chunks(ids):
        marks = ",".join("?" * len(part))
        engine.workspace.connection().execute(f"DELETE FROM identity WHERE record_id IN ({marks})", part)


def block(engine: Engine, scope: Scope, settings: IngestSettings) -> PromptBlock | None:
    """Return who is helped and what is known best, within the character budget; the same text for the same memory.

    The identity files come first and may take two thirds; then the facts said by the most sources, the surest and
    newest first.
    """
    budget = settings.prompt_characters
    known, ids = _identity(engine, scope)
    lines = _fitting(known, budget * 2 // 3 if known else 0)
    facts = [record.content for record in _best(engine, scope, settings) if record.id not in ids]
    lines += _fitting(facts, budget - sum(len(line) + 1 for line in lines))
    return PromptBlock(title="What is known", text="\n".join(lines)) if lines else None


def _identity(engine: Engine, scope: Scope) -> tuple[list[str], set[str]]:
    where, given = _namespaces(scope)
    rows = (
        engine.workspace.connection()
        .execute(f"SELECT file, position, content, record_id FROM identity{where}", given)
        .fetchall()
    )
    rows.sort(key=lambda row: (_rank(row[0]), row[0], row[1], row[3]))
    return [row[2] for row in rows], {row[3] for row in rows}


def _best(engine: Engine, scope: Scope, settings: IngestSettings) -> Sequence[Record]:
    where, given = _namespaces(scope)
    kinds = ",".join("?" * len(_CURATED))
    said = "(SELECT record_id, count(*) AS said FROM evidence GROUP BY record_id)"
    order = "coalesce(said, 0) DESC, coalesce(confidence, 0.7) DESC, day DESC, record_id"
    rows = engine.workspace.connection().execute(
        f"SELECT record_id FROM sameness LEFT JOIN {said} USING(record_id){where or ' WHERE 1'} AND kind IN ({kinds}) "
        f"ORDER BY {order} LIMIT ?",
        [*given, *_CURATED, settings.prompt_facts],
    )
    return [record for record in engine.get([row[0] for row in rows]) if scope.admits(record)]


def _namespaces(scope: Scope) -> tuple[str, list[str]]:
    if not scope.namespaces:
        return "", []
    return f" WHERE namespace IN ({','.join('?' * len(scope.namespaces))})", list(scope.namespaces)


def _rank(file: str) -> int:
    name = file.rpartition("/")[2].casefold()
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _fitting(texts: Iterable[str], budget: int) -> list[str]:
    lines: list[str] = []
    for text in dict.fromkeys(texts):
        line = f"- {' '.join(text.split())}".replace("<", "&lt;")
        if len(line) + 1 <= budget:
            lines.append(line)
            budget -= len(line) + 1
    return lines
