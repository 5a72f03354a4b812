"""Frontmatter: what is no YAML, what is no date, what is said twice, and what the vault's own rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from memcore.records import Finding
from memcore_toolkit.blocks import Fence
from memcore_toolkit.frontmatter import read_frontmatter
from memcore_toolkit.inline import placeholder
from memcore_toolkit.vault import DATE_FIELDS, read_day

if TYPE_CHECKING:
    from memcore_toolkit.vault import Page

    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.view import View

__all__ = ["frontmatter", "required_fields"]

_PLACE = re.compile(r"line (\d+), column \d+")
_KEY = re.compile(r"([\w-]+)\s*:")
_COARSE = re.compile(r"(?:19|20)\d{2}(?:-(?:0[1-9]|1[0-2]))?$")
_SECTION = re.compile(r"front ?matter|properties|메타데이터|属性|フロントマター", re.IGNORECASE)


def frontmatter(view: View, settings: WikiLintSettings) -> Iterator[Finding]:
    """Report the frontmatter of every page that the vault's own rules, or YAML, do not accept."""
    required = settings.required or required_fields(view)
    for page in view.files:
        if page.role in ("template", "schema", "archive"):
            continue
        yield from _invalid(view, page)
        yield from _twice(view, page)
        yield from _dates(view, page)
        if page.role == "page" and not page.redirect:
            yield from _missing(view, page, required)


def required_fields(view: View) -> tuple[str, ...]:
    """Return the fields that every frontmatter example in the vault's rules has."""
    examples = [
        {match[1] for line in block.text.splitlines() if (match := _KEY.match(line))}
        for page in view.files
        if page.role == "schema"
        for block in page.document.walk()
        if isinstance(block, Fence) and any(_SECTION.search(part) for part in block.section)
    ]
    return tuple(sorted(set.intersection(*examples))) if examples else ()


def _invalid(view: View, page: Page) -> Iterator[Finding]:
    reason = page.document.invalid_frontmatter
    if reason:
        places = _PLACE.findall(reason)
        line = min(int(places[-1]) + 1 if places else 1, max(page.lines, 1))
        short = _PLACE.sub("", reason).replace('in "<unicode string>",', "").split(" could not")[0].split("  ")[0]
        message = f"the frontmatter is no YAML: {short.strip(' :,')[:120]}"
        cure = 'quote the value, or write a list: related: ["[[a]]", "[[b]]"]'
        yield _finding(view, page, line, message, cure)


def _twice(view: View, page: Page) -> Iterator[Finding]:
    lines = page.text.removeprefix("\ufeff").splitlines()
    seen: set[str] = set()
    for number, line in enumerate(lines[: read_frontmatter(lines).lines], 1):
        match = _KEY.match(line)
        if match and match[1] in seen:
            message = f"the field {match[1]} is there twice; only the last one counts"
            yield _finding(view, page, number, message, "make them one")
        seen |= {match[1]} if match else set()


def _dates(view: View, page: Page) -> Iterator[Finding]:
    for name in (*DATE_FIELDS, "last_verified"):
        value = page.frontmatter.get(name)
        if value is None or isinstance(value, date | list | dict) or read_day(value) is not None:
            continue
        text = str(value).strip()
        if text and not placeholder(text) and not _COARSE.match(text):
            message = f"{name}: {text[:40]} is no date"
            yield _finding(view, page, page.line_of(name), message, "write it as YYYY-MM-DD")


def _missing(view: View, page: Page, required: tuple[str, ...]) -> Iterator[Finding]:
    wanted = [name for name in required if not (name == "sources" and view.is_source(page))]
    missing = [name for name in wanted if name not in page.frontmatter]
    if not missing or not page.document.blocks:
        return
    if not page.frontmatter:
        message = f"it has no frontmatter; the rules ask for {', '.join(wanted)}"
    else:
        message = f"the frontmatter lacks {', '.join(missing)}"
    yield _finding(view, page, 1, message, "add what is missing")


def _finding(view: View, page: Page, line: int, message: str, cure: str) -> Finding:
    where = view.where(page, line)
    return Finding(code="wiki_lint.frontmatter", severity="warning", message=message, where=where, cure=cure)
