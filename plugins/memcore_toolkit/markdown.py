"""A tolerant reader of agent memory markdown: never raises, linear in the size of the file, exact line numbers.

Memory files are written by models and people in a hurry, so the reader prefers losing a nicety of the standard to
losing a fact:

* Deeper indentation belongs to the list item above; an unindented line after an item is a paragraph of its own (bare
  tag lines), and indented code is text.
* A fence that is never closed, or that a line opening another fence interrupts, ends at the next heading or before
  that line: it cannot swallow the rest of the file. In a file whose fences do not pair up, a ``##`` heading behind a
  blank line ends a fence too. An HTML comment that is never closed ends at the next heading or the next comment.
* ``---`` opens frontmatter on the first line only. Below one line of prose it makes a heading, unless the line ends
  like a sentence.
* Table rows carry their header. Rows without a header row name their columns by number.
"""

from __future__ import annotations

import re

from attrs import define, evolve, field

from memcore_toolkit.blocks import (
    Block,
    Bullet,
    Document,
    Fence,
    Heading,
    HtmlComment,
    Paragraph,
    Quote,
    Rule,
    TableRow,
)
from memcore_toolkit.encoding import Decoded, decode
from memcore_toolkit.frontmatter import link_targets, read_frontmatter
from memcore_toolkit.inline import (
    MarkdownLink,
    WikiLink,
    inline_plain,
    is_code_wrapped,
    markdown_links_in,
    placeholder,
    wikilinks_in,
    without_comments,
)
from memcore_toolkit.landmarks import FENCE, HEADING, Landmarks
from memcore_toolkit.tables import is_delimiter, row_cells, split_row

__all__ = [
    "Block",
    "Bullet",
    "Decoded",
    "Document",
    "Fence",
    "Heading",
    "HtmlComment",
    "MarkdownLink",
    "Paragraph",
    "Quote",
    "Rule",
    "TableRow",
    "WikiLink",
    "decode",
    "inline_plain",
    "is_code_wrapped",
    "link_targets",
    "markdown_links",
    "parse",
    "placeholder",
    "wikilinks",
]

#: Nesting that is kept; deeper items become children of the deepest level.
DEEPEST_LIST = 32

_CLOSING_HASHES = re.compile(r"(?:^|[ \t])#+$")
_BULLET = re.compile(r"([ \t\u3000]*)([-*+\u2022\u30fb]|\d{1,9}[.)])(?:[ \t\u3000]+(.*)|$)")
_BOX = re.compile(r"\[([ xX])\](?:[ \t\u3000]+(.*)|$)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*+){3,}|(?:\*[ \t]*+){3,}|(?:_[ \t]*+){3,})$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_SENTENCE_END = tuple(".!?:;,。！？：；、，")
_WIDTHS = {" ": 1, "\t": 4, "\u3000": 2}


def parse(text: str) -> Document:
    """Read a markdown text into frontmatter and blocks."""
    lines = _lines(text)
    front = read_frontmatter(lines)
    reader = _Reader(lines=lines, position=front.lines)
    reader.read()
    return Document(frontmatter=front.values, invalid_frontmatter=front.invalid, blocks=tuple(reader.blocks))


def wikilinks(text: str) -> list[WikiLink]:
    """Return the wiki links of a whole document; code, fences, comments and frontmatter do not count."""
    return wikilinks_in(_prose_only(text))


def markdown_links(text: str) -> list[MarkdownLink]:
    """Return the links and images of a whole document; code, fences, comments and frontmatter do not count."""
    return markdown_links_in(_prose_only(text))


def _lines(text: str) -> list[str]:
    plain = text.removeprefix("\ufeff")
    if "\r" in plain:
        plain = plain.replace("\r\n", "\n").replace("\r", "\n")
    lines = plain.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _prose_only(text: str) -> str:
    """Blank the lines of frontmatter, fences and comments."""
    lines = _lines(text)
    front = read_frontmatter(lines)
    reader = _Reader(lines=lines, position=front.lines)
    reader.read()
    lines[: front.lines] = [""] * front.lines
    for block in Document(blocks=tuple(reader.blocks)).walk():
        if isinstance(block, Fence):
            lines[block.line - 1 : block.end_line] = [""] * (block.end_line - block.line + 1)
    return "\n".join(lines)


@define
class _Item:
    """A list item that is still open."""

    bullet: Bullet
    continuation: list[str] = field(factory=list)
    children: list[Block] = field(factory=list)


@define
class _Reader:
    """Walk over the lines once; every method takes the lines of one block. Comments are taken out of ``lines``."""

    lines: list[str]
    position: int
    blocks: list[Block] = field(factory=list)
    headings: list[Heading] = field(factory=list)
    section: tuple[str, ...] = ()
    items: list[_Item] = field(factory=list)
    landmarks: Landmarks = field(init=False)

    def read(self) -> None:
        """Read all lines into blocks."""
        self.landmarks = Landmarks(self.lines)
        while self.position < len(self.lines):
            line = self.lines[self.position]
            if "<!--" in line and self._comment(line):
                continue
            if not line.strip():
                self.position += 1
            elif not (
                self._fence(line)
                or self._heading(line)
                or self._rule(line)
                or self._bullet(line)
                or self._continuation(line)
                or self._table(line)
                or self._quote(line)
            ):
                self._paragraph(line)
        self._close(0)

    def _add(self, block: Block) -> None:
        self.blocks.append(block)

    def _close(self, depth: int) -> None:
        """Finish open items until ``depth`` of them are left."""
        while len(self.items) > depth:
            item = self.items.pop()
            last = max((item.bullet.end_line, *(child.end_line for child in item.children[-1:])))
            done = evolve(
                item.bullet, continuation=tuple(item.continuation), children=tuple(item.children), end_line=last
            )
            (self.items[-1].children if self.items else self.blocks).append(done)

    def _comment(self, line: str) -> bool:
        """Take a comment out of its lines; what stands around it is read as if it were not there."""
        start = line.find("<!--", line.rfind("-->") + 1)
        if start < 0:
            if without_comments(line).strip():
                return False
            start, end, after = line.find("<!--"), self.position, ""
        elif line.count("`", 0, start) % 2:
            return False
        else:
            end, after = self.landmarks.comment_end(self.position)
        taken = "\n".join([line[start:], *self.lines[self.position + 1 : end + 1]]).removesuffix(after)
        if not line[:start].strip():
            self._close(0)
        text = taken.removeprefix("<!--").rstrip().removesuffix("-->").strip()
        self._add(HtmlComment(line=self.position + 1, end_line=end + 1, section=self.section, text=text))
        self.lines[self.position : end + 1] = [line[:start], *[""] * (end - self.position)]
        if end > self.position:
            self.lines[end] = after
        return True

    def _fence(self, line: str) -> bool:
        match = FENCE.match(line) if "```" in line or "~~~" in line else None
        if match is None:
            return False
        end, closed = self.landmarks.fence_end(self.position, match[1])
        indent = _columns(line[: match.start(1)])
        self._close_to(indent)
        margin = re.compile(rf"[ \t\u3000]{{0,{match.start(1)}}}")
        fence = Fence(
            line=self.position + 1,
            end_line=end,
            section=self.section,
            info=match[2].strip(),
            text="\n".join(margin.sub("", body, count=1) for body in self.lines[self.position + 1 : end - closed]),
            closed=closed,
        )
        (self.items[-1].children if self.items else self.blocks).append(fence)
        self.position = end
        return True

    def _close_to(self, indent: int) -> None:
        """Finish the items that a line of this indent does not belong to."""
        depth = len(self.items)
        while depth and self.items[depth - 1].bullet.indent >= indent:
            depth -= 1
        self._close(depth)

    def _heading(self, line: str) -> bool:
        match = HEADING.match(line)
        if match is None or (self.items and line[0] == " " and _columns(_margin(line)) > self.items[-1].bullet.indent):
            return False
        self._open_section(len(match[1]), _CLOSING_HASHES.sub("", (match[2] or "").strip()).strip(), 1)
        return True

    def _open_section(self, level: int, text: str, height: int) -> None:
        self._close(0)
        while self.headings and self.headings[-1].level >= level:
            self.headings.pop()
        heading = Heading(
            line=self.position + 1,
            end_line=self.position + height,
            section=tuple(above.text for above in self.headings),
            level=level,
            text=text,
        )
        self.headings.append(heading)
        self.section = heading.path
        self._add(heading)
        self.position += height

    def _rule(self, line: str) -> bool:
        if not _RULE.match(line):
            return False
        self._close(0)
        self._add(Rule(line=self.position + 1, end_line=self.position + 1, section=self.section))
        self.position += 1
        return True

    def _bullet(self, line: str) -> bool:
        match = _BULLET.match(line)
        if match is None:
            return False
        indent, text = _columns(match[1]), (match[3] or "").rstrip()
        box = _BOX.match(text)
        self._close_to(indent)
        self._close(DEEPEST_LIST - 1)
        self.items.append(
            _Item(
                Bullet(
                    line=self.position + 1,
                    end_line=self.position + 1,
                    section=self.section,
                    indent=indent,
                    marker=match[2],
                    text=(box[2] or "").rstrip() if box else text,
                    checked=box[1] in "xX" if box else None,
                )
            )
        )
        self.position += 1
        return True

    def _continuation(self, line: str) -> bool:
        """Add a deeper line to the item it stands under, or finish the list."""
        if self.items:
            self._close_to(_columns(_margin(line)))
        if not self.items:
            return False
        item = self.items[-1]
        item.continuation.append(line.strip())
        item.bullet = evolve(item.bullet, end_line=self.position + 1)
        self.position += 1
        return True

    def _table(self, line: str) -> bool:
        if "|" not in line:
            return False
        header: tuple[str, ...] = ()
        below = self.lines[self.position + 1] if self.position + 1 < len(self.lines) else ""
        if is_delimiter(below):
            header = tuple(split_row(line))
            self.position += 2
        elif not line.lstrip().startswith("|"):
            return False
        while self.position < len(self.lines) and _is_row(self.lines[self.position], bool(header)):
            self._row(header)
        return True

    def _row(self, header: tuple[str, ...]) -> None:
        number = self.position + 1
        line = self.lines[self.position]
        if not is_delimiter(line):
            cells = row_cells(header, line)
            self._add(TableRow(line=number, end_line=number, section=self.section, header=header, cells=cells))
        self.position += 1

    def _quote(self, line: str) -> bool:
        if not line.lstrip().startswith(">"):
            return False
        start, texts = self.position, list[str]()
        while self.position < len(self.lines) and self.lines[self.position].lstrip().startswith(">"):
            texts.append(self.lines[self.position].lstrip()[1:].removeprefix(" "))
            self.position += 1
        self._add(Quote(line=start + 1, end_line=self.position, section=self.section, text="\n".join(texts)))
        return True

    def _paragraph(self, line: str) -> None:
        below = self.lines[self.position + 1] if self.position + 1 < len(self.lines) else ""
        underline = _UNDERLINE.match(below)
        if underline and (underline[1][0] == "=" or not line.rstrip().endswith(_SENTENCE_END)):
            self._open_section(1 if underline[1][0] == "=" else 2, line.strip(), 2)
            return
        start = self.position
        self.position += 1
        while self.position < len(self.lines) and not self._interrupts(self.lines[self.position]):
            self.position += 1
        text = "\n".join(part.strip() for part in self.lines[start : self.position])
        self._add(Paragraph(line=start + 1, end_line=self.position, section=self.section, text=text))

    def _interrupts(self, line: str) -> bool:
        """Tell whether a line ends the paragraph above it."""
        stripped = line.lstrip()
        return (
            not stripped
            or stripped[0] in "|>"
            or "<!--" in line
            or any(pattern.match(line) for pattern in (HEADING, _BULLET, _RULE, FENCE))
            or ("|" in line and self._heads_table())
        )

    def _heads_table(self) -> bool:
        return self.position + 1 < len(self.lines) and is_delimiter(self.lines[self.position + 1])


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\u3000"))]


def _columns(margin: str) -> int:
    return sum(_WIDTHS[character] for character in margin)


def _is_row(line: str, headed: bool) -> bool:
    return line.lstrip().startswith("|") or (
        headed and "|" in line and not _BULLET.match(line) and not HEADING.match(line)
    )
