"""The log of the wiki: what memcore does to a page is appended to `log.md`, in the grammar the vault uses."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from memcore_toolkit.markdown import decode
from memcore_toolkit.vault import LogEntry

from memcore_plugins.wiki import schema
from memcore_plugins.wiki.pages import put

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["append", "note"]

LOG = "log.md"
_HEAD = "# Log\n"


def append(engine: Engine, action: str, subject: str, body: str = "") -> None:
    """Add `## [DAY] action | subject` at the end of `log.md`, which is made where there is none."""
    found = schema.find(engine.workspace.connection(), engine.core.namespace, LOG)
    old = found.data if found and found.status == "active" else _HEAD.encode()
    put(engine, LOG, appended(old, _entry(engine, action, subject, body)), action=action, reason="log entry")


def note(engine: Engine, action: str, subject: str) -> None:
    """Note what was done to the whole wiki; no file changes by it."""
    now = engine.now()
    entry = LogEntry(day=now.date().isoformat(), time=now.strftime("%H:%M"), action=action, subject=subject)
    with engine.workspace.transaction() as connection:
        schema.add_log(connection, engine.core.namespace, entry)


def appended(data: bytes, entry: str) -> bytes:
    """Return a file with a text at its end, in the file's encoding and with its line ends; what it holds stays."""
    encoding = decode(data).encoding
    text = data.decode(encoding, "replace")
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text.strip("\ufeff") or text.endswith(("\n\n", "\r\n\r\n")) else "\n"
    gap = gap if text.endswith(("\n", "\r")) or not gap else "\n\n"
    added = (gap + entry).replace("\n", newline).encode(encoding, "replace")
    for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        added = added.removeprefix(mark) if encoding.startswith("utf-") and encoding != "utf-8" else added
    return data + added


def _entry(engine: Engine, action: str, subject: str, body: str) -> str:
    line = " ".join(subject.split())
    return f"## [{engine.now().date().isoformat()}] {action} | {line}\n" + (f"{body.strip()}\n" if body.strip() else "")
