"""The files of a workspace that describe its agents: CLAUDE.md and AGENTS.md with their imports, and .claude.

Only files inside the workspace are read, links resolved. An import is `@path` outside code and comments, relative to
its file; `~` and absolute paths count where they lead into the workspace. Circles and chains that are too deep end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from attrs import define, field, frozen
from memcore.errors import InvalidInputError
from memcore.records import Finding
from memcore_toolkit.blocks import Document, Fence, HtmlComment
from memcore_toolkit.inline import code_spans, without_comments
from memcore_toolkit.markdown import decode, parse
from memcore_toolkit.paths import portable_path

__all__ = ["Text", "Workspace", "import_targets", "read_workspace"]

Level = Literal["global", "project", "session"]

_LEVELS: tuple[tuple[str, Level], ...] = (
    ("CLAUDE.md", "project"),
    (".claude/CLAUDE.md", "project"),
    ("AGENTS.md", "project"),
    ("CLAUDE.local.md", "session"),
)
_IMPORT = re.compile(r"(?<![^\s(（「\"'])@([^\s`@<>|]+)")
_TRAILING = ".,;:!?)]}\"'。，、；：！？）」"


@frozen(kw_only=True)
class Text:
    """One file that was read: its path in the workspace, its level, and whether it defines an agent or is imported."""

    path: str
    text: str = field(repr=False)
    document: Document = field(repr=False)
    level: Level = "project"
    part: Literal["rules", "agent", "import"] = "rules"


@define(kw_only=True)
class Workspace:
    """What was read of a workspace, and what could not be."""

    root: Path
    texts: list[Text] = field(factory=list)
    findings: list[Finding] = field(factory=list)


def read_workspace(folder: Path, *, depth: int, largest: int) -> Workspace:
    """Read the files that describe agents. Raises InvalidInputError where there is no such folder."""
    try:
        root = Path(os.path.realpath(folder, strict=True))
        os.scandir(root).close()
    except OSError as error:
        why = error.strerror or str(error)
        cure = "name the folder that holds CLAUDE.md"
        raise InvalidInputError(f"cannot read the folder {folder}", why=why, cure=cure) from None
    reader = _Reader(Workspace(root=root), depth, largest)
    for name, level in _LEVELS:
        reader.read(root / name, level, "rules", 0)
    for path in _below(root / ".claude" / "rules"):
        reader.read(path, "project", "rules", 0)
    for path in _below(root / ".claude" / "agents"):
        reader.read(path, "project", "agent", 0)
    return reader.found


def import_targets(text: str) -> list[tuple[int, str]]:
    """Return (line, target) of every `@target` outside code, fences and comments that can be a path."""
    lines = text.split("\n")
    for block in parse(text).walk():
        if isinstance(block, Fence | HtmlComment):
            lines[block.line - 1 : block.end_line] = [""] * (block.end_line - block.line + 1)
    plain = "\n".join(lines)
    for start, end in reversed(code_spans(plain)):
        hidden = "\n".join(" " * len(part) for part in plain[start:end].split("\n"))
        plain = plain[:start] + hidden + plain[end:]
    return [
        (number, target)
        for number, line in enumerate(plain.split("\n"), 1)
        for match in _IMPORT.finditer(without_comments(line))
        if (target := match[1].rstrip(_TRAILING))
    ]


def _below(folder: Path) -> Iterator[Path]:
    """Yield the markdown files below a folder by name; folders that are links are not entered."""
    for base, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(base) / name for name in sorted(names) if name.casefold().endswith(".md"))


class _Reader:
    def __init__(self, found: Workspace, depth: int, largest: int) -> None:
        self.found, self.depth, self.largest = found, depth, largest
        self.seen: set[str] = set()

    def read(self, path: Path, level: Level, part: Literal["rules", "agent", "import"], depth: int) -> None:
        """Read a file that may not exist, once, and what it imports."""
        real = os.path.realpath(path)
        if real in self.seen or not Path(real).is_file():
            return
        name = portable_path(os.path.relpath(path, self.found.root))
        if not Path(real).is_relative_to(self.found.root):
            self.note("outside", "warning", f"{name} is a link that leaves the workspace", f"{name}:1")
            return
        self.seen.add(real)
        try:
            data = Path(real).read_bytes() if Path(real).stat().st_size <= self.largest else None
        except OSError as error:
            self.note("unreadable", "warning", f"{name} cannot be read: {error.strerror}", f"{name}:1")
            return
        decoded = decode(data) if data is not None else None
        if decoded is None or decoded.binary:
            self.note("unreadable", "warning", f"{name} is no text of a sensible size", f"{name}:1")
            return
        text = Text(path=name, text=decoded.text, document=parse(decoded.text), level=level, part=part)
        self.found.texts.append(text)
        if part != "agent":
            for line, target in import_targets(decoded.text):
                self.follow(text, Path(real).parent, line, target, depth)

    def follow(self, text: Text, folder: Path, line: int, target: str, depth: int) -> None:
        """Read one import; a mention that names no file is one only if it is written like a path to a page."""
        where = f"{text.path}:{line}"
        try:
            path = folder / Path(target).expanduser()
            real = Path(os.path.realpath(path))
            exists = real.is_file()
        except (OSError, RuntimeError, ValueError):
            return
        if not real.is_relative_to(self.found.root):
            if target.casefold().endswith(".md"):
                self.note("outside", "warning", f"the import @{target} leaves the workspace and was not read", where)
        elif exists and depth >= self.depth:
            if str(real) not in self.seen:
                self.note("depth", "warning", f"the import @{target} is more than {self.depth} files deep", where)
        elif exists:
            level: Level = text.level
            self.read(self.found.root / real.relative_to(self.found.root), level, "import", depth + 1)
        elif target.casefold().endswith(".md"):
            self.note("import", "warning", f"the import @{target} names no file", where)

    def note(self, code: str, severity: Literal["error", "warning", "info"], message: str, where: str) -> None:
        """Add a finding."""
        cures = {
            "outside": "copy it into the workspace, or drop the import",
            "depth": "import it from a file nearer to CLAUDE.md",
            "import": "correct the path, which is relative to the file it stands in",
            "unreadable": "check its permissions and its encoding",
        }
        found = Finding(code=f"ontology.{code}", severity=severity, message=message, where=where, cure=cures[code])
        self.found.findings.append(found)
