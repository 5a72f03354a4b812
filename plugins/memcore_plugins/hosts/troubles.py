"""What went wrong between memcore and its hosts, as findings of `memcore warn` and `memcore doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from memcore.events import Finding

from memcore_plugins.hosts import unsaved
from memcore_plugins.hosts.guard import LOG_NAME, read_log

__all__ = ["findings"]

RECENT = timedelta(days=7)
"""Older troubles are history; the log keeps them."""
LINES = 200
CURES = {
    "BusyError": "find the process that holds the lock; it stops by itself when that ends",
    "CorruptError": "restore a backup: memcore backup --help",
    "NewerSchemaError": "upgrade memcore-engine in this host",
    "Late": "memcore doctor; a slow disk, a slow model or a slow server",
    "FileNotFoundError": "the host named a transcript that is not there",
}


def findings(home: Path, now: datetime) -> Iterator[Finding]:
    """Yield one finding for each kind of trouble of the last week, the newest line of it as its message."""
    newest: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for line in read_log(home, last=LINES):
        if line.get("kind") != "Nothing" and _recent(line.get("at", ""), now):
            key = (line.get("entry", ""), line.get("kind", ""))
            newest[key] = (newest.get(key, (0, line))[0] + 1, line)
    for (entry, kind), (count, line) in sorted(newest.items()):
        said = f"{line.get('host')}: {entry} failed {count} times in a week, last {line['at'][:16]}: {kind}"
        yield Finding(
            code=f"hosts.{kind}",
            severity="warning",
            message=f"{said} {line.get('detail', '')}".strip(),
            where=str(home / LOG_NAME),
            cure=CURES.get(kind, "memcore doctor"),
        )
    if count := unsaved.waiting(home):
        message = f"{count} deliveries of a host wait, because the database did not take them"
        cure = "memcore doctor; they are stored with the next turn the database takes"
        yield Finding(code="hosts.unsaved", severity="warning", message=message, where=str(home), cure=cure)


def _recent(at: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(at) <= RECENT
    except (TypeError, ValueError):
        return False
