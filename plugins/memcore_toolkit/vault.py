"""Pages of a wiki vault: what a page is, what it says of itself, where its links go. Pure, and never raises.

Four dialects were surveyed (reference/formats.md, section 8): plain slugs, path links, frontmatter that is no YAML,
and markdown links only. A page is read the same way in all of them.

The plugin that keeps pages hands them to others through the hook `memcore_extract`: asked with a source of the kind
`VAULT`, it answers with one draft per file, made by `to_draft` and read by `from_draft`. Such drafts are not stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

from attrs import define, evolve, field, frozen
from memcore.records import Draft

from memcore_toolkit.blocks import Document, Heading
from memcore_toolkit.frontmatter import link_targets, read_frontmatter
from memcore_toolkit.inline import inline_plain, wikilinks_in
from memcore_toolkit.markdown import markdown_links, parse, wikilinks

__all__ = [
    "DATE_FIELDS",
    "VAULT",
    "Link",
    "LogEntry",
    "Page",
    "Role",
    "from_draft",
    "read_day",
    "read_log",
    "role_of",
    "to_draft",
]

VAULT = "vault"
"""The kind of source that asks for all pages."""

DATE_FIELDS = ("updated", "last_updated", "created", "date", "ingested", "published", "date_published", "date_ingested")
"""Frontmatter fields that hold a day, those that say when a page last changed first."""

Role = Literal["page", "index", "log", "schema", "template", "archive", "attachment"]

_NAMES: Mapping[str, Role] = {"index.md": "index", "_index.md": "index", "schema.md": "schema"}
_LOG_NAME = re.compile(r"log(?:-\d{4})?\.md")
_TEMPLATE = re.compile(r"_?templates?|.+[-_. ]template|_template.*")
_LOG_HEAD = re.compile(r"##\s*\[(\d{4}-\d{2}-\d{2})(?:[ T]([\d:]+))?\]\s*(?:([\w+./-]+)\s*(?:\|\s*(.*))?)?$")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$")


@frozen(kw_only=True)
class Link:
    """A link of a page: `target` without anchor, the line it stands on, and how it is written."""

    target: str
    line: int
    form: Literal["wiki", "markdown", "frontmatter"]
    embed: bool = False
    external: bool = False


@frozen(kw_only=True)
class LogEntry:
    """An entry of a log: the day and time as written, the action, the subject, the text below, and its first line."""

    day: str
    time: str = ""
    action: str = ""
    subject: str = ""
    body: str = ""
    line: int = 1


@define(kw_only=True, eq=False)
class Page:
    """A markdown file of a vault. `path` is relative to the root, with slashes; everything else is read from `text`."""

    path: str
    text: str = field(repr=False)
    document: Document = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.document = parse(self.text)

    @property
    def frontmatter(self) -> Mapping[str, object]:
        """Return the frontmatter, read line by line where it is not YAML."""
        return self.document.frontmatter

    @cached_property
    def role(self) -> Role:
        """Return what the file is for."""
        return role_of(self.path)

    @property
    def stem(self) -> str:
        """Return the file name without folder and `.md`."""
        return self.path.rpartition("/")[2].removesuffix(".md")

    @cached_property
    def title(self) -> str:
        """Return the title of the frontmatter, else the first heading, else the file name."""
        given = self.frontmatter.get("title")
        if isinstance(given, str | int) and str(given).strip():
            return str(given).strip()
        heads = (inline_plain(block.text) for block in self.document.blocks if isinstance(block, Heading))
        return next((text for text in heads if text.strip()), self.stem)

    @cached_property
    def aliases(self) -> tuple[str, ...]:
        """Return other names of the page, from a list or a text with commas."""
        given = self.frontmatter.get("aliases", self.frontmatter.get("alias"))
        names = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
        return tuple(name for item in names if isinstance(item, str | int) and (name := str(item).strip()))

    @property
    def kind(self) -> str:
        """Return the type the frontmatter gives, in lower case, or an empty string."""
        given = self.frontmatter.get("type", self.frontmatter.get("pageType", ""))
        return given.strip().casefold() if isinstance(given, str) else ""

    @property
    def redirect(self) -> str:
        """Return the name a redirect stub leads to, empty for every other page."""
        fields = self.frontmatter
        words = {str(fields.get(name, "")).casefold() for name in ("entity_type", "type", "status")}
        names = ("canonical", "redirect_to", "redirect")
        targets = [target for name in names if name in fields for target in link_targets(fields[name])]
        return targets[0] if targets and ("redirect" in words or "canonical" not in fields) else ""

    @cached_property
    def lines(self) -> int:
        """Return how many lines the page has."""
        return len(_split(self.text)) - (1 if self.text.endswith(("\n", "\r")) else 0) if self.text else 0

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Return its links in the order of lines; code, fences and comments do not count."""
        text = _without_comment_blocks(self.text)
        found = [
            Link(target=link.target, line=link.line, form="wiki", embed=link.embed)
            for link in wikilinks(text)
            if link.target
        ]
        found += (
            Link(target=link.target, line=link.line, form="markdown", embed=link.image, external=link.external)
            for link in markdown_links(text)
            if link.target
        )
        found += self._frontmatter_links()
        return tuple(sorted(found, key=lambda link: link.line))

    def _frontmatter_links(self) -> list[Link]:
        """Read the bracketed links of the frontmatter from its lines, so that broken YAML loses none of them."""
        lines = _split(self.text)
        end = read_frontmatter(lines).lines
        return [
            Link(target=link.target, line=number, form="frontmatter", embed=link.embed)
            for number, line in enumerate(lines[:end], 1)
            if not line.lstrip().startswith("#")
            for link in wikilinks_in(line)
            if link.target
        ]

    def line_of(self, name: str) -> int:
        """Return the line a field of the frontmatter stands on, 1 if there is none."""
        lines = _split(self.text)
        end = read_frontmatter(lines).lines
        return next(
            (number for number, line in enumerate(lines[:end], 1) if re.match(rf"{re.escape(name)}\s*:", line)), 1
        )

    def day(self, *names: str) -> date | None:
        """Return the newest day among these frontmatter fields; what is no day does not count."""
        return max((day for name in names if (day := read_day(self.frontmatter.get(name)))), default=None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of what the page is about, or the things a source speaks of: title, aliases, entities."""
        given = self.frontmatter.get("entities")
        words = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
        told = [target for word in words for target in link_targets(word)]
        return (self.stem, self.title, *self.aliases, *told)


def role_of(path: str) -> Role:
    """Return what a file of a vault is for, by its name and folders; `_archive/` holds pages that are put away."""
    *folders, name = path.casefold().split("/")
    if not name.endswith(".md"):
        return "attachment"
    if _TEMPLATE.fullmatch(name.removesuffix(".md")) or not {"template", "templates", "_templates"}.isdisjoint(folders):
        return "template"
    if "_archive" in folders:
        return "archive"
    return "log" if _LOG_NAME.fullmatch(name) else _NAMES.get(name, "page")


def read_day(value: object) -> date | None:
    """Return the day in a frontmatter value; a year, a day with a letter behind it or a template is none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = _DAY.match(value.strip()) if isinstance(value, str) else None
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def read_log(text: str) -> tuple[LogEntry, ...]:
    """Return the entries of a log, `## [DAY] action | subject` each, with the lines below it; fences do not count."""
    heads = {block.line for block in parse(text).blocks if isinstance(block, Heading) and block.level == 2}
    found, open_, body = list[LogEntry](), None, list[str]()
    for number, line in enumerate([*_split(text), "## "], 1):
        match = _LOG_HEAD.match(line.rstrip()) if number in heads else None
        if match or line.startswith(("# ", "## ")):
            if open_:
                found.append(_with_body(open_, body))
            open_, body = None, []
        if match:
            parts = (match[2] or "", match[3] or "", (match[4] or "").strip())
            open_ = LogEntry(day=match[1], time=parts[0], action=parts[1], subject=parts[2], line=number)
        elif open_:
            body.append(line)
    return tuple(found)


def to_draft(path: str, text: str) -> Draft:
    """Return the draft that hands over one file of a vault."""
    return Draft(content=f"vault file {path}", kind="page", metadata={"page": path, "markdown": text})


def from_draft(draft: Draft) -> Page | None:
    """Return the page that a draft hands over, None if it is another draft."""
    told: Mapping[str, Any] = draft.metadata
    path, text = told.get("page"), told.get("markdown")
    if draft.kind != "page" or not isinstance(path, str) or not isinstance(text, str):
        return None
    return Page(path=path, text=text)


def _with_body(entry: LogEntry, body: Iterable[str]) -> LogEntry:
    return evolve(entry, body="\n".join(body).strip())


def _split(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _without_comment_blocks(text: str) -> str:
    """Blank Obsidian comments that run over several lines: a line `%%` opens, the next one closes."""
    if "%%" not in text:
        return text
    lines = _split(text)
    marks = [number for number, line in enumerate(lines) if line.count("%%") % 2]
    for start, end in zip(marks[::2], marks[1::2], strict=False):
        lines[start] = lines[start][: lines[start].rfind("%%")]
        lines[start + 1 : end] = [""] * (end - start - 1)
        lines[end] = lines[end].partition("%%")[2]
    return "\n".join(lines)
