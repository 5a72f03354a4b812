"""What is checked: all pages of a vault with their links resolved once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field
from memcore.records import Source
from memcore_toolkit.frontmatter import link_targets
from memcore_toolkit.markdown import decode
from memcore_toolkit.vault import VAULT, Link, Page, from_draft
from memcore_toolkit.vault_folder import read_folder
from memcore_toolkit.vault_links import Resolution, Resolver

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["View", "from_engine", "from_folder"]

LINK_FIELDS = (
    "sources", "source", "related", "see_also", "contradictions", "contradicts", "contradicted_by", "conflicts_with",
    "canonical", "parent", "children", "up",
)  # fmt: skip
"""Frontmatter fields that name pages, with or without brackets."""

_SOURCE_FOLDERS = frozenset({"sources", "raw"})


@define(kw_only=True, eq=False)
class View:
    """The files of a vault. `prefix` stands before every path in a finding; `complete`: no file is unknown."""

    files: tuple[Page, ...]
    others: tuple[str, ...] = ()
    root: str = ""
    prefix: str = ""
    complete: bool = True
    _resolved: dict[tuple[str, str, str], Resolution] = field(factory=dict)

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """Return the files that are pages: no index, log, rules, template or archive."""
        return tuple(page for page in self.files if page.role == "page")

    @cached_property
    def by_path(self) -> dict[str, Page]:
        """Return all markdown files by path."""
        return {page.path: page for page in self.files}

    @cached_property
    def resolver(self) -> Resolver:
        """Return what answers where links lead. Templates are no targets of names, but exist as files."""
        named = [page for page in self.files if page.role != "template"]
        templates = [page.path for page in self.files if page.role == "template"]
        return Resolver(named, files=[*self.others, *templates], root=self.root)

    def resolve(self, page: Page, link: Link) -> Resolution:
        """Return where a link of a page leads."""
        key = (page.path if link.form != "wiki" or link.target.startswith(".") else "", link.form, link.target)
        if link.external:
            return Resolution(state="outside")
        if key not in self._resolved:
            self._resolved[key] = self.resolver.resolve(page.path, link)
        return self._resolved[key]

    def named(self, page: Page, name: str) -> Resolution:
        """Return where a bare name in the frontmatter of a page leads."""
        return self.resolve(page, Link(target=name, line=1, form="wiki"))

    def leads_to(self, page: Page) -> set[str]:
        """Return the pages that a page links, in text or frontmatter, redirects followed, without itself."""
        found = [path for link in page.links for path in self.resolve(page, link).paths]
        for name in LINK_FIELDS:
            for target in link_targets(page.frontmatter.get(name)):
                found += self.named(page, target).paths
        return {self.end(path) for path in found} - {page.path}

    def end(self, path: str) -> str:
        """Return where a chain of redirects ends; a circle ends where it began."""
        seen = {path}
        while (page := self.by_path.get(path)) and page.redirect:
            paths = self.named(page, page.redirect).paths
            if len(paths) != 1 or paths[0] in seen:
                break
            path = paths[0]
            seen.add(path)
        return path

    def is_source(self, page: Page) -> bool:
        """Tell whether a page is a source itself, by its type or its folder."""
        return page.kind == "source" or not _SOURCE_FOLDERS.isdisjoint(page.path.casefold().split("/")[:-1])

    def where(self, page: Page, line: int = 1) -> str:
        """Return file and line as a finding tells them."""
        return f"{self.prefix}{page.path}:{line}"


def from_folder(folder: Path, largest: int) -> View:
    """Read a vault folder. Raises InvalidInputError where there is none."""
    found = read_folder(folder, largest=largest, markdown_only=True)
    decoded = ((file.path, decode(file.data)) for file in found.files)
    files = tuple(Page(path=path, text=text.text) for path, text in decoded if not text.binary)
    known = {page.path for page in files}
    others = [file.path for file in found.files if file.path not in known]
    others += [path for path, reason in found.skipped if reason != "hidden"]
    return View(files=files, others=tuple(others), root=found.root.name, prefix=f"{folder}/")


def from_engine(engine: Engine) -> View:
    """Ask the plugins for the pages they keep; without any there are none."""
    drafts = engine.extract(Source(text="", kind=VAULT, namespace=engine.core.namespace))
    handed = [page for draft in drafts if (page := from_draft(draft)) is not None]
    files = tuple(_markdown(handed))
    others = tuple(page.path for page in handed if page.role == "attachment")
    return View(files=files, others=others, root="wiki", complete=False)


def _markdown(pages: Iterable[Page]) -> Iterator[Page]:
    return (page for page in pages if page.role != "attachment")
