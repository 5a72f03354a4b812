"""Chunk: one file becomes the drafts of all plugins that can read it, and the lines none of them took."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore.records import Draft, Source
from memcore_toolkit.markdown import decode

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.bank_migrate.snapshot import Found

__all__ = ["Chunked", "digest_of", "line_of", "read", "reader_of"]

LeftOut = tuple[int, int, str]


@frozen(kw_only=True)
class Chunked:
    """What a file gave: the digest of its bytes, its drafts, what was left out with lines and reason, and notes on it.

    `reason` says why there is nothing, `error` that a plugin failed on it: then the file counts as not read.
    """

    found: Found
    digest: bytes
    drafts: tuple[Draft, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""
    error: str = ""
    mtime_ns: int = field(default=0)


def reader_of(engine: Engine) -> str:
    """Return a text that changes when the plugins that read files change."""
    plugins = [plugin for plugin, _ in engine.catalog.implementers("memcore_extract")]
    return json.dumps([(plugin.name, plugin.version, plugin.stamp) for plugin in plugins])


def read(engine: Engine, found: Found, *, known: bytes = b"") -> Chunked:
    """Read a file and extract its drafts; a file whose bytes have the digest `known` is not extracted again.

    A file that changes while it is read counts as changed next time too.
    """
    try:
        with Path(found.file).open("rb") as file:
            data = file.read()
            settled = os.fstat(file.fileno()).st_mtime_ns == found.mtime_ns
    except OSError as problem:
        return Chunked(found=found, digest=b"", reason=f"unreadable: {problem.strerror}")
    digest = hashlib.sha256(data).digest()
    mtime_ns = found.mtime_ns if settled else 0
    if digest == known:
        return Chunked(found=found, digest=digest, mtime_ns=mtime_ns)
    decoded = decode(data)
    if decoded.binary or not decoded.text.strip():
        return Chunked(found=found, digest=digest, mtime_ns=mtime_ns, reason="binary" if decoded.binary else "empty")
    left_out: list[LeftOut] = []
    modified = datetime.fromtimestamp(found.mtime_ns / 1e9, UTC).isoformat()
    source = Source(
        text=decoded.text,
        path=found.path,
        namespace=engine.core.namespace,
        metadata={"left_out": left_out, "modified": modified},
    )
    drafts, error = _extract(engine, source)
    reason = "" if drafts else _reason(decoded.text, left_out)
    return Chunked(
        found=found,
        digest=digest,
        drafts=tuple(drafts),
        left_out=tuple(left_out),
        notes=decoded.notes,
        reason=reason,
        error=error,
        mtime_ns=mtime_ns,
    )


def _extract(engine: Engine, source: Source) -> tuple[list[Draft], str]:
    """Return the drafts of all plugins, and which plugin failed; its exception is not hidden as an empty file."""
    drafts: list[Draft] = []
    failed: list[str] = []
    for plugin, function in engine.catalog.implementers("memcore_extract"):
        failed.append(plugin.name)
        with engine.isolated(plugin, "memcore_extract"):
            drafts += function(engine=engine, source=source) or ()
            failed.pop()
    return drafts, f"{', '.join(failed)} failed on it; see memcore doctor" if failed else ""


def _reason(text: str, left_out: list[LeftOut]) -> str:
    """Return why a file with text gave nothing: the one reason of all its lines, or that there is nothing to keep."""
    reasons = {reason for *_, reason in left_out}
    if len(reasons) == 1:
        line, end, reason = left_out[0]
        if line == 1 and end >= text.count("\n"):
            return reason
    return "nothing to keep"


def line_of(draft: Draft) -> int:
    """Return the line a draft stands on, 0 if it does not say."""
    line = (draft.source or "").rpartition("#L")[2]
    return int(line) if line.isdigit() else 0


def digest_of(draft: Draft) -> bytes:
    """Return what tells a draft from others of its file: everything it says, but not the lines it stands on."""
    metadata = {name: value for name, value in draft.metadata.items() if name != "end_line"}
    said = (draft.kind, draft.content, draft.confidence, str(draft.occurred_at), draft.entities, draft.tags, metadata)
    return hashlib.blake2b(repr(said).encode(), digest_size=12).digest()
