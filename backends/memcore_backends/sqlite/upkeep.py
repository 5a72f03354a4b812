"""Facts, checks and upkeep of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from memcore.records import Finding, Report, Run

from memcore_backends.sqlite.schema import CURATED, EPISODES
from memcore_backends.sqlite.store import SqliteBackend

if TYPE_CHECKING:
    from memcore.workspace import Workspace

__all__ = ["CURE_FTS5", "check", "facts", "maintain", "stats", "verdict"]

WAL_BYTES = 16 * 1024 * 1024  # four times what SQLite itself lets the log grow to before it checkpoints
CURE_FTS5 = "use a Python whose SQLite has FTS5, and leave sqlite.full_text on"
MERGE_PAGES = 500  # index pages written by one merge step, about 2 MB
MOST_MERGES = 200  # steps of one run; the next run goes on


def facts(backend: SqliteBackend) -> dict[str, Any]:
    """Return counts and sizes in bytes, for `doctor`."""
    workspace = backend.workspace
    connection = workspace.connection()
    known: dict[str, Any] = {}
    for table in (CURATED, EPISODES):
        known[table.name] = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
    known["full_text"] = backend.index.enabled
    if backend.index.enabled:
        known["not_indexed"], known["stale_entries"] = backend.index.gaps()
    for name in ("page_size", "page_count", "freelist_count"):
        known[name] = connection.execute(f"PRAGMA {name}").fetchone()[0]
    known["bytes"], known["wal_bytes"] = workspace.path.stat().st_size, _wal_bytes(workspace)
    return known


def verdict(backend: SqliteBackend) -> str:
    """Return what SQLite's quick check says of the file, an empty string if it is sound."""
    said = str(backend.workspace.connection().execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if said == "ok" else f"{backend.workspace.path} is damaged: {said}"


def check(backend: SqliteBackend) -> Iterator[Finding]:
    """Yield what is wrong with the file or its index."""
    where = str(backend.workspace.path)
    if problem := verdict(backend):
        cure = "restore a backup, or save what can be read: sqlite3 FILE .recover"
        yield Finding(code="sqlite.damaged", severity="error", message=problem, where=where, cure=cure)
    if not backend.index.enabled:
        message = "search finds substrings only, and reads every record"
        yield Finding(code="sqlite.no-fts5", severity="warning", message=message, where=where, cure=CURE_FTS5)
        return
    missing, stale = backend.index.gaps()
    if missing or stale:
        message = f"the full-text index lacks {missing} records and has {stale} entries without a record"
        yield Finding(code="sqlite.index", severity="error", message=message, where=where, cure="memcore reindex")
    elif not backend.index.fresh():
        message = "the full-text index was made by another version: some words are not found"
        yield Finding(code="sqlite.analysis", severity="warning", message=message, where=where, cure="memcore reindex")


def stats(backend: SqliteBackend) -> Mapping[str, Any]:
    """Return the number of records by kind and status, and the size of the file in bytes."""
    connection, workspace = backend.workspace.connection(), backend.workspace
    kinds: dict[str, dict[str, int]] = {}
    for table in (CURATED, EPISODES):
        sql = f"SELECT kind, status, count(*) FROM {table.name} GROUP BY kind, status"
        for kind, status, count in connection.execute(sql):
            kinds.setdefault(kind, {})[status] = count
    total = sum(count for statuses in kinds.values() for count in statuses.values())
    size = workspace.path.stat().st_size + _wal_bytes(workspace)
    return {"records": total, "kinds": kinds, "bytes": size, "full_text": backend.index.enabled}


def maintain(backend: SqliteBackend, run: Run) -> Report:
    """Merge the index, refresh SQLite's statistics and empty a large log; a dry run says what it would do."""
    workspace, wal = backend.workspace, _wal_bytes(backend.workspace)
    segments = _segments(backend)
    counts = {"index_segments": segments, "wal_bytes": wal}
    lines = [f"merge {segments} parts of the full-text index"] if segments > 1 else []
    if wal > WAL_BYTES:
        lines.append(f"write {wal} bytes of the log into the database")
    if not run.dry_run:
        if segments > 1:
            _merge(workspace)
        with workspace.errors():
            workspace.connection().execute("PRAGMA optimize")
            if wal > WAL_BYTES:
                workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Report(summary="; ".join(lines) or "nothing to do", counts=counts, lines=lines)


def _segments(backend: SqliteBackend) -> int:
    if not backend.index.enabled:
        return 0
    row = backend.workspace.connection().execute("SELECT count(DISTINCT segid) FROM curated_fts_idx").fetchone()
    return int(row[0])


def _merge(workspace: Workspace) -> None:
    """Merge in steps of one short transaction each, so that other writers are not kept waiting."""
    pages = -MERGE_PAGES  # the first, negative number starts a merge of everything
    for _ in range(MOST_MERGES):
        with workspace.transaction() as connection:
            before = connection.total_changes
            connection.execute("INSERT INTO curated_fts(curated_fts, rank) VALUES('merge', ?)", (pages,))
            if connection.total_changes - before < 2:  # what SQLite's manual names as the sign that nothing is left
                return
        pages = MERGE_PAGES


def _wal_bytes(workspace: Workspace) -> int:
    log = workspace.path.with_name(workspace.path.name + "-wal")
    return log.stat().st_size if log.exists() else 0
