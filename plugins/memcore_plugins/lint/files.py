"""The tag format in files: every finding names file and line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from memcore.errors import InvalidInputError
from memcore.records import Finding
from memcore_toolkit.blocks import Block, Bullet, Fence, Heading, Paragraph
from memcore_toolkit.markdown import decode, parse
from memcore_toolkit.retain import is_retain_heading, needs_tags, parse_tag
from memcore_toolkit.secrets import find_secrets

__all__ = ["check_files", "check_text"]

_SUFFIXES = (".md", ".markdown")
Severity = Literal["error", "warning", "info"]
_PROBLEMS = {
    "unknown-letter": ("lint.tag-letter", "the letter {letter} is not one of W, B, O and S", "use one of them"),
    "confidence-unreadable": ("lint.confidence", "the confidence cannot be read", "write (c=0.8)"),
    "confidence-out-of-range": ("lint.confidence", "the confidence is not between 0 and 1", "write (c=0.8)"),
    "empty": ("lint.tag-empty", "the tag has no text", "write the fact behind it or remove it"),
}


def check_files(paths: Iterable[Path]) -> Iterator[Finding]:
    """Check files, and the markdown files in folders; hidden folders and links are passed over.

    Raises InvalidInputError for a path that cannot be read.
    """
    for path in paths:
        for file in _files(path):
            try:
                data = file.read_bytes()
            except OSError as error:
                why = error.strerror or str(error)
                raise InvalidInputError(f"cannot read {file}", why=why, cure="check the path") from None
            decoded = decode(data)
            for note in decoded.notes:
                severity: Severity = "info" if "byte order mark" in note else "warning"
                cure = "save it as UTF-8"
                yield Finding(code="lint.encoding", severity=severity, message=note, where=str(file), cure=cure)
            if not decoded.binary:
                yield from check_text(decoded.text, str(file))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name == ".claude")
        for name in sorted(names):
            file = Path(folder, name)
            if name.lower().endswith(_SUFFIXES) and file.is_file() and not file.is_symlink():
                yield file


def check_text(text: str, where: str) -> Iterator[Finding]:
    """Check the tags of one markdown text."""
    trusting = "bank" in Path(where).parts
    level = 0
    blocks = parse(text).blocks
    for index, block in enumerate(blocks):
        if isinstance(block, Heading):
            if level and block.level <= level:
                level = 0
            if is_retain_heading(block.text) and (not needs_tags(block.text) or _tag_follows(blocks[index + 1 :])):
                level = block.level
        elif isinstance(block, Fence) and not block.closed:
            message = "a code fence opens here and is never closed; it is read as ending before the next heading"
            yield _finding("lint.fence", "warning", message, where, block.line, "close it")
        else:
            yield from _check_block(block, where, trusting=trusting or bool(level), section=bool(level))
    for secret in find_secrets(text):
        line = text.count("\n", 0, secret.start) + 1
        yield _finding("lint.secret", "error", f"a secret ({secret.kind})", where, line, "remove it and renew the key")


def _check_block(block: Block, where: str, *, trusting: bool, section: bool) -> Iterator[Finding]:
    if isinstance(block, Bullet):
        yield from _check_line(f"- {block.text}", block.line, where, trusting=trusting, section=section)
        for child in block.children:
            yield from _check_block(child, where, trusting=trusting, section=False)
    elif isinstance(block, Paragraph):
        for number, line in enumerate(block.text.split("\n"), block.line):
            yield from _check_line(line, number, where, trusting=trusting, section=False)


def _check_line(line: str, number: int, where: str, *, trusting: bool, section: bool) -> Iterator[Finding]:
    tag = parse_tag(line, trusting=trusting)
    if tag is None:
        if section and not line.startswith(("- U", "- `")):
            message = "this item of a Retain section has no tag"
            yield _finding("lint.untagged", "info", message, where, number, "begin with W, B, O or S")
    elif tag.letter != "U":  # the dialectic plugin checks its own
        for problem in tag.problems:
            code, message, cure = _PROBLEMS[problem]
            yield _finding(code, "warning", message.format(letter=tag.letter), where, number, cure)
        if tag.letter == "O" and tag.confidence is None and not tag.problems:
            yield _finding("lint.opinion", "info", "this opinion states no confidence", where, number, "write O(c=0.8)")


def _tag_follows(blocks: Iterable[Block]) -> bool:
    for block in blocks:
        if isinstance(block, Heading):
            return False
        if isinstance(block, Bullet) and parse_tag(f"- {block.text}", trusting=True):
            return True
    return False


def _finding(code: str, severity: Severity, message: str, where: str, line: int, cure: str) -> Finding:
    return Finding(code=code, severity=severity, message=message, where=f"{where}:{line}", cure=cure)
