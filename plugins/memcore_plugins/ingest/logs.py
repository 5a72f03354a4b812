"""Daily logs, bank pages and notes: the Retain tags in them, and what stands beside the tags."""

from __future__ import annotations

import re
from typing import Any

from memcore_plugins.ingest.entries import Entry, entries
from memcore_plugins.ingest.formats import bank_kind
from memcore_plugins.ingest.reading import Reading

__all__ = ["SILENT", "read_bank", "read_daily", "read_sections"]

SILENT = re.compile(
    r"\W*(?:confidence\s+(?:legend|levels?|scale|key|guide)|legend|format|template|tag (?:format|legend)"
    r"|how to (?:read|use|write)\b.*|凡例|범례|图例|圖例)\W*",
    re.IGNORECASE,
)
"""Headings over text that explains a page and is not memory."""

_OBSERVATION_ID = re.compile(r"[A-Z]-\d{4}-\d{2}-\d{2}\b")
_IMPORT = re.compile(r"@[\w.~/-]+\.\w+\Z")


def read_daily(reading: Reading) -> None:
    """Read a daily log: tags become facts, everything else is kept as what the log said that day, item by item."""
    for entry in entries(reading.document.blocks, reading.leave):
        if entry.tag:
            reading.tagged(entry, entry.tag)
        elif entry.retain:
            kind = "daily" if _OBSERVATION_ID.match(entry.head) else "fact"
            reading.add(entry.text, entry, kind=kind, metadata={"untagged": True})
        else:
            reading.add(reading.in_context(entry.text, entry.section), entry, kind="daily")


def read_bank(reading: Reading) -> None:
    """Read a page of the bank; without a tag the file name gives the kind."""
    kind = bank_kind(reading.source.path)
    for entry in entries(reading.document.blocks, reading.leave, trusting=True):
        if any(SILENT.fullmatch(part) for part in entry.section):
            reading.leave(entry.line, entry.end_line, "a legend or template")
        elif entry.tag:
            reading.tagged(entry, entry.tag)
        elif entry.form == "paragraph" and not entry.section[1:] and not entry.retain:
            reading.add(reading.in_context(entry.text, entry.section, title=True), entry, kind="knowledge")
        else:
            reading.add(reading.in_context(entry.text, entry.section), entry, kind=kind)


def read_sections(reading: Reading, size: int) -> None:
    """Read a wiki page, a note or the rules of agents.

    What a section says together, up to `size` characters, under its headings.

    A table row stands for itself. With a size of 0 every entry does: a running notes file is a list of single things.
    """
    more = _page_metadata(reading)
    open_, length = list[Entry](), 0
    for entry in entries(reading.document.blocks, reading.leave):
        if entry.tag:
            reading.tagged(entry, entry.tag)
            continue
        if entry.form == "paragraph" and all(map(_IMPORT.match, entry.text.split())):
            reading.leave(entry.line, entry.end_line, "an import of another file")
            continue
        length += len(entry.text)
        if open_ and (entry.row is not None or entry.section != open_[0].section or length > size):
            _close(reading, open_, more)
            length = len(entry.text)
        open_.append(entry)
        if entry.row is not None:
            _close(reading, open_, more)
    _close(reading, open_, more)


def _close(reading: Reading, open_: list[Entry], more: dict[str, Any]) -> None:
    """Add the entries of one section as one draft."""
    if open_:
        first, last = open_[0], open_[-1]
        texts = (f"{entry.marker} {entry.text}" if entry.form == "bullet" else entry.text for entry in open_)
        whole = Entry(
            line=first.line, end_line=last.end_line, section=first.section, form="section", head="\n".join(texts)
        )
        text = open_[0].text if len(open_) == 1 else whole.text
        reading.add(reading.in_context(text, whole.section, title=True, mark="\n"), whole, kind="knowledge", **more)
        open_.clear()


def _page_metadata(reading: Reading) -> dict[str, Any]:
    """Return the tags and entities that the frontmatter gives to everything on the page."""
    found: dict[str, Any] = {}
    for name in ("tags", "entities"):
        value = reading.document.frontmatter.get(name)
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        if isinstance(words, list):
            found[name] = tuple(
                dict.fromkeys(str(word) for word in words if isinstance(word, str | int) and str(word).strip())
            )
    return found
