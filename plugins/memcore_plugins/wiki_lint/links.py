"""Orphans and gaps: pages nobody links, links that lead nowhere, and pages that link nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memcore.records import Finding
from memcore_toolkit.inline import placeholder

if TYPE_CHECKING:
    from memcore_toolkit.vault import Link, Page

    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.view import View

__all__ = ["gaps", "orphans"]

_PLACES = 3  # further places that a message names
_LINKING = frozenset({"page", "index"})  # a log tells history and the rules give examples: their links are not checked

Place = tuple["Page", "Link"]


def orphans(view: View) -> Iterator[Finding]:
    """Report pages that no other page links; the index and the log list everything and do not count."""
    linked = {path for page in view.pages for path in view.leads_to(page)}
    for page in view.pages:
        if page.path not in linked and not page.redirect and len(view.pages) > 1:
            yield Finding(
                code="wiki_lint.orphan",
                severity="warning",
                message=f"no page links {page.title}",
                where=view.where(page),
                cure=f"link [[{page.path.removesuffix('.md')}]] from a page on the same subject",
            )


def gaps(view: View, settings: WikiLintSettings) -> Iterator[Finding]:
    """Report links without a page, once per target; ambiguous ones and other cases are notes."""
    missing: dict[str, list[Place]] = {}
    ambiguous: dict[tuple[str, ...], list[Place]] = {}
    cased: list[tuple[Place, str]] = []
    for page in view.files:
        for link in page.links if page.role in _LINKING else ():
            found = view.resolve(page, link)
            if found.state == "missing" and not placeholder(link.target) and _is_page(view, link):
                missing.setdefault(link.target.casefold(), []).append((page, link))
            elif found.state == "ambiguous":
                ambiguous.setdefault(found.paths, []).append((page, link))
            elif found.other_case:
                cased.append(((page, link), found.paths[0]))
    yield from _missing(view, missing)
    yield from _redirects(view)
    for paths, places in ambiguous.items():
        page, link = places[0]
        message = f"[[{link.target}]] can mean {', '.join(paths)}{_more(view, places)}"
        yield _note(view, page, link, message, "write the path, for example " + paths[0].removesuffix(".md"))
    for (page, link), path in cased:
        message = f"[[{link.target}]] differs only in case from {path}"
        yield _note(view, page, link, message, "write it as the file is called; some disks tell them apart")
    yield from _unlinked(view, settings)


def _missing(view: View, missing: dict[str, list[Place]]) -> Iterator[Finding]:
    for places in missing.values():
        page, link = places[0]
        yield Finding(
            code="wiki_lint.gap",
            severity="warning",
            message=f"there is no page {link.target}{_more(view, places)}",
            where=view.where(page, link.line),
            cure="write the page, or correct the link",
        )


def _redirects(view: View) -> Iterator[Finding]:
    """Report stubs whose bare target does not exist; a bracketed one is a link like any other."""
    for page in view.pages:
        linked = {link.target for link in page.links}
        if page.redirect and page.redirect not in linked and view.named(page, page.redirect).state == "missing":
            yield Finding(
                code="wiki_lint.gap",
                severity="warning",
                message=f"it redirects to {page.redirect}, which does not exist",
                where=view.where(page, page.line_of("canonical")),
                cure="name the page it stands for",
            )


def _unlinked(view: View, settings: WikiLintSettings) -> Iterator[Finding]:
    """Note pages with too few cross references; a source, a stub and a vault of two pages need none."""
    if len(view.pages) <= settings.outbound_links:
        return
    for page in view.pages:
        if page.redirect or view.is_source(page):
            continue
        count = len(view.leads_to(page)) + len(
            {link.target for link in page.links if not view.resolve(page, link).paths}
        )
        if count < settings.outbound_links:
            yield Finding(
                code="wiki_lint.gap",
                severity="info",
                message=f"it links {count} of at least {settings.outbound_links} pages",
                where=view.where(page),
                cure="link what it speaks of",
            )


def _is_page(view: View, link: Link) -> bool:
    """Tell whether a link means a page; other files can only be missed where all files are known."""
    name = link.target.rstrip("/").rpartition("/")[2]
    suffix = name.rpartition(".")[2].casefold() if "." in name.strip(".") else ""
    is_file = 0 < len(suffix) <= 4 and suffix.isascii() and suffix.isalnum() and not suffix.isdigit() and suffix != "md"
    return not is_file or (view.complete and (link.form == "markdown" or link.embed))


def _more(view: View, places: list[Place]) -> str:
    """Return the further places that say the same."""
    others = list(dict.fromkeys(view.where(page, link.line) for page, link in places))[1:]
    if not others:
        return ""
    rest = f" and {len(others) - _PLACES} more" if len(others) > _PLACES else ""
    return f" (also {', '.join(others[:_PLACES])}{rest})"


def _note(view: View, page: Page, link: Link, message: str, cure: str) -> Finding:
    return Finding(code="wiki_lint.gap", severity="info", message=message, where=view.where(page, link.line), cure=cure)
