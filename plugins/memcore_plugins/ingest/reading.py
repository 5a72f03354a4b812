"""One source while it is read: what was found so far, what was left out and why, and the dates that things carry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from memcore.records import Draft
from memcore_toolkit.blocks import Document, Heading
from memcore_toolkit.dates import date_in_name
from memcore_toolkit.markdown import placeholder
from memcore_toolkit.retain import Tag, parse_confidence

from memcore_plugins.ingest.entries import Entry, nested_text
from memcore_plugins.ingest.fields import fields_of

if TYPE_CHECKING:
    from memcore.records import Provenance, Source

__all__ = ["LeftOut", "Reading", "day_of", "joined", "midnight", "pieces", "sound"]

PROVENANCE: Mapping[str, Provenance] = {
    "opinion": "inferred",
    "observation": "inferred",
    "knowledge": "declared",
    "identity": "declared",
}
"""How the kinds of a written memory came about; what is not named here was observed."""

_ISO = r"(\d{4})[-_/.](\d{2})[-_/.](\d{2})"
_BEHIND = re.compile(rf"[(（](?:[^()（）]{{0,80}}?[,;，、]\s*)?{_ISO}(?:[T ][\d:]+Z?)?[)）][\s.。!]*$")
_BEFORE = re.compile(rf"\A\W*{_ISO}(?!\d)")
_ANYWHERE = re.compile(rf"(?<![\d/]){_ISO}(?!\d)")
_DATED_HEADING = re.compile(rf"(?<!\d){_ISO}(?!\d)|(\d{{4}})年(\d{{1,2}})月(\d{{1,2}})日")
_MOMENT = re.compile(
    r"\W*(?:\d{4}[-_/.]\d{2}[-_/.]\d{2}|\d{4}年\d{1,2}月\d{1,2}日|\d{1,2}:\d{2}(?::\d{2})?)"
    r"(?:[ T,]*\d{1,2}:\d{2}(?::\d{2})?)?"
    r"(?:\s*[apAP][mM]\b)?(?:\s*(?:UTC|GMT|[A-Z]{1,3}ST|CES?T)\b)?[\s:：,\u2013\u2014-]*"
)
_SENTENCE = re.compile(r"(?<=[.!?。！？;；])[\s\u3000]*|\n+")
_LONE = re.compile("[\ud800-\udfff]")
_SHORT = 60


@frozen
class LeftOut:
    """Lines that became no draft, and the reason."""

    line: int
    end_line: int
    reason: str


@define(kw_only=True)
class Reading:
    """Collect the drafts of one source.

    `title` is its first heading, `day` the date that holds where nothing else is said.
    """

    source: Source
    format: str
    document: Document
    longest: int
    day: datetime | None = None
    title: str = ""
    drafts: list[Draft] = field(factory=list)
    left_out: list[LeftOut] = field(factory=list)
    _contexts: dict[tuple[bool, tuple[str, ...]], str] = field(factory=dict)
    _days: dict[tuple[str, ...], datetime | None] = field(factory=dict)
    _sections: dict[tuple[str, ...], str] = field(factory=dict)

    @classmethod
    def of(cls, source: Source, format_: str, document: Document, *, longest: int) -> Reading:
        """Start to read a source of this format."""
        named = date_in_name((source.path or "").rpartition("/")[2])
        front = (day_of(_ANYWHERE, str(document.frontmatter.get(name, ""))) for name in ("updated", "date", "created"))
        day = midnight(named) if named else next(filter(None, front), source.occurred_at)
        title = next((block.text for block in document.blocks if isinstance(block, Heading) and block.level == 1), "")
        return cls(source=source, format=format_, document=document, longest=longest, day=day, title=title)

    def leave(self, line: int, end_line: int, reason: str) -> None:
        """Note lines that become no draft."""
        self.left_out.append(LeftOut(line, end_line, reason))

    def add(
        self,
        text: str,
        entry: Entry,
        *,
        kind: str,
        day: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Add one draft, or several for a text longer than `longest`; a text that was never filled in is left out."""
        text = text.strip()
        said = entry.head or text
        if not text or (len(said) < _SHORT and placeholder(said)):
            self.leave(entry.line, entry.end_line, "a placeholder")
            return
        told = {"format": self.format, **(metadata or {})}
        more.setdefault("provenance", PROVENANCE.get(kind, "observed"))
        if entry.section:
            told["section"] = self._sections.get(entry.section) or self._sections.setdefault(
                entry.section, " > ".join(entry.section)
            )
        if entry.end_line > entry.line:
            told["end_line"] = entry.end_line
        when = day or self.day_of(text, entry)
        for number, piece in enumerate(pieces(text, self.longest)):
            self.drafts.append(
                Draft(
                    content=piece,
                    kind=kind,
                    namespace=self.source.namespace,
                    agent_id=self.source.agent_id,
                    source=f"{self.source.path}#L{entry.line}" if self.source.path else None,
                    occurred_at=when,
                    metadata={**told, "part": number + 1} if number else told,
                    **more,
                )
            )

    def tagged(self, entry: Entry, tag: Tag) -> None:
        """Add the draft of a Retain tag with the fields that are nested below it."""
        if "empty" in tag.problems and not entry.nested:
            self.leave(entry.line, entry.end_line, "a tag without text")
            return
        metadata: dict[str, Any] = {"tag": tag.letter}
        if tag.state:
            metadata["state"] = tag.state
        if tag.problems:
            metadata["problems"] = list(tag.problems)
        said: dict[str, Any] = {"kind": tag.kind, "confidence": tag.confidence, "entities": tag.entities}
        if entry.end_line == entry.line:
            self.add(tag.content, entry, metadata=metadata, **said)
            return
        fields, rest = fields_of(entry.nested)
        lines = (tag.content, *entry.head.split("\n")[1:], *nested_text(rest))
        self.opinion("\n".join(lines), entry, fields, metadata=metadata, **said)

    def opinion(
        self,
        text: str,
        entry: Entry,
        fields: Mapping[str, Sequence[str]],
        *,
        kind: str = "opinion",
        confidence: float | None = None,
        entities: tuple[str, ...] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a draft with its fields.

        A stated confidence, the day it was last confirmed, evidence and rules as metadata.
        """
        told = {**(metadata or {}), **{name: joined(values) for name, values in fields.items() if name != "confidence"}}
        for value in fields.get("confidence", ()):
            found, _ = parse_confidence(value.split("(")[0])
            confidence = found if confidence is None else confidence
        last = day_of(_ANYWHERE, str(told["last_reinforced"])) if "last_reinforced" in told else None
        if last:
            told["last_reinforced"] = last.date().isoformat()
        self.add(text, entry, kind=kind, day=last, confidence=confidence, entities=entities, metadata=told)

    def day_of(self, text: str, entry: Entry) -> datetime | None:
        """Return the day of a text: said behind it, before it, in a heading above it, or that of the page."""
        tail, front, section = text[-120:], entry.head[:24], entry.section
        if "20" in tail or "20" in front:
            found = day_of(_BEHIND, tail) or day_of(_BEFORE, front)
            if found:
                return found
        if section not in self._days:
            self._days[section] = next(
                (found for part in reversed(section) if (found := day_of(_DATED_HEADING, part))), None
            )
        return self._days[section] or self.day

    def newest_day(self, text: str) -> datetime | None:
        """Return the newest date written anywhere in a text."""
        return max((found for match in _ANYWHERE.finditer(text) if (found := _date(match))), default=None)

    def context(self, section: tuple[str, ...], *, title: bool = False) -> str:
        """Return the headings above a text, outermost first, without dates and times.

        `title` keeps that of the page.
        """
        if (title, section) not in self._contexts:
            parts = section[1:] if section and section[0] == self.title and not title else section
            told = (_MOMENT.sub("", part, count=1) if _MOMENT.match(part) else part for part in parts)
            self._contexts[title, section] = " > ".join(part.strip() for part in told if any(map(str.isalnum, part)))
        return self._contexts[title, section]

    def in_context(self, text: str, section: tuple[str, ...], *, title: bool = False, mark: str = " > ") -> str:
        """Return a text with the headings above it in front, so that it says what it is about."""
        above = self.context(section, title=title)
        return f"{above}{mark}{text}" if above else text


def sound(text: str) -> str:
    """Return a text with U+FFFD for halves of surrogate pairs, which no file and no server can store."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def midnight(day: date) -> datetime:
    """Return the start of a day in UTC: a file says on which day something happened, not in which time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_of(pattern: re.Pattern[str], text: str) -> datetime | None:
    """Return the date a pattern finds in a text, None if there is none or it is on no calendar."""
    found = pattern.search(text)
    return _date(found) if found else None


def _date(found: re.Match[str]) -> datetime | None:
    year, month, day = (int(part) for part in found.groups() if part)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def joined(values: Sequence[str]) -> str | list[str]:
    """Return one value as text and several as a list."""
    return values[0] if len(values) == 1 else list(values)


def pieces(text: str, longest: int) -> list[str]:
    """Cut a text into pieces of at most `longest` characters, at the ends of sentences if it has any."""
    if len(text) <= longest:
        return [text]
    found, start = list[str](), 0
    while len(text) - start > longest:
        window = text[start : start + longest]
        ends = [match.end() for match in _SENTENCE.finditer(window) if match.end()]
        cut = next((end for end in reversed(ends) if end > longest // 3), 0) or window.rfind(" ") + 1 or longest
        found.append(window[:cut].strip())
        start += cut
    found.append(text[start:].strip())
    return [piece for piece in found if piece]
