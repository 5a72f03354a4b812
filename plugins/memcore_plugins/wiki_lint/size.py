"""Size: pages to split, indexes that need a map, logs to rotate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memcore.records import Finding
from memcore_toolkit.blocks import Bullet, Heading, TableRow
from memcore_toolkit.vault import read_log

if TYPE_CHECKING:
    from memcore_toolkit.vault import Page

    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.view import View

__all__ = ["oversized"]


def oversized(view: View, settings: WikiLintSettings) -> Iterator[Finding]:
    """Report files that have outgrown their role."""
    for page in view.files:
        if page.role == "page" and page.lines > settings.page_lines:
            message = f"{page.lines} lines, more than {settings.page_lines}"
            yield _finding(view, page, settings.page_lines + 1, message, "split it by its headings and link the parts")
        elif page.role == "index":
            yield from _index(view, page, settings)
        elif page.role == "log" and (count := len(read_log(page.text))) > settings.log_entries:
            message = f"{count} entries, more than {settings.log_entries}"
            yield _finding(view, page, 1, message, "move the entries of past years to log-YEAR.md")


def _index(view: View, page: Page, settings: WikiLintSettings) -> Iterator[Finding]:
    """Count the entries, which are bullets and table rows, below each heading."""
    total, section, count = 0, 1, 0
    for block in [*page.document.blocks, None]:
        if block is None or isinstance(block, Heading):
            if count > settings.index_section:
                message = f"{count} entries in one section, more than {settings.index_section}"
                yield _finding(view, page, section, message, "split the section")
            section, count = block.line if block else section, 0
        elif isinstance(block, Bullet | TableRow):
            count += 1
            total += 1
    if total > settings.index_entries:
        message = f"{total} entries, more than {settings.index_entries}"
        yield _finding(view, page, 1, message, "put a map of topics first, with an index for each")


def _finding(view: View, page: Page, line: int, message: str, cure: str) -> Finding:
    where = view.where(page, line)
    return Finding(code="wiki_lint.size", severity="warning", message=message, where=where, cure=cure)
