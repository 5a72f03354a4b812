"""Records as rows: the id of a record, and both directions of the translation."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from attrs import fields_dict
from memcore.errors import InvalidInputError
from memcore.records import Draft, Record, content_hash

from memcore_backends.sqlite.schema import CURATED, EPISODES, Table

__all__ = ["EPISODE", "checked", "encode_text", "list_item", "record_of", "table_of", "to_record", "to_row", "utc"]

EPISODE = "episode"
ID_DIGITS = 28  # 112 bits: two memories do not get one id by chance, and nobody makes them to

encode_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def table_of(record: Draft) -> Table:
    """Return the table that holds records of this kind."""
    return EPISODES if record.kind == EPISODE else CURATED


def record_of(draft: Draft, now: datetime) -> Record:
    """Return the record that a draft becomes; a draft that is a whole record (an import) keeps its time and status.

    The id is made of namespace, kind and text, so the same memory has the same id in every database. Raises
    InvalidInputError for text that is not valid Unicode.
    """
    digest = content_hash(draft.content)
    whole = checked(draft) if isinstance(draft, Record) else None
    metadata = _as_stored(draft.metadata) if draft.metadata else {}
    return Record(
        id=_identity(draft, digest),
        content=draft.content,
        kind=draft.kind,
        namespace=draft.namespace,
        agent_id=draft.agent_id,
        summary=draft.summary,
        tags=draft.tags,
        entities=draft.entities,
        confidence=draft.confidence,
        provenance=draft.provenance,
        upstream_ids=draft.upstream_ids,
        source=draft.source,
        occurred_at=draft.occurred_at,
        metadata=metadata,
        created_at=whole.created_at if whole else now,
        content_hash=digest,
        status=whole.status if whole else "active",
    )


def checked(record: Record) -> Record:
    """Return a record that could be written as a draft; a record does not check itself. Raises InvalidInputError."""
    Draft(**{name: getattr(record, name) for name in fields_dict(Draft)})
    return record


def _identity(draft: Draft, digest: str) -> str:
    # the length of the namespace keeps ("a", "bc") and ("ab", "c") apart; the digest has a fixed length
    key = f"{len(draft.namespace)}:{draft.namespace}{draft.kind}{digest}"
    letter = EPISODES.letter if draft.kind == EPISODE else CURATED.letter
    return letter + hashlib.sha256(key.encode()).hexdigest()[:ID_DIGITS]


def to_row(record: Record, seq: int) -> tuple[Any, ...]:
    """Return the values of a record in the order of its table's columns; refuse what a row cannot hold."""
    try:
        row = (
            seq, record.id, record.namespace, record.kind, record.status, record.content, record.summary,
            record.agent_id, _list(record.tags), _list(record.entities), record.confidence, record.provenance,
            _list(record.upstream_ids), record.source, utc(record.occurred_at), utc(record.created_at),
            _object(record.metadata),
        )  # fmt: skip
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(error) from None
    if record.kind != EPISODE:
        return row
    session = record.metadata.get("session_id")
    return (*row, None if session is None else str(session), _position(record.metadata.get("position"), seq))


def to_record(row: Sequence[Any]) -> Record:
    """Return the record of a row that starts with the common columns."""
    (
        _, key, namespace, kind, status, content, summary, agent_id, tags, entities, confidence, provenance,
        upstream_ids, source, occurred_at, created_at, metadata,
    ) = row[:17]  # fmt: skip
    return Record(
        id=key,
        content=content,
        kind=kind,
        namespace=namespace,
        agent_id=agent_id,
        summary=summary,
        tags=tuple(json.loads(tags)) if tags else (),
        entities=tuple(json.loads(entities)) if entities else (),
        confidence=confidence,
        provenance=provenance,
        upstream_ids=tuple(json.loads(upstream_ids)) if upstream_ids else (),
        source=source,
        occurred_at=datetime.fromisoformat(occurred_at) if occurred_at else None,
        metadata=json.loads(metadata) if metadata else {},
        created_at=datetime.fromisoformat(created_at),
        content_hash=content_hash(content),
        status=status,
    )


@lru_cache(maxsize=256)  # a batch has one created_at
def utc(value: datetime | None) -> str | None:
    """Return a time as ISO-8601 text in UTC, which sorts in the order of time."""
    if value is None:
        return None
    try:
        return value.astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(f"the time {value} lies outside of the years 1 to 9999 in UTC") from error


def list_item(item: str) -> str:
    """Return the text by which `instr` finds an item in a stored list.

    Every item stands on a line of its own and JSON escapes line breaks, so nothing else in the list looks like it.
    """
    return f"\n{encode_text(item)}"


def _position(said: Any, seq: int) -> float:
    """Return the place of a turn in its session: the number that was said, or else the order of arrival."""
    try:
        place = float(said) if isinstance(said, (int, float)) else math.nan
    except OverflowError:
        place = math.nan
    return place if math.isfinite(place) else float(-seq)


def _list(items: Iterable[str]) -> str | None:
    return "[" + ",".join(map(list_item, items)) + "\n]" if items else None


def _object(metadata: Mapping[str, Any]) -> str | None:
    return encode_text(dict(metadata)) if metadata else None


def _as_stored(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as it will be read back, so that put and get give equal records (JSON has no tuples)."""
    try:
        found: dict[str, Any] = json.loads(encode_text(dict(metadata)))
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(error) from None
    return found


def _refused(error: Exception) -> InvalidInputError:
    cure = "metadata must be JSON: text, numbers, true, false, null, lists and objects"
    return InvalidInputError("a draft cannot be stored", why=str(error), cure=cure)
