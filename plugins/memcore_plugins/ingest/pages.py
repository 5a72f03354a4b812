"""Entity pages: one file for one person, place or project, with fields on top, facts below and a date somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memcore_toolkit.markdown import inline_plain, placeholder

from memcore_plugins.ingest.entries import Entry, entries
from memcore_plugins.ingest.fields import any_field, canonical
from memcore_plugins.ingest.logs import SILENT
from memcore_plugins.ingest.reading import Reading

__all__ = ["read_entity"]

_LINKS = re.compile(r"\W*(?:evidence(?: links)?|links|references|sources|근거|证据|證據|根拠)\W*", re.IGNORECASE)
_FOOTER = re.compile(
    r"\W*(?:last[ _](?:updated|reviewed)|updated|更新|최종 수정|最后更新|最終更新)[^\d\n]{0,12}"
    r"\d{4}[-/.]\d{2}[-/.]\d{2}\W*",
    re.IGNORECASE,
)


def read_entity(reading: Reading) -> None:
    """Read a page into one draft per field and fact, each beginning with the name of the entity.

    Every draft says in its metadata when the page was last updated and how that is known: by a field, a footer, the
    newest date in the text or the file.
    """
    found = list(entries(reading.document.blocks, reading.leave, trusting=True))
    name = inline_plain(reading.title).strip() or _stem(reading)
    page = {"entity": name, "slug": _stem(reading), **_updated(reading, found)}
    for entry in found:
        if any(_LINKS.fullmatch(part) for part in entry.section[1:]):
            reading.leave(entry.line, entry.end_line, "a link to evidence")
        elif any(SILENT.fullmatch(part) for part in entry.section):
            reading.leave(entry.line, entry.end_line, "a legend or template")
        elif entry.tag:
            reading.tagged(entry, entry.tag)
        else:
            for line, text, field in _statements(reading, entry):
                told = {**page, "field": field} if field else page
                whole = (
                    entry
                    if line is None
                    else Entry(line=line, end_line=line, section=entry.section, form=entry.form, head=text)
                )
                reading.add(f"{name} > {text}", whole, kind="fact", entities=(_stem(reading),), metadata=told)


def _statements(reading: Reading, entry: Entry) -> Iterator[tuple[int | None, str, str]]:
    """Yield line, text and field name of what an entry says; a paragraph of fields gives one each."""
    lines = entry.head.split("\n")
    if entry.form == "paragraph" and all(any_field(line) and line[:1] in "*_" for line in lines):
        for number, line in enumerate(lines, entry.line):
            yield from _field(reading, number, line)
    elif entry.form == "bullet" and not entry.section[1:] and any_field(entry.head):
        yield from _field(reading, entry.line, entry.text)
    elif _FOOTER.fullmatch(entry.head):
        reading.leave(entry.line, entry.end_line, "the date of the page")
    elif not placeholder(entry.head):
        yield None, entry.text, ""
    else:
        reading.leave(entry.line, entry.end_line, "a placeholder")


def _field(reading: Reading, number: int, line: str) -> Iterator[tuple[int | None, str, str]]:
    name, value = any_field(line) or ("", "")
    if canonical(name) == "last_reinforced":
        reading.leave(number, number, "the date of the page")
    elif placeholder(value):
        reading.leave(number, number, "a placeholder")
    else:
        yield number, f"{name}: {value}", name


def _updated(reading: Reading, found: list[Entry]) -> dict[str, str]:
    """Return the date of the page and where it comes from: field, footer, newest date in the text, or the file."""
    stated = [line for entry in found for line in entry.text.split("\n") if _FOOTER.fullmatch(line)]
    fields = [line for line in stated if line.startswith("**") or line[:1] not in "*_("]
    for origin, lines in (("field", fields), ("footer", stated)):
        day = reading.newest_day("\n".join(lines))
        if day:
            reading.day = day
            return {"updated": day.date().isoformat(), "updated_from": origin}
    if newest := reading.newest_day(reading.source.text):
        return {"updated": newest.date().isoformat(), "updated_from": "text"}
    modified = str(reading.source.metadata.get("modified", ""))
    return {"updated": modified[:10], "updated_from": "file"} if modified else {}


def _stem(reading: Reading) -> str:
    name = (reading.source.path or "").rpartition("/")[2]
    return name.rpartition(".")[0] or name or inline_plain(reading.title)
