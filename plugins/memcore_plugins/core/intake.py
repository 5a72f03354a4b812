"""Reading exported lines back into records: everything is checked before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
from memcore.config import suggest
from memcore.errors import InvalidInputError, MemcoreError
from memcore.records import Record, content_hash

from memcore_plugins.core.export import FORMAT, VERSION

__all__ = ["read_records"]

_FIELDS = frozenset(attrs.fields_dict(Record))
_TIMES = ("occurred_at", "created_at")
_STATUSES = ("active", "superseded", "archived", "retired")


def read_records(lines: Iterable[str], now: datetime) -> list[Record]:
    """Return the records of an export, or of plain JSON lines that have at least `content`.

    Raises InvalidInputError, naming the line, for what is not a record, for a newer format, and for a file that lacks
    its last line. A line without id or times gets those of now.
    """
    records: list[Record] = []
    head = count = None
    for number, line in _numbered(lines):
        value = _parsed(number, line)
        if value.get("format") == FORMAT:
            head, count = _control(number, value, head)
        elif count is not None:
            raise _wrong(number, "there are lines after the count", "export again")
        else:
            records.append(_record(number, value, now))
    if head and count != len(records):
        why = "its last line is missing" if count is None else f"it says {count} records and holds {len(records)}"
        raise InvalidInputError("the file is not complete; nothing was imported", why=why, cure="export it again")
    return records


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    try:
        for number, line in enumerate(lines, 1):
            if line.strip("\ufeff \t\r\n"):
                yield number, line.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        cure = "name a file that memcore export wrote"
        raise InvalidInputError("the file is not UTF-8 text; nothing was imported", why=str(error), cure=cure) from None


def _wrong(number: int, why: str, cure: str) -> InvalidInputError:
    return InvalidInputError(f"line {number} cannot be imported; nothing was", why=why, cure=cure)


def _parsed(number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(number, f"it is not JSON: {error}", "name a file that memcore export wrote") from None
    if not isinstance(value, dict):
        raise _wrong(number, "it is not a JSON object", "name a file that memcore export wrote")
    return value


def _control(number: int, value: dict[str, Any], head: int | None) -> tuple[int, int | None]:
    if "version" in value:
        if value["version"] != VERSION:
            raise _wrong(
                number,
                f"the format has version {value['version']!r}, this program reads {VERSION}",
                "upgrade memcore-engine",
            )
        return number, None
    return head or number, int(value.get("records", -1))


def _record(number: int, value: dict[str, Any], now: datetime) -> Record:
    if unknown := sorted(set(value) - _FIELDS):
        raise _wrong(number, f"unknown field {unknown[0]!r}", suggest(unknown[0], _FIELDS))
    _check_types(number, value)
    try:
        times = {name: _time(value.get(name)) for name in _TIMES}
        fields = {**value, **times, "created_at": times["created_at"] or now}
        fields.setdefault("id", "")
        fields["content_hash"] = content_hash(str(value.get("content", "")))
        if fields.get("status", "active") not in _STATUSES:
            raise ValueError(f"status {fields['status']!r} is none of {', '.join(_STATUSES)}")
        return Record(**fields)
    except MemcoreError as error:
        raise _wrong(number, error.why or error.what, "correct the line, or export again") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise _wrong(number, str(error), "correct the line, or export again") from None


def _check_types(number: int, value: dict[str, Any]) -> None:
    """Refuse what the records would take and only fail at later: text for a list would become a list of letters."""
    for name in ("tags", "entities", "upstream_ids"):
        items = value.get(name, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise _wrong(number, f"{name} must be a list of text", "correct the line, or export again")
    for name in ("id", "agent_id", "summary", "source", "kind", "namespace"):
        if not isinstance(value.get(name) or "", str):
            raise _wrong(number, f"{name} must be text", "correct the line, or export again")
    if not isinstance(value.get("metadata", {}), dict):
        raise _wrong(number, "metadata must be an object", "correct the line, or export again")


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
