"""Where the links of a vault lead: exact path, path suffix, unique basename, alias, title, in this order.

More than one page under the first rule that finds any is ambiguous, which is not broken. Names are compared without
case in NFC; a link that only differs in case from what it leads to is told apart, since some disks mind.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterable
from typing import Literal

from attrs import frozen

from memcore_toolkit.vault import Link, Page
from memcore_toolkit.vault_folder import vault_path

__all__ = ["Resolution", "Resolver"]

State = Literal["page", "file", "ambiguous", "missing", "outside"]


@frozen(kw_only=True)
class Resolution:
    """What a link leads to: one page or file, several (ambiguous), none (missing), or out of the vault."""

    state: State
    paths: tuple[str, ...] = ()
    by: str = ""
    other_case: bool = False


class Resolver:
    """Answer where links lead. `files` are the paths of all files that are no pages; `root` is the folder's name.

    Built in one pass over the pages; every question is a few dictionary lookups.
    """

    def __init__(self, pages: Iterable[Page], *, files: Iterable[str] = (), root: str = "") -> None:
        self._exact: dict[str, list[str]] = {}
        self._suffix: dict[str, list[str]] = {}
        self._alias: dict[str, list[str]] = {}
        self._title: dict[str, list[str]] = {}
        self._folders: set[str] = set()
        self._pages: set[str] = set()
        self._root = f"{_key(root)}/" if root else ""
        for page in pages:
            self._pages.add(page.path)
            self._add_path(page.path)
            for alias in page.aliases:
                _note(self._alias, _key(alias), page.path)
            _note(self._title, _key(page.title), page.path)
        for path in files:
            self._add_path(path)

    def resolve(self, origin: str, link: Link) -> Resolution:
        """Return where a link on the page `origin` leads; external links lead outside."""
        if link.external:
            return Resolution(state="outside")
        written = link.target.replace("\\", "/").partition("?")[0] if link.form == "markdown" else link.target
        written = written.strip()
        for target, rule in self._places(origin, written, link):
            if target.startswith("../") or target == "..":
                return Resolution(state="outside")
            if found := self._at(target):
                return self._found(found, rule, target)
            if _key(target).rstrip("/") in self._folders:
                return Resolution(state="file", by="folder")
        return self._by_name(written, link)

    def _by_name(self, written: str, link: Link) -> Resolution:
        target = posixpath.normpath(written).lstrip("/") if written.strip("/") else ""
        while target.startswith("../"):
            target = target[3:]
        path = _key(vault_path(target))
        rules = [("suffix" if "/" in path else "basename", self._suffix.get(_bare(path)) or self._suffix.get(path))]
        if link.form != "markdown":
            rules += [("alias", self._alias.get(_key(written))), ("title", self._title.get(_key(written)))]
        for rule, found in rules:
            if found:
                return self._found(found, rule, target)
        return Resolution(state="missing")

    def _places(self, origin: str, written: str, link: Link) -> Iterable[tuple[str, str]]:
        """Yield the paths a link may name: from its page where it is relative, from the root else."""
        folder = posixpath.dirname(origin)
        relative = posixpath.normpath(posixpath.join(folder, written))
        rooted = posixpath.normpath(written.lstrip("/") or ".")
        if written.startswith("/"):
            yield rooted, "path"
        elif link.form == "markdown" or written.startswith(("./", "../")):
            yield relative, "path"
            if not written.startswith("../"):
                yield rooted, "path"
        else:
            yield rooted, "path"
        if self._root and _key(rooted).startswith(self._root):
            yield rooted[len(self._root) :], "path"

    def _at(self, target: str) -> list[str]:
        key = _key(vault_path(target))
        return self._exact.get(key) or self._exact.get(f"{key}.md") or []

    def _found(self, found: list[str], rule: str, target: str) -> Resolution:
        same = [path for path in found if _ends(path, target)]
        chosen = same if len(same) == 1 and len(found) > 1 else found
        if len(chosen) > 1:
            return Resolution(state="ambiguous", paths=tuple(sorted(chosen)), by=rule)
        other_case = rule in ("path", "suffix", "basename") and not same
        state: State = "page" if chosen[0] in self._pages else "file"
        return Resolution(state=state, paths=tuple(chosen), by=rule, other_case=other_case)

    def _add_path(self, path: str) -> None:
        key = _key(path)
        _note(self._exact, key, path)
        parts = key.split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            _note(self._suffix, _bare(tail), path)
            if start and start < len(parts):
                self._folders.add("/".join(parts[:start]))
        if not key.endswith(".md"):
            for start in range(len(parts)):
                _note(self._suffix, "/".join(parts[start:]), path)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def _bare(key: str) -> str:
    return key.removesuffix(".md")


def _ends(path: str, target: str) -> bool:
    """Tell whether a path ends as a link is written, letter by letter."""
    plain, wanted = (unicodedata.normalize("NFC", text).removesuffix(".md") for text in (path, vault_path(target)))
    return plain == wanted or plain.endswith(f"/{wanted}")


def _note(names: dict[str, list[str]], key: str, path: str) -> None:
    if key and path not in (known := names.setdefault(key, [])):
        known.append(path)
