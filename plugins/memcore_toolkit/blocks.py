"""The parts of a markdown document, as frozen values with 1-based line numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

__all__ = ["Block", "Bullet", "Document", "Fence", "Heading", "HtmlComment", "Paragraph", "Quote", "Rule", "TableRow"]


@frozen(kw_only=True)
class Block:
    """Hold what every block has: first and last line (from 1, inclusive) and the headings above, outermost first."""

    line: int
    end_line: int
    section: tuple[str, ...]


@frozen(kw_only=True)
class Heading(Block):
    """A heading of level 1 to 6. ``section`` holds its ancestors, without itself."""

    level: int
    text: str

    @property
    def path(self) -> tuple[str, ...]:
        """Return the ancestors and the heading itself: the ``section`` of the blocks below it."""
        return (*self.section, self.text)


@frozen(kw_only=True)
class Bullet(Block):
    """A list item. ``end_line`` includes its children.

    ``indent`` counts columns (a tab is 4, U+3000 is 2), ``marker`` is the text of the marker (``-``, ``1.``), ``text``
    the first line without marker and box, ``continuation`` the deeper lines below it without their indent, ``checked``
    None without a box.
    """

    indent: int
    marker: str
    text: str
    checked: bool | None = None
    continuation: tuple[str, ...] = ()
    children: tuple[Block, ...] = ()

    @property
    def full_text(self) -> str:
        """Return the text with its continuation lines."""
        return "\n".join((self.text, *self.continuation))


@frozen(kw_only=True)
class Paragraph(Block):
    """Consecutive lines of prose; line ``i`` of ``text`` is line ``line + i`` of the file."""

    text: str


@frozen(kw_only=True)
class TableRow(Block):
    """One row of a table. ``cells`` maps column name to cell; a column without a name is called by its number."""

    header: tuple[str, ...]
    cells: Mapping[str, str]


@frozen(kw_only=True)
class Fence(Block):
    """A fenced code block. ``closed`` is False when the closing line is missing."""

    info: str
    text: str
    closed: bool = True


@frozen(kw_only=True)
class HtmlComment(Block):
    """An HTML comment that has its lines to itself or runs over several."""

    text: str


@frozen(kw_only=True)
class Quote(Block):
    """Consecutive quoted lines without their first ``>``."""

    text: str


@frozen(kw_only=True)
class Rule(Block):
    """A thematic break."""


@frozen(kw_only=True)
class Document:
    """A parsed file: frontmatter, why it could not be read as YAML (None when it could), and the blocks in order.

    Nested list items are children of their parent; :meth:`walk` visits them too.
    """

    frontmatter: Mapping[str, object] = field(factory=dict)
    invalid_frontmatter: str | None = None
    blocks: tuple[Block, ...] = ()

    def walk(self) -> Iterator[Block]:
        """Yield every block in reading order, children after their parent."""
        waiting = list(reversed(self.blocks))
        while waiting:
            block = waiting.pop()
            yield block
            if isinstance(block, Bullet):
                waiting.extend(reversed(block.children))
