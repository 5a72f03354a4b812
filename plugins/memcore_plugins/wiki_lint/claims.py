"""Contradictions that are marked, pages older than their sources, and pages that name no source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from memcore.records import Finding
from memcore_toolkit.blocks import Bullet, Paragraph, Quote
from memcore_toolkit.frontmatter import link_targets
from memcore_toolkit.vault import DATE_FIELDS, read_day

if TYPE_CHECKING:
    from memcore_toolkit.vault import Page

    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.view import View

__all__ = ["contradictions", "stale", "uncited"]

_MARKS = ("contradictions", "contradicts", "contradicted_by", "conflicts_with")
_OPEN = frozenset({"contested", "contradicted", "disputed", "conflict"})
_CALLOUT = re.compile(r"\s*\[!(?:contradiction|conflict)\]", re.IGNORECASE)
_SOURCE_FIELDS = (
    "sources", "source", "source_url", "source_urls", "source_path", "url", "raw", "citations", "references",
)  # fmt: skip
_SOURCE_LINE = re.compile(
    r"^\W*(?:(?:sources?|references?|citations?|quellen?)\b|출처|참고|来源|來源|参考|出典|参照).{0,40}[:：]\W*\w|^\[\^[^\]\n]+\]:\s*\S",
    re.IGNORECASE | re.MULTILINE,
)
_DERIVED = frozenset({"comparison", "query", "question", "synthesis", "summary"})
_CHANGED = ("updated", "last_updated", "last_verified", "date", "created")


def contradictions(view: View) -> Iterator[Finding]:
    """Report every marked contradiction once, even if both pages mark it, until the mark is gone."""
    told: set[frozenset[str]] = set()
    for page in view.pages:
        for name in _MARKS:
            for target in link_targets(page.frontmatter.get(name)):
                paths = view.named(page, target).paths
                pair = frozenset((page.path, paths[0] if len(paths) == 1 else target))
                if pair not in told:
                    told.add(pair)
                    yield _contradiction(view, page, page.line_of(name), *_against(view, page, target, paths))
        yield from _claims(view, page)
        for block in page.document.walk():
            if isinstance(block, Quote) and _CALLOUT.match(block.text):
                yield _contradiction(view, page, block.line, "a contradiction is marked here", "decide it")


def _against(view: View, page: Page, target: str, paths: tuple[str, ...]) -> tuple[str, str]:
    message, cure = f"{page.title} contradicts {target}", "correct the wrong page, then remove the mark"
    other = view.by_path.get(paths[0]) if len(paths) == 1 else None
    ours, theirs = page.day(*DATE_FIELDS), other.day(*DATE_FIELDS) if other else None
    if other and ours and theirs and ours != theirs:
        newer, older = (page, other) if ours > theirs else (other, page)
        cure = f"{newer.path} is newer than {older.path}: {cure}"
    return message, cure


def _claims(view: View, page: Page) -> Iterator[Finding]:
    claims = page.frontmatter.get("claims")
    for claim in claims if isinstance(claims, list) else ():
        if isinstance(claim, Mapping) and str(claim.get("status", "")).casefold() in _OPEN:
            message = f"the claim {claim.get('id') or claim.get('text') or '?'} is {claim['status']}"
            yield _contradiction(view, page, page.line_of("claims"), message, "decide it, then change its status")


def _contradiction(view: View, page: Page, line: int, message: str, cure: str) -> Finding:
    where = view.where(page, line)
    return Finding(code="wiki_lint.contradiction", severity="warning", message=message, where=where, cure=cure)


def stale(view: View, settings: WikiLintSettings, today: date) -> Iterator[Finding]:
    """Report pages that lag behind the newest source on the same things, and verifications that ran out."""
    sources = [(page, day) for page in view.pages if view.is_source(page) and (day := page.day(*DATE_FIELDS))]
    newest = _newest_by_name(view, sources)
    for page in view.pages:
        if page.redirect:
            continue
        yield from _unverified(view, page, settings, today)
        changed = page.day(*_CHANGED)
        if view.is_source(page) or changed is None:
            continue
        cited = [path for path in view.leads_to(page) if view.is_source(view.by_path.get(path, page))]
        own = _names(page) | {f"\0{path}" for path in (page.path, *cited)}
        about = max((newest[name] for name in own if name in newest), default=None)
        if about and about[0] - changed > timedelta(days=settings.stale_days):
            days = (about[0] - changed).days
            yield Finding(
                code="wiki_lint.stale",
                severity="warning",
                message=f"last changed {changed}, {days} days before {about[1]} ({about[0]})",
                where=view.where(page, page.line_of("updated")),
                cure="read that source and bring the page up to it, or only its date if nothing changes",
            )


def _newest_by_name(view: View, sources: list[tuple[Page, date]]) -> dict[str, tuple[date, str]]:
    """Return the newest source on each entity and page, pages under NUL and their path."""
    newest: dict[str, tuple[date, str]] = {}
    for page, day in sources:
        entities = _names(page) - {page.stem.casefold(), page.title.casefold()}
        told = [path for path in view.leads_to(page) if path in view.by_path and not view.is_source(view.by_path[path])]
        for name in (*entities, f"\0{page.path}", *(f"\0{path}" for path in told)):
            newest[name] = max(newest.get(name, (date.min, "")), (day, page.path))
    return newest


def _names(page: Page) -> set[str]:
    return {name.casefold() for name in page.names}


def _unverified(view: View, page: Page, settings: WikiLintSettings, today: date) -> Iterator[Finding]:
    if page.frontmatter.get("verification_required") is not True:
        return
    last = read_day(page.frontmatter.get("last_verified"))
    if last is None or (today - last).days > settings.verify_days:
        said = f"last verified {last}" if last else "never verified"
        yield Finding(
            code="wiki_lint.stale",
            severity="warning",
            message=f"it asks to be verified every {settings.verify_days} days; {said}",
            where=view.where(page, page.line_of("last_verified" if last else "verification_required")),
            cure="check it against its sources and set last_verified",
        )


def uncited(view: View) -> Iterator[Finding]:
    """Report pages that name no source, in a vault where others do; and sources that say not where they are from."""
    citing = {page.path for page in view.pages if _cites(view, page)}
    for page in view.pages:
        if view.is_source(page):
            fields = page.frontmatter
            if "source_url" in fields and not fields["source_url"] and not fields.get("source_scope"):
                message, cure = "its source_url is empty", "give the address, or say in source_scope why there is none"
                yield _citation(view, page, page.line_of("source_url"), message, cure)
        elif citing and page.path not in citing and not page.redirect and page.document.blocks:
            cure = "name what it was written from in the field sources, or link the source"
            yield _citation(view, page, page.line_of("sources"), "it names no source", cure)


def _cites(view: View, page: Page) -> bool:
    texts = (block.text for block in page.document.walk() if isinstance(block, Bullet | Paragraph))
    named = any(link_targets(page.frontmatter.get(name)) for name in _SOURCE_FIELDS)
    if named or any(_SOURCE_LINE.search(text) for text in texts):
        return True
    resolved = [(link, view.resolve(page, link)) for link in page.links]
    if any(found.state == "outside" and not link.embed for link, found in resolved):
        return True
    reached = [view.by_path[path] for _, found in resolved for path in found.paths if path in view.by_path]
    return any(view.is_source(other) for other in reached) or (page.kind in _DERIVED and bool(reached))


def _citation(view: View, page: Page, line: int, message: str, cure: str) -> Finding:
    where = view.where(page, line)
    return Finding(code="wiki_lint.citation", severity="warning", message=message, where=where, cure=cure)
