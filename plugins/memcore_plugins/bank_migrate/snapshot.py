"""Identify: the files of a folder at one point in time, and why others are not among them. Nothing is opened here."""

from __future__ import annotations

import os
import stat
from itertools import pairwise
from pathlib import Path

from attrs import define, field, frozen
from memcore.errors import InvalidInputError
from memcore_toolkit.paths import portable_path

__all__ = ["Found", "Skipped", "Snapshot", "snapshot"]

_FOLDERS_OF_PROGRAMS = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
_HIDDEN_FOLDERS_READ = frozenset({".claude", ".hermes", ".openclaw"})


@frozen(kw_only=True)
class Found:
    """One file: its path from the root in portable form, the path to open, size in bytes and time of change."""

    path: str
    file: str
    size: int
    mtime_ns: int


@frozen(kw_only=True)
class Skipped:
    """One file or folder that is not taken over, and the reason."""

    path: str
    reason: str


@define(kw_only=True)
class Snapshot:
    """All files of a root, in the order of their paths, and what was skipped."""

    root: str
    files: list[Found] = field(factory=list)
    skipped: list[Skipped] = field(factory=list)


def snapshot(root: Path, *, suffixes: tuple[str, ...], largest: int) -> Snapshot:
    """Walk a folder. Links that leave it are not followed, and no file is listed twice.

    Raises InvalidInputError where there is no folder to walk.
    """
    try:
        real = os.path.realpath(root, strict=True)
        os.scandir(real).close()
    except NotADirectoryError:
        raise InvalidInputError(
            f"{root} is not a folder", cure="name the folder that holds MEMORY.md or memory/"
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise InvalidInputError(f"cannot read the folder {root}", why=why, cure="check the path") from None
    walker = _Walker(real, suffixes, largest)
    walker.walk(real)
    walker.finish()
    return walker.found


class _Walker:
    def __init__(self, root: str, suffixes: tuple[str, ...], largest: int) -> None:
        self.root, self.suffixes, self.largest = root, tuple(suffix.lower() for suffix in suffixes), largest
        self.found = Snapshot(root=root)
        self.inodes: dict[tuple[int, int], str] = {}
        self.links: list[tuple[str, str]] = []

    def walk(self, folder: str) -> None:
        """List a folder and those in it, without recursion."""
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.skip(folder, f"unreadable: {error.strerror}")
                continue
            waiting += [entry.path for entry in listed if self.take(entry)][::-1]

    def take(self, entry: os.DirEntry[str]) -> bool:
        """List one entry; tell whether it is a folder to walk."""
        if entry.is_symlink():
            if self.wanted(entry.name) or not Path(entry.path).is_file():
                self.links.append((entry.path, entry.name))
            return False
        if entry.is_dir(follow_symlinks=False):
            return self.take_folder(entry)
        if not self.wanted(entry.name):
            suffix = Path(entry.name).suffix
            self.skip(entry.path, f"not read: {suffix} files" if suffix else "not read: files without a suffix")
            return False
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self.skip(entry.path, f"unreadable: {error.strerror}")
            return False
        self.take_file(entry.path, status)
        return False

    def take_folder(self, entry: os.DirEntry[str]) -> bool:
        if self.wanted(entry.name):
            self.skip(entry.path, "not a regular file")
        if entry.name == ".dreams":
            self.skip(entry.path, "machine output")
        elif entry.name in _FOLDERS_OF_PROGRAMS:
            self.skip(entry.path, "a folder of programs")
        elif entry.name.startswith(".") and entry.name not in _HIDDEN_FOLDERS_READ:
            self.skip(entry.path, "a hidden folder")
        else:
            return True
        return False

    def take_file(self, path: str, status: os.stat_result) -> None:
        key = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode):
            self.skip(path, "not a regular file")
        elif status.st_nlink > 1 and key in self.inodes:
            self.skip(path, f"the same file as {self.inodes[key]}")
        elif status.st_size > self.largest:
            self.skip(path, f"larger than {self.largest / 1e6:g} MB; set bank_migrate.largest to read it")
        else:
            name = self.relative(path)
            self.inodes[key] = name
            self.found.files.append(Found(path=name, file=path, size=status.st_size, mtime_ns=status.st_mtime_ns))

    def finish(self) -> None:
        """Judge the links, now that all files are known, and bring everything into the order of paths."""
        for path, _ in self.links:
            self.skip(path, self.reason_of(path))
        self.found.files.sort(key=lambda found: found.path)
        for first, second in pairwise(list(self.found.files)):
            if first.path == second.path:  # a name that holds another one's escaped form
                self.found.files.remove(second)
                self.found.skipped.append(Skipped(path=second.path, reason="another file has the same escaped name"))
        self.found.skipped.sort(key=lambda skipped: skipped.path)

    def reason_of(self, link: str) -> str:
        try:
            target = os.path.realpath(link, strict=True)
        except FileNotFoundError:
            return "link target missing"
        except OSError:
            return "symlink loop"
        if target != self.root and not target.startswith(self.root.rstrip(os.sep) + os.sep):
            return "leaves the workspace"
        if Path(target).is_dir():
            inside = Path(link).parent.is_relative_to(target)
            return "symlink loop" if inside else f"the same folder as {self.relative(target)}"
        return f"the same file as {self.relative(target)}"

    def wanted(self, name: str) -> bool:
        return name.lower().endswith(self.suffixes)

    def relative(self, path: str) -> str:
        return portable_path(os.path.relpath(path, self.root))

    def skip(self, path: str, reason: str) -> None:
        self.found.skipped.append(Skipped(path=self.relative(path), reason=reason))
