"""MEMORY.md in both dialects, and USER.md, IDENTITY.md and SOUL.md.

What an agent is told at the start of every session.
"""

from __future__ import annotations

import re
from typing import Any

from memcore_toolkit.blocks import HtmlComment
from memcore_toolkit.markdown import placeholder

from memcore_plugins.ingest.entries import Entry, entries
from memcore_plugins.ingest.fields import any_field
from memcore_plugins.ingest.reading import Reading

__all__ = ["DELIMITER", "read_hermes", "read_identity", "read_memory"]

DELIMITER = "\n§\n"
"""Between two entries of a Hermes store; a § inside a line is text (Hermes, tools/memory_tool.py)."""

HERMES_LIMITS = {"memory.md": 2200, "user.md": 1375}
"""Characters of a whole Hermes store (Hermes, tools/memory_tool.py).

A longer text without delimiters was written by something else.
"""

_SCORES = re.compile(r"\s*\[score=([\d.]+)([^\[\]]*)\]\s*$")
_PROMOTION = re.compile(r"openclaw-memory-promotion:\s*(\S+)")
_HINT = re.compile(r"\s*(trigger|importance):\s*(.*?)\s*", re.DOTALL)
_CITED = re.compile(r"Source:\s*(\S+)$")


def read_memory(reading: Reading) -> None:
    """Read a free MEMORY.md: items, paragraphs and table rows under their headings.

    Code stays with the text above it.
    """
    above: Entry | None = None
    extra: dict[str, Any] = {}
    hints = _comments(reading)
    for entry in entries(reading.document.blocks, reading.leave, fences=True):
        if entry.form == "fence" and above is not None and above.section == entry.section:
            above.head, above.end_line = f"{above.head}\n{entry.head}", entry.end_line
            continue
        cited = _CITED.match(entry.head) if entry.form == "paragraph" else None
        if cited and above is not None:
            extra["cited"] = cited[1]
            reading.leave(entry.line, entry.end_line, "the source of the entry above")
            continue
        _add(reading, above, extra)
        above, extra = entry, _promotion(hints, entry)
    _add(reading, above, extra)


def _add(reading: Reading, entry: Entry | None, extra: dict[str, Any]) -> None:
    if entry is None:
        return
    if entry.tag:
        reading.tagged(entry, entry.tag)
        return
    text = entry.text
    if scores := _SCORES.search(text):
        text = text[: scores.start()]
        extra["score"] = float(scores[1]) if scores[1].count(".") < 2 else scores[1]
    provenance = "inferred" if scores or "promotion" in extra else "declared"
    told = text if "promotion" in extra else reading.in_context(text, entry.section)
    reading.add(told, entry, kind="knowledge", metadata=extra, provenance=provenance)


def _comments(reading: Reading) -> dict[int, str]:
    """Return the text of comments by the lines they end on."""
    return {block.end_line: block.text for block in reading.document.walk() if isinstance(block, HtmlComment)}


def _promotion(comments: dict[int, str], entry: Entry) -> dict[str, Any]:
    """Return what dreaming noted in comments around an entry: its key above, triggers and importance below."""
    told: dict[str, Any] = {}
    if found := _PROMOTION.search(comments.get(entry.line - 1, "")):
        told["promotion"] = found[1]
    for part in re.split(r"-->\s*<!--", comments.get(entry.end_line + 1, "")):
        if hint := _HINT.fullmatch(part):
            told[hint[1]] = hint[2]
    return told


def read_hermes(reading: Reading) -> None:
    """Read a Hermes store: entries between lines that hold only §, in their order.

    Without one the file is one entry.
    """
    text, name = reading.source.text, (reading.source.path or "").rpartition("/")[2].casefold()
    kind = "identity" if name == "user.md" else "knowledge"
    if DELIMITER not in text and len(text) > HERMES_LIMITS.get(name, 0):
        read_memory(reading)
        return
    line, order = 1, 0
    for part in text.split(DELIMITER):
        content = part.strip()
        first = line + part[: len(part) - len(part.lstrip())].count("\n")
        if content:
            entry = Entry(line=first, end_line=first + content.count("\n"), section=(), form="entry", head=content)
            reading.add(content, entry, kind=kind, metadata={"entry": order}, provenance="declared")
            order += 1
        line += part.count("\n") + DELIMITER.count("\n")


def read_identity(reading: Reading) -> None:
    """Read USER.md, IDENTITY.md or SOUL.md: fields, the value perhaps on the next line, and prose.

    Placeholders are empty.
    """
    for entry in entries(reading.document.blocks, reading.leave):
        named = any_field(entry.head) if entry.form == "bullet" else None
        if named and placeholder(named[1]) and not entry.nested:
            reading.leave(entry.line, entry.end_line, "a placeholder")
            continue
        text = entry.text
        if named:
            text = "\n".join(
                (f"{named[0]}: {' '.join(named[1].split())}", *text.split("\n")[entry.head.count("\n") + 1 :])
            )
        reading.add(
            reading.in_context(text, entry.section, title=True),
            entry,
            kind="identity",
            metadata={"field": named[0]} if named else None,
        )
