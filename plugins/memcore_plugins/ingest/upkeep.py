"""What ingest does when memory is maintained and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memcore.records import Report, Scope

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.ingest.sameness import Sameness

__all__ = ["figures", "repair"]


def repair(engine: Engine, sameness: Sameness, *, dry_run: bool) -> Report:
    """Compare the keys with the active records; rebuild them if one was written or retired behind the plugin's back."""
    kept = {row[0] for row in engine.workspace.connection().execute("SELECT record_id FROM sameness")}
    wanted = {record.id for record in engine.scan(Scope()) if sameness.form(record)}
    wrong = len(kept ^ wanted)
    if wrong and not dry_run:
        sameness.rebuild(engine)
    summary = (
        f"{wrong} keys of sameness {'to be ' if dry_run else ''}corrected"
        if wrong
        else "keys of sameness agree with the records"
    )
    return Report(summary=summary, counts={"corrected": wrong})


def figures(engine: Engine) -> Mapping[str, Any]:
    """Return rows by table, JSON-ready."""
    connection = engine.workspace.connection()
    counts = {
        "identity_entries": "SELECT count(*) FROM identity",
        "identity_files": "SELECT count(DISTINCT namespace || char(0) || file) FROM identity",
        "evidence": "SELECT count(*) FROM evidence",
        "records_with_evidence": "SELECT count(DISTINCT record_id) FROM evidence",
        "sessions": "SELECT count(DISTINCT namespace || char(0) || session_id) FROM session_turns",
    }
    return {name: int(connection.execute(statement).fetchone()[0]) for name, statement in counts.items()}
