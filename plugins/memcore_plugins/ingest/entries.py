"""What a page says, entry by entry.

List items with what is nested in them, paragraphs, table rows, quotes, and the tags among them.

Fences, comments and documentation of the tag grammar are left out here, once for all formats, each with its line and
reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define
from memcore_toolkit.blocks import Block, Bullet, Fence, Heading, HtmlComment, Paragraph, Quote, TableRow
from memcore_toolkit.retain import Tag, is_retain_heading, needs_tags, parse_tag

__all__ = ["Entry", "entries", "nested_text"]

Leave = Callable[[int, int, str], None]

_QUOTED = re.compile(r"`+[A-Z](?:\(\s*c\s*[=:][^)`]*\))?(?:\[[^\]`]+\])?(?:\s*@[^`]*|[:：][^`]*)`")
_USER_TAG = re.compile(
    r"(?:\*\*|__|\*)?U(?:(?:[+\-\u2212\u2013]|\([^()\n]{0,80}\)|\[[^\]\n]{1,80}\])+(?=[\s:：@])|\s*[:：]?\s*@"
    r"|[:：]?\s+\w+[_-]\w[\w-]*\s*(?:[:：]|$))"
)
_MAY_BE_TAG = re.compile(r"(?:\*\*|__|\*|\[)?[A-Z][(\[:：\s*_@\]]")
_LEAD = re.compile(r"\*\*[^*]+\*\*")
_DOTS = ("・", "•")


@define(kw_only=True, eq=False)
class Entry:
    """One thing a page says.

    `head` is its text without what is nested, `tag` its Retain tag, `retain` whether it is in such a section.
    """

    line: int
    end_line: int
    section: tuple[str, ...]
    form: str
    head: str
    retain: bool = False
    tag: Tag | None = None
    nested: Sequence[Bullet] = ()
    marker: str = "-"
    row: TableRow | None = None

    @property
    def text(self) -> str:
        """Return the head and everything nested in it, nested items with their bullets."""
        return "\n".join((self.head, *nested_text(self.nested))) if self.nested else self.head


def nested_text(bullets: Sequence[Bullet], depth: int = 1) -> list[str]:
    """Return nested items as lines, two spaces deeper per level."""
    lines: list[str] = []
    for bullet in bullets:
        margin = "  " * depth
        lines.append(f"{margin}{bullet.marker} {_boxed(bullet)}")
        lines += (f"{margin}  {line}" for line in bullet.continuation)
        lines += nested_text([child for child in bullet.children if isinstance(child, Bullet)], depth + 1)
    return lines


def entries(blocks: Sequence[Block], leave: Leave, *, trusting: bool = False, fences: bool = False) -> Iterator[Entry]:
    """Yield the entries of a document in order; `leave` is told of what is none.

    `trusting` accepts a letter and a colon as a tag everywhere, not only in Retain sections; `fences` yields code
    blocks as entries.
    """
    reader, last = _Reader(leave, trusting, fences), None
    for index, block in enumerate(blocks):
        if isinstance(block, Heading):
            reader.enter(block, blocks, index)
            continue
        for entry in reader.read(block):
            if last is not None and isinstance(block, Bullet) and _belongs(last, entry, block):
                last.nested, last.end_line = (*last.nested, block), entry.end_line
                continue
            if last is not None:
                yield last
            last = entry
    if last is not None:
        yield last


def _belongs(above: Entry, entry: Entry, block: Bullet) -> bool:
    """Tell whether a list item is a field of the bare tag line above it.

    Directly below and deeper, or named like one.
    """
    if above.tag is None or not above.tag.bare or entry.tag or entry.line != above.end_line + 1:
        return False
    from memcore_plugins.ingest.fields import field_of

    return block.indent > 0 or field_of(block.text) is not None


class _Reader:
    def __init__(self, leave: Leave, trusting: bool, fences: bool) -> None:
        self.leave, self.trusting, self.fences = leave, trusting, fences
        self.level = 0

    def enter(self, heading: Heading, blocks: Sequence[Block], index: int) -> None:
        if self.level and heading.level <= self.level:
            self.level = 0
        if is_retain_heading(heading.text) and (
            not needs_tags(heading.text) or _tags_below(blocks[index + 1 :], heading.level)
        ):
            self.level = self.level or heading.level

    def read(self, block: Block) -> Iterator[Entry]:
        if isinstance(block, Bullet):
            yield from self._bullet(block)
        elif isinstance(block, Paragraph):
            yield from self._paragraph(block)
        elif isinstance(block, TableRow):
            head = "; ".join(f"{name}: {cell}" for name, cell in block.cells.items() if cell)
            yield from [self._entry(block, "row", head, row=block)] if head else ()
        elif isinstance(block, Quote):
            yield self._entry(block, "quote", block.text)
        elif isinstance(block, Fence):
            yield from self._fence(block)
        elif isinstance(block, HtmlComment):
            self.leave(block.line, block.end_line, "an HTML comment")

    def _entry(self, block: Block, form: str, head: str, **more: Any) -> Entry:
        told: dict[str, Any] = {"line": block.line, "end_line": block.end_line, "section": block.section, **more}
        return Entry(form=form, head=head, retain=self.level > 0, **told)

    def _fence(self, block: Fence) -> Iterator[Entry]:
        if self.fences and block.text.strip():
            yield self._entry(block, "fence", block.text)
        else:
            self.leave(block.line, block.end_line, "a code fence")

    def _tag(self, line: str) -> Tag | None:
        return parse_tag(line, trusting=self.trusting or self.level > 0)

    def _set_aside(self, block: Block, text: str) -> bool:
        """Leave out what documents the tag grammar, and what another plugin reads."""
        if "`" in text and _QUOTED.search(text):
            self.leave(block.line, block.end_line, "documentation of the tag grammar")
            return True
        if text[:1] in "U*_" and _USER_TAG.match(text):
            self.leave(block.line, block.end_line, "a U-tag, read by the dialectic plugin")
            return True
        return False

    def _bullet(self, block: Bullet) -> Iterator[Entry]:
        head = _boxed(block)
        if block.continuation:
            head = "\n".join((head, *block.continuation)).strip()
        if self._set_aside(block, head):
            return
        if self.fences:
            head = "\n".join((head, *(child.text for child in block.children if isinstance(child, Fence))))
        tag = self._tag(f"- {block.text}") if _MAY_BE_TAG.match(block.text) else None
        nested, apart = self._children(block)
        yield self._entry(block, "bullet", head, tag=tag, nested=nested, marker=block.marker)
        for child in apart:
            yield from self._bullet(child)

    def _children(self, block: Bullet) -> tuple[list[Bullet], list[Bullet]]:
        """Return the nested items that belong to the text, and those that are tags of their own."""
        nested, apart = list[Bullet](), list[Bullet]()
        for child in block.children:
            if isinstance(child, Bullet):
                own = self._tag(f"- {child.text}") if _MAY_BE_TAG.match(child.text) else None
                (apart if own else nested).append(child)
            elif isinstance(child, HtmlComment) or not self.fences:
                self.leave(
                    child.line, child.end_line, "an HTML comment" if isinstance(child, HtmlComment) else "a code fence"
                )
        return nested, apart

    def _paragraph(self, block: Paragraph) -> Iterator[Entry]:
        """Yield tags, dotted lines and lines with a bold lead one by one, the prose between them together."""
        if self._set_aside(block, block.text):
            return
        lines = block.text.split("\n")
        led = len(lines) > 1 and all(_LEAD.match(line) for line in lines)
        if not led and not any(line.startswith(_DOTS) or _MAY_BE_TAG.match(line) for line in lines):
            yield self._entry(block, "paragraph", block.text)
            return
        prose: list[str] = []
        for number, line in enumerate(lines, block.line):
            text = line.lstrip("・• \u3000")
            tag = self._tag(line) if _MAY_BE_TAG.match(text) else None
            if led or tag or line.startswith(_DOTS):
                yield from self._prose(block, prose, number)
                yield self._entry(block, "paragraph", text, line=number, end_line=number, tag=tag)
            else:
                prose.append(line)
        yield from self._prose(block, prose, block.end_line + 1)

    def _prose(self, block: Paragraph, lines: list[str], behind: int) -> Iterator[Entry]:
        if lines:
            yield self._entry(block, "paragraph", "\n".join(lines), line=behind - len(lines), end_line=behind - 1)
            lines.clear()


def _boxed(bullet: Bullet) -> str:
    if bullet.checked is None:
        return bullet.text
    return f"[{'x' if bullet.checked else ' '}] {bullet.text}"


def _tags_below(blocks: Sequence[Block], level: int) -> bool:
    """Tell whether a tag follows in the section that a heading of this level opens."""
    for block in blocks:
        if isinstance(block, Heading) and block.level <= level:
            return False
        if isinstance(block, Bullet) and parse_tag(f"- {block.text}", trusting=True):
            return True
        if isinstance(block, Paragraph) and any(map(parse_tag, block.text.split("\n"))):
            return True
    return False
