"""Session dumps and transcripts: one episode per turn, never a curated fact, whatever a turn looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from memcore_plugins.ingest.entries import Entry
from memcore_plugins.ingest.reading import Reading, sound

__all__ = ["PROVENANCE", "Said", "episode_text", "provenance_of", "read_session", "read_transcript"]

PROVENANCE = {
    "user": "declared",
    "human": "declared",
    "system": "untrusted",
    "tool": "untrusted",
    "function": "untrusted",
}
"""How far what a role says is trusted; who is not named was observed speaking."""

_TURN = re.compile(
    r"(?:\*\*)?(user|human|assistant|agent|ai|bot|system|tool|function)(?:\*\*)?[ \t]*[:：](?:\*\*)?[ \t]?(.*)",
    re.IGNORECASE,
)
_BEGAN = re.compile(r"#\s*Session\b\D{0,10}(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?")
_KEY = re.compile(r"\W*\*\*Session (?:Key|ID)\*\*\s*[:：]\s*(\S+)", re.IGNORECASE)


@frozen(kw_only=True)
class Said:
    """One turn of a dump: who, what, and on which lines."""

    role: str
    text: str
    line: int
    end_line: int


def provenance_of(role: str) -> str:
    """Return the provenance of what somebody in this role says."""
    return PROVENANCE.get(role.casefold(), "observed")


def episode_text(speaker: str, text: str) -> str:
    """Return the content of an episode.

    The speaker belongs to it, so that the same words of two people stay two records.
    """
    return f"{speaker}: {text}"


def read_session(reading: Reading) -> None:
    """Read a dump of `user:` and `assistant:` lines."""
    lines = reading.source.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    began, session = reading.day, (reading.source.path or "session").rpartition("/")[2].rpartition(".")[0]
    for line in lines[:40]:
        if found := _BEGAN.match(line):
            began = _moment(found[1], found[2]) or began
        elif found := _KEY.match(line):
            session = found[1]
    turns = list(_turns(reading, lines))
    for position, said in enumerate(turns):
        _add(reading, said, session, position, began)


def _turns(reading: Reading, lines: list[str]) -> Iterator[Said]:
    """Yield the turns; lines before the first one are the head of the dump."""
    role, text, start, head = "", list[str](), 0, 0
    for number, line in enumerate(lines, 1):
        found = _TURN.match(line)
        if found:
            if role:
                yield _said(role, text, start)
            elif head:
                reading.leave(1, head, "the head of a session dump")
            role, text, start = found[1].casefold(), [found[2]], number
        elif role:
            text.append(line)
        elif line.strip():
            head = number
    if role:
        yield _said(role, text, start)


def _said(role: str, text: list[str], line: int) -> Said:
    body = "\n".join(text).strip()
    return Said(role=role, text=body, line=line, end_line=line + body.count("\n"))


def _add(reading: Reading, said: Said, session: str, position: int, when: datetime | None) -> None:
    if not said.text:
        reading.leave(said.line, said.end_line, "a turn without text")
        return
    entry = Entry(line=said.line, end_line=said.end_line, section=(), form="turn", head=said.text)
    metadata = {"session_id": session, "position": position, "role": said.role, "speaker": said.role}
    provenance = provenance_of(said.role)
    reading.add(
        episode_text(said.role, said.text), entry, kind="episode", day=when, metadata=metadata, provenance=provenance
    )


def read_transcript(reading: Reading) -> None:
    """Read a JSONL transcript: objects with `role` and `content`, perhaps inside a `message`.

    Other lines are left out.
    """
    session = (reading.source.path or "session").rpartition("/")[2].rpartition(".")[0]
    position = 0
    for number, line in enumerate(reading.source.text.split("\n"), 1):
        if not line.strip():
            continue
        turn = _turn(line)
        if turn is None:
            reading.leave(number, number, "not a turn of a conversation")
            continue
        role, text, when = turn
        _add(reading, Said(role=role, text=text, line=number, end_line=number), session, position, when or reading.day)
        position += 1


def _turn(line: str) -> tuple[str, str, datetime | None] | None:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    message = found["message"] if isinstance(found.get("message"), dict) else found
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            str(part["text"]) for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(role, str) or not isinstance(content, str) or not content.strip():
        return None
    stamp = found.get("timestamp") or message.get("timestamp")
    return sound(role.casefold()), sound(content.strip()), _stamp(stamp) if isinstance(stamp, str) else None


def _stamp(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment(day: str, time: str | None) -> datetime | None:
    return _stamp(day + (f"T{time}" if time else ""))
