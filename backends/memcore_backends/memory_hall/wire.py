"""Records as the server keeps them: both directions, the local copy, and what is refused before it is sent.

The server knows content, namespace, type, agent, summary, tags and references. Everything else it drops silently at the
top level, so it travels in `metadata`: the caller's own keys, four names that other clients of the server read, and
`memcore` for the rest. Only `amh_status`, `revoked_by` and `revoked_reason` can be changed later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from memcore.errors import InvalidInputError
from memcore.records import PROVENANCES, Draft, Provenance, Record, Status, content_hash, evolve

from memcore_backends.memory_hall.identity import record_id

__all__ = [
    "MOST_BYTES", "decode", "encode", "encode_json", "from_entry", "record_of", "retired", "revived", "status_patch",
    "to_body",
]  # fmt: skip

MOST_BYTES = 65_536  # of a content; the server refuses more with 413
MOST_LEVELS = 200  # of metadata; above 255 the server stores an entry that it can never return again
OWN = "memcore"
RESERVED = frozenset(
    {
        "amh_content_hash",
        "amh_status",
        "amh_version",
        OWN,
        "provenance_tier",
        "revoked_by",
        "revoked_reason",
        "supersedes",
        "upstream_ids",
    }
)
RETIREMENT = ("retired_reason", "superseded_by")
TO_SERVER: Mapping[str, str] = {
    "active": "active", "superseded": "superseded", "archived": "expired", "retired": "revoked",
}  # fmt: skip
FROM_SERVER: Mapping[Any, Status] = {
    None: "active",
    "active": "active",
    "superseded": "superseded",
    "expired": "archived",
}
"""The statuses of the server by convention; whatever else it says, the entry left active memory."""

encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


# --- drafts and the local copy ---


def record_of(draft: Draft, now: datetime) -> tuple[Record, str]:
    """Return the record that a draft becomes, and its local copy; a whole record (an import) keeps its time and status.

    Raises InvalidInputError for what the server would refuse, change or choke on: a text above 65,536 bytes, halves of
    surrogate pairs, numbers that are none, metadata that is not JSON or nested more than 200 levels.
    """
    whole = draft if isinstance(draft, Record) else None
    if len(draft.content) * 4 > MOST_BYTES and (size := len(draft.content.encode(errors="replace"))) > MOST_BYTES:
        raise _refused(f"its text has {size} bytes, and memory-hall takes {MOST_BYTES}", "split it")
    try:
        digest = content_hash(draft.content)
        record = Record(
            id=record_id(draft.namespace, draft.kind, digest), content=draft.content, kind=draft.kind,
            namespace=draft.namespace, agent_id=draft.agent_id, summary=draft.summary, tags=draft.tags,
            entities=draft.entities, confidence=draft.confidence, provenance=draft.provenance,
            upstream_ids=draft.upstream_ids, source=draft.source, occurred_at=draft.occurred_at,
            metadata=_plain(draft.metadata) if draft.metadata else {}, created_at=whole.created_at if whole else now,
            content_hash=digest, status=whole.status if whole else "active",
        )  # fmt: skip
        text = encode(record)
        text.encode()
    except UnicodeEncodeError:
        raise _refused("it holds half of a surrogate pair", "correct the text") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(f"it cannot be written as JSON: {error}", "keep metadata to JSON values") from None
    return record, text


def _refused(why: str, cure: str) -> InvalidInputError:
    return InvalidInputError("this draft cannot be stored", why=why, cure=cure)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as it will come back from JSON."""
    level: list[Any] = [metadata]
    for _ in range(MOST_LEVELS):
        level = [child for item in level for child in _children(item) if isinstance(child, (Mapping, list, tuple))]
        if not level:
            return json.loads(encode_json(dict(metadata)))  # type: ignore[no-any-return]
    raise _refused(f"its metadata is nested more than {MOST_LEVELS} levels", "flatten it")


def _children(item: Any) -> Sequence[Any]:
    return list(item.values()) if isinstance(item, Mapping) else item


def encode(record: Record) -> str:
    """Return the local copy of a record: a JSON list without names, so that a search in it finds only its own words."""
    return encode_json(
        [
            record.content, record.summary, record.tags, record.entities, record.source, record.kind, record.namespace,
            record.agent_id, record.confidence, record.provenance, record.upstream_ids, _text(record.occurred_at),
            _text(record.created_at), record.content_hash, record.id, record.metadata,
        ]
    )  # fmt: skip


def decode(text: str, status: Status) -> Record:
    """Return the record of a local copy."""
    (
        content, summary, tags, entities, source, kind, namespace, agent_id, confidence, provenance, upstream_ids,
        occurred_at, created_at, digest, key, metadata,
    ) = json.loads(text)  # fmt: skip
    return Record(
        id=key, content=content, kind=kind, namespace=namespace, agent_id=agent_id, summary=summary, tags=tags,
        entities=entities, confidence=confidence, provenance=provenance, upstream_ids=upstream_ids, source=source,
        occurred_at=_time(occurred_at), metadata=metadata, created_at=datetime.fromisoformat(created_at),
        content_hash=digest, status=status,
    )  # fmt: skip


def _text(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# --- to the server ---


def to_body(
    record: Record, *, agent: str, line: str = "", references: Sequence[str] = (), supersedes: Sequence[str] = ()
) -> bytes:
    """Return the body of a write; `line` is appended to the text, `references` and `supersedes` are ids of the server."""
    body: dict[str, Any] = {
        "agent_id": record.agent_id or agent,
        "namespace": record.namespace,
        "type": record.kind,
        "content": record.content + line,
        "metadata": _metadata(record, line),
    }
    if supersedes:
        body["metadata"]["supersedes"] = list(supersedes)
    if record.summary is not None:
        body["summary"] = record.summary
    if record.tags:
        body["tags"] = record.tags
    if references:
        body["references"] = list(references)
    return encode_json(body).encode()


def _metadata(record: Record, line: str) -> dict[str, Any]:
    own: dict[str, Any] = {"created_at": _text(record.created_at)}
    left = {} if record.status == "active" else {key: record.metadata.get(key) for key in RETIREMENT}
    kept = {key: value for key, value in record.metadata.items() if key not in left}
    if not record.agent_id:
        own["agent_id"] = record.agent_id
    if any(not tag or tag != tag.strip() for tag in record.tags):
        own["tags"] = record.tags  # the server strips them
    told = {
        "entities": record.entities, "confidence": record.confidence, "source": record.source,
        "occurred_at": _text(record.occurred_at), "line": line,
        "metadata": {key: value for key, value in kept.items() if key in RESERVED},
    }  # fmt: skip
    own |= {key: value for key, value in told.items() if value not in (None, (), "", {})}
    found = {key: value for key, value in kept.items() if key not in RESERVED}
    found["amh_content_hash"] = record.id
    found |= status_patch(record.status, *left.values()) if left else {"amh_status": "active"}
    found["provenance_tier"] = record.provenance
    if record.upstream_ids:
        found["upstream_ids"] = record.upstream_ids
    return {**found, OWN: own}


def status_patch(status: str, reason: str | None = None, successor: str | None = None) -> dict[str, Any]:
    """Return the metadata to PATCH so that an entry has this status; of an active one, the traces of an old one go."""
    if status == "active":
        return {"amh_status": "active", "revoked_by": None, "revoked_reason": None}
    by = f"{OWN}:{successor}" if successor else OWN
    return {"amh_status": TO_SERVER[status], "revoked_by": by, "revoked_reason": reason}


# --- from the server ---


def from_entry(entry: Mapping[str, Any]) -> Record | None:
    """Return the record of an entry of the server, whoever wrote it; None for one that memcore could not have written.

    An entry of another client has no confidence, source or time of its own, and counts as untrusted unless it says
    otherwise.
    """
    try:
        found = _read(entry)
    except (InvalidInputError, LookupError, TypeError, ValueError, AttributeError):
        return None
    return found if found.status == "active" else _with_retirement(found, entry["metadata"])


def _read(entry: Mapping[str, Any]) -> Record:
    metadata: dict[str, Any] = entry["metadata"]
    marked = metadata.get(OWN)
    own: dict[str, Any] = marked if isinstance(marked, dict) else {}
    content, line = entry["content"], own.get("line", "")
    if line and content.endswith(line):
        content = content[: -len(line)]
    upstream = metadata.get("upstream_ids")
    told = {key: value for key, value in metadata.items() if key not in RESERVED}
    digest = content_hash(content)
    return Record(
        id=record_id(entry["namespace"], entry["type"], digest), content=content, kind=entry["type"],
        namespace=entry["namespace"], agent_id=own["agent_id"] if "agent_id" in own else entry["agent_id"],
        summary=entry["summary"], tags=own.get("tags", entry["tags"]), entities=own.get("entities", ()),
        confidence=own.get("confidence"), provenance=_tier(metadata.get("provenance_tier")),
        upstream_ids=upstream if isinstance(upstream, list) else () if own else entry["references"],
        source=own.get("source"), occurred_at=_time(own.get("occurred_at")),
        metadata={**told, **own.get("metadata", {})}, content_hash=digest,
        created_at=datetime.fromisoformat(own.get("created_at") or entry["created_at"]),
        status=FROM_SERVER.get(metadata.get("amh_status"), "retired"),
    )  # fmt: skip


def _tier(said: Any) -> Provenance:
    return said if isinstance(said, str) and said in PROVENANCES else "untrusted"  # type: ignore[return-value]


def _with_retirement(record: Record, metadata: Mapping[str, Any]) -> Record:
    reason, by = metadata.get("revoked_reason"), metadata.get("revoked_by")
    successor = by.removeprefix(f"{OWN}:") if isinstance(by, str) and by.startswith(f"{OWN}:") else None
    return retired(record, record.status, reason if isinstance(reason, str) else None, successor)


# --- leaving active memory ---


def retired(record: Record, status: Status, reason: str | None, successor: str | None) -> Record:
    """Return a record with a status, and why and for which successor it left in its metadata."""
    told = {key: value for key, value in zip(RETIREMENT, (reason, successor), strict=True) if value is not None}
    return evolve(record, status=status, metadata={**record.metadata, **told})


def revived(record: Record) -> Record:
    """Return a record that is active again."""
    kept = {key: value for key, value in record.metadata.items() if key not in RETIREMENT}
    return evolve(record, status="active", metadata=kept)
