"""Turns that the database would not take: they wait in a file of the home until it does, so that nothing is lost.

The file is `hosts.unsaved.jsonl`, one session a line, mode 0600. Storing a turn twice changes nothing, so two
processes may empty it at once and a crash in between costs nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from memcore.events import Session, Turn

__all__ = ["forget", "put_aside", "take", "waiting"]

_NAME = "hosts.unsaved.jsonl"
_FIELDS = ("role", "content", "speaker")


def put_aside(home: Path, session: Session) -> None:
    """Append a session and let it reach the disk before returning; raises OSError."""
    turns = [
        {name: value for name in _FIELDS if (value := getattr(turn, name))}
        | ({"occurred_at": turn.occurred_at.isoformat()} if turn.occurred_at else {})
        for turn in session.turns
    ]
    line = {"id": session.id, "namespace": session.namespace, "agent_id": session.agent_id, "turns": turns}
    _append(home / _NAME, [json.dumps(line)])


def waiting(home: Path) -> int:
    """Return how many deliveries wait."""
    return sum(len(_lines(path)) for path in _files(home))


def take(home: Path) -> Iterator[Session]:
    """Yield what waits, oldest first; it is removed when the whole of it was taken without an exception."""
    for path in _files(home):
        claimed = path
        if path.name == _NAME:
            claimed = path.with_name(f"hosts.unsaved.{os.getpid()}.{time.time_ns()}.jsonl")
            path.rename(claimed)
        yield from (session for line in _lines(claimed) if (session := _session(line)))
        claimed.unlink(missing_ok=True)


def forget(home: Path, namespaces: Collection[str]) -> int:
    """Remove what waits for these namespaces (none: for all); return how many deliveries went."""
    gone = 0
    for path in _files(home):
        kept = [line for line in _lines(path) if namespaces and line.get("namespace") not in namespaces]
        gone += len(_lines(path)) - len(kept)
        path.unlink(missing_ok=True)
        if kept:
            _append(path, [json.dumps(line) for line in kept])
    return gone


def _files(home: Path) -> list[Path]:
    return sorted(home.glob("hosts.unsaved*.jsonl"), key=lambda path: path.name == _NAME)


def _append(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[Mapping[str, Any]]:
    found = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # another process was quicker
        return []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]


def _session(line: Mapping[str, Any]) -> Session | None:
    try:
        turns = tuple(
            Turn(
                role=turn["role"],
                content=turn["content"],
                speaker=turn.get("speaker"),
                occurred_at=datetime.fromisoformat(turn["occurred_at"]) if turn.get("occurred_at") else None,
            )
            for turn in line["turns"]
        )
        return Session(id=line["id"], turns=turns, namespace=line["namespace"], agent_id=line["agent_id"])
    except (KeyError, TypeError, ValueError):
        return None
