"""What a file no longer says: records are retired unless another source still says them, and sources are kept true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcore.contracts import Capability

from memcore_plugins.bank_migrate.chunk import line_of
from memcore_plugins.bank_migrate.schema import chunks, select_in

if TYPE_CHECKING:
    import sqlite3

    from memcore import Engine
    from memcore.records import Draft, Outcome

__all__ = ["REASON", "drop_file", "moved", "refresh", "retire_gone"]

REASON = "its source no longer says it"


def moved(engine: Engine, connection: sqlite3.Connection, file: int, path: str, still: Mapping[bytes, Draft]) -> None:
    """Keep the new lines of what a changed file says as before, in the records too where the backend can."""
    rows = connection.execute("SELECT digest, record_id, line FROM migrated_records WHERE file=?", (file,)).fetchall()
    lines = {digest: line_of(draft) for digest, draft in still.items()}
    other = [(key, digest, line, lines[digest]) for digest, key, line in rows if lines.get(digest, line) != line]
    connection.executemany(
        "UPDATE migrated_records SET line=? WHERE file=? AND digest=?",
        [(new, file, digest) for _, digest, _, new in other],
    )
    places = {key: (f"{path}#L{line}", f"{path}#L{new}") for key, _, line, new in other}
    _change(
        engine,
        {key: {"source": new} for key, (_, new) in places.items()},
        {key: old for key, (old, _) in places.items()},
    )


def refresh(engine: Engine, outcomes: Iterable[Outcome]) -> None:
    """Bring records that a file says again up to what it says now: confidence, labels, metadata and place."""
    for outcome in outcomes:
        draft, record = outcome.draft, outcome.record
        if outcome.state != "existing" or record is None or _path(record.source) != _path(draft.source):
            continue
        fields = {name: getattr(draft, name) for name in ("confidence", "tags", "entities", "source")}
        told = {name: value for name, value in fields.items() if value != getattr(record, name) and value is not None}
        metadata = {**record.metadata, **draft.metadata}
        if metadata != record.metadata:
            told["metadata"] = metadata
        if told:
            _change(engine, {record.id: told}, {})


def drop_file(connection: sqlite3.Connection, file: int) -> None:
    """Mark all that a removed file said as gone, and forget the file."""
    connection.execute("UPDATE migrated_records SET gone=1 WHERE file=?", (file,))
    connection.execute("DELETE FROM migrated_files WHERE id=?", (file,))


def retire_gone(engine: Engine) -> int:
    """Retire the records that were marked and that nobody says any more; return how many.

    A file of another folder counts only as long as that folder exists.
    """
    connection = engine.workspace.connection()
    marked = [row[0] for row in connection.execute("SELECT DISTINCT record_id FROM migrated_records WHERE gone=1")]
    roots = {row[0]: Path(row[0]).is_dir() for row in connection.execute("SELECT DISTINCT root FROM migrated_files")}
    count = 0
    for part in chunks(marked):
        said = _said(connection, part, roots)
        elsewhere = {
            row[0]
            for row in select_in(connection, "SELECT record_id FROM migrated_elsewhere WHERE record_id IN (?)", part)
        }
        with engine.workspace.transaction():
            gone = [key for key in part if key not in said and key not in elsewhere]
            count += engine.retire(gone, reason=REASON) if gone else 0
            _point_elsewhere(engine, said)
            connection.executemany(
                "DELETE FROM migrated_records WHERE record_id=? AND gone=1", [(key,) for key in part]
            )
    return count


def _said(connection: sqlite3.Connection, ids: Iterable[str], roots: Mapping[str, bool]) -> dict[str, set[str]]:
    """Return the places that still say each record."""
    statement = (
        "SELECT record_id, root, path, line FROM migrated_records JOIN migrated_files ON file=id "
        "WHERE gone=0 AND record_id IN (?)"
    )
    said: dict[str, set[str]] = {}
    for key, root, path, line in select_in(connection, statement, ids):
        if roots.get(root):
            said.setdefault(key, set()).add(f"{path}#L{line}" if line else path)
    return said


def _point_elsewhere(engine: Engine, said: Mapping[str, set[str]]) -> None:
    """Let a record whose own line is gone name a line that still says it."""
    records = {record.id: record for record in engine.get(list(said))} if said else {}
    changes = {
        key: {"source": min(places)}
        for key, places in said.items()
        if key in records and records[key].source not in places
    }
    _change(engine, changes, {})


def _change(engine: Engine, changes: Mapping[str, dict[str, Any]], expected: Mapping[str, str]) -> None:
    """Update records by id, where the backend can; `expected` names the source a record must still have."""
    if not changes or Capability.UPDATE not in engine.backend.capabilities:
        return
    sources = {record.id: record.source for record in engine.get(list(expected))} if expected else {}
    for key, fields in changes.items():
        if key not in expected or sources.get(key) == expected[key]:
            engine.backend.update(key, **fields)  # type: ignore[attr-defined]


def _path(source: str | None) -> str:
    return (source or "").partition("#L")[0]
