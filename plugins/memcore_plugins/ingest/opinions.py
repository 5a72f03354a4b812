"""Opinions in the layouts people write them in.

Bare tags, tables, field lists, statements with nested fields, a heading each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from memcore_toolkit.blocks import Bullet, TableRow

from memcore_plugins.ingest.entries import Entry, entries, nested_text
from memcore_plugins.ingest.fields import any_field, canonical, field_of, fields_of
from memcore_plugins.ingest.logs import SILENT
from memcore_plugins.ingest.reading import Reading

__all__ = ["read_opinions"]

_LEGEND_LINE = re.compile(
    r"\W*(?:below|under|above|over|[<>≤≥])?\s*[01]?[.,]\d+\+?\s*(?:[-\u2013~]\s*[01]?[.,]\d+)?\W*[:：=\u2013-]",
    re.IGNORECASE,
)
_CITED = re.compile(r"[(（](?:src|source)\s*[:：]\s*([^()（）]+)[)）]\s*$", re.IGNORECASE)


def read_opinions(reading: Reading) -> None:
    """Read a page of opinions. What states no confidence is kept without one.

    A legend of confidence levels is not memory.
    """
    for group in _sections(reading):
        first = group[0]
        if any(SILENT.fullmatch(part) for part in first.section):
            for entry in group:
                reading.leave(entry.line, entry.end_line, "a legend or template")
        elif _headed(group):
            _read_heading(reading, group)
        else:
            for entry in group:
                _read_entry(reading, entry)


def _sections(reading: Reading) -> Iterator[list[Entry]]:
    """Yield the entries of each section together."""
    group: list[Entry] = []
    for entry in entries(reading.document.blocks, reading.leave, trusting=True):
        if group and entry.section != group[0].section:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _headed(group: Sequence[Entry]) -> bool:
    """Tell whether the heading is the opinion: a line of its own below it states the confidence."""
    return len(group[0].section) > 1 and any(
        not entry.tag and entry.form in {"paragraph", "bullet"} and (field_of(line) or ("", ""))[0] == "confidence"
        for entry in group
        for line in entry.head.split("\n")
    )


def _read_heading(reading: Reading, group: Sequence[Entry]) -> None:
    """Read `### Statement` with `**Confidence:** 0.85`, prose and a table of evidence below it."""
    fields: dict[str, list[str]] = {}
    prose: list[str] = []
    for entry in group:
        if entry.row is not None:
            name, *values = entry.row.cells.values()
            fields.setdefault(canonical(name) or "evidence", []).append("; ".join(filter(None, values)))
            continue
        for line in entry.head.split("\n"):
            found = field_of(line.strip("*_ "))
            if found:
                fields.setdefault(found[0], []).append(found[1].strip("*_ "))
            else:
                prose.append(line)
        prose += nested_text(entry.nested)
    first = group[0]
    whole = Entry(line=first.line, end_line=group[-1].end_line, section=first.section[:-1], form="section", head="")
    reading.opinion("\n".join((first.section[-1], *prose)), whole, fields)


def _read_entry(reading: Reading, entry: Entry) -> None:
    if entry.tag:
        reading.tagged(entry, entry.tag)
    elif _LEGEND_LINE.match(entry.head):
        reading.leave(entry.line, entry.end_line, "a legend or template")
    elif entry.row is not None and _read_row(reading, entry, entry.row):
        return
    elif entry.form == "bullet":
        _read_bullet(reading, entry)
    elif entry.form == "paragraph" and len(entry.section) < 2:
        reading.add(reading.in_context(entry.text, entry.section, title=True), entry, kind="knowledge")
    else:
        reading.opinion(reading.in_context(entry.text, entry.section), entry, {})


def _read_row(reading: Reading, entry: Entry, row: TableRow) -> bool:
    """Read a row of a table with a column for the statement; tell whether it has one."""
    fields = {name: [cell] for header, cell in row.cells.items() if cell and (name := canonical(header))}
    statement = fields.pop("statement", None)
    if statement:
        reading.opinion(reading.in_context(statement[0], entry.section), entry, fields)
    return statement is not None


def _read_bullet(reading: Reading, entry: Entry) -> None:
    """Read a statement, or `opinion: statement`, with its fields nested below it."""
    fields, rest = fields_of(entry.nested)
    named, statement = any_field(entry.head), entry.head
    if named and canonical(named[0]) == "statement":
        statement = named[1]
    if cited := _CITED.search(statement):
        fields.setdefault("source", []).append(cited[1].strip())
    body = "\n".join((statement, *nested_text(_bullets(rest))))
    reading.opinion(reading.in_context(body, entry.section), entry, fields)


def _bullets(items: Sequence[Bullet]) -> list[Bullet]:
    return [item for item in items if any(map(str.isalnum, item.text))]
