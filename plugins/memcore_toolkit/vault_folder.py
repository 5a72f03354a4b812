"""The files of a vault on disk: read only, inside the folder only, in the order of their paths."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen
from memcore.errors import InvalidInputError

__all__ = ["VaultFile", "VaultFolder", "disk_path", "read_folder", "vault_path"]

_ESCAPED = re.compile("[\x00-\x1f\x7f\ud800-\udfff]|%(?=[0-9A-F]{2})")
_CODE = re.compile(rb"%([0-9A-F]{2})")
_PROGRAMS = frozenset({"__pycache__", "node_modules", "venv"})


@frozen(kw_only=True)
class VaultFile:
    """One file: its path from the root, as `vault_path` writes it, and its bytes."""

    path: str
    data: bytes = field(repr=False)


@frozen(kw_only=True)
class VaultFolder:
    """What a folder holds: files that were read, and why others were not (path, reason)."""

    root: Path
    files: tuple[VaultFile, ...]
    skipped: tuple[tuple[str, str], ...]


def read_folder(root: Path, *, largest: int, markdown_only: bool = False) -> VaultFolder:
    """Read a folder; `largest` is in bytes. Links are not followed, hidden entries and program folders stay out.

    `markdown_only` lists other files as skipped, unread. Raises InvalidInputError where there is no such folder.
    """
    try:
        real = Path(os.path.realpath(root, strict=True))
        os.scandir(real).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise InvalidInputError(
            f"cannot read the folder {root}", why=why, cure="name the folder that holds the pages"
        ) from None
    files, skipped = list[VaultFile](), list[tuple[str, str]]()
    for path, problem in _walk(real):
        name = vault_path(os.path.relpath(path, real))
        unwanted = markdown_only and not name.casefold().endswith(".md")
        data = problem or ("not a page" if unwanted else _read(path, largest))
        if isinstance(data, str):
            skipped.append((name, data))
        else:
            files.append(VaultFile(path=name, data=data))
    files.sort(key=lambda file: file.path)
    return VaultFolder(root=real, files=tuple(files), skipped=tuple(sorted(skipped)))


def vault_path(path: str) -> str:
    """Return a path as a vault keeps it: with slashes, and what no database holds as ``%0A``.

    Names without control characters and broken bytes stay as they are; `disk_path` leads back to all of them.
    """
    return _ESCAPED.sub(_escape, path.replace(os.sep, "/") if os.sep != "/" else path)


def disk_path(path: str) -> str:
    """Return the path that `vault_path` was given."""
    return os.fsdecode(_CODE.sub(lambda match: bytes([int(match[1], 16)]), path.encode()))


def _escape(match: re.Match[str]) -> str:
    errors = "surrogateescape" if "\udc80" <= match[0] <= "\udcff" else "replace"
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors=errors))


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every file with an empty reason, and what is not entered with its reason."""
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                found = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, f"unreadable: {error.strerror}"
            continue
        for entry in found:
            if entry.is_symlink():
                yield entry.path, _link(root, entry.path)
            elif entry.name.startswith("."):
                yield entry.path, "hidden"
            elif not entry.is_dir(follow_symlinks=False):
                yield entry.path, ""
            elif entry.name in _PROGRAMS:
                yield entry.path, "a folder of programs"
            else:
                waiting.append(entry.path)


def _link(root: Path, path: str) -> str:
    target = Path(os.path.realpath(path))
    return "a link inside the vault" if target.is_relative_to(root) else "a link that leaves the vault"


def _read(path: str, largest: int) -> bytes | str:
    """Return the bytes of a regular file, or why it was not read."""
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return "not a regular file"
            return f"larger than {largest / 1e6:g} MB" if status.st_size > largest else file.read()
    except OSError as error:
        return f"unreadable: {error.strerror}"
