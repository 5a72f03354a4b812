"""The index of the wiki: every page with a link and one line, by folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import frozen
from memcore_toolkit.blocks import Bullet, Paragraph
from memcore_toolkit.inline import inline_plain
from memcore_toolkit.vault import Page

from memcore_plugins.wiki.pages import text_of

if TYPE_CHECKING:
    from memcore_plugins.wiki.schema import StoredPage

__all__ = ["IndexEntry", "entries", "render"]

LONGEST = 120  # characters of the one line


@frozen(kw_only=True)
class IndexEntry:
    """One page in the index: its folder, path, title, and what it says in one line."""

    folder: str
    path: str
    title: str
    line: str


def entries(pages: Iterable[StoredPage]) -> list[IndexEntry]:
    """Return the entries of all pages that are neither index, log, rules, template nor redirect."""
    found = []
    for stored in pages:
        page = Page(path=stored.path, text=text_of(stored.data)) if stored.role == "page" else None
        if page and not page.redirect:
            folder = stored.path.rpartition("/")[0]
            found.append(IndexEntry(folder=folder, path=stored.path, title=stored.title, line=_line(page)))
    return sorted(found, key=lambda entry: (entry.folder, entry.path))


def render(found: list[IndexEntry], day: str) -> str:
    """Return `index.md` for these entries, as of a day."""
    lines = ["# Index", "", f"> Last updated: {day} | Total pages: {len(found)}"]
    folder = None
    for entry in found:
        if entry.folder != folder:
            folder = entry.folder
            lines += ["", f"## {folder or 'Pages'}", ""]
        name = entry.path.removesuffix(".md")
        told = f": {entry.line}" if entry.line else ""
        title = entry.title.replace("|", "-").replace("[", "(").replace("]", ")")
        lines.append(f"- [[{name}|{title}]]{told}" if title != name else f"- [[{name}]]{told}")
    return "\n".join(lines) + "\n"


def _line(page: Page) -> str:
    """Return the summary of the frontmatter, else the first sentence of the page."""
    given = page.frontmatter.get("summary", page.frontmatter.get("description"))
    texts = [given] if isinstance(given, str) else []
    texts += [block.text for block in page.document.blocks if isinstance(block, Paragraph | Bullet)][:1]
    plain = " ".join(inline_plain(texts[0]).split()) if texts else ""
    for end in (". ", "。", "！", "？"):
        plain = plain.split(end)[0]
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"
