"""Layers: the persona from L0 Being to L3 Actions, and the knowledge from global over project to session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memcore_toolkit.blocks import Block, Bullet, Heading, Paragraph, Quote, TableRow
from memcore_toolkit.inline import inline_plain

from memcore_plugins.ontology.reading import Text
from memcore_plugins.ontology.schema import Layer

__all__ = ["knowledge", "persona"]

_NAMES = {"L0": "Being", "L1": "Values", "L2": "Capabilities", "L3": "Actions"}
_LEVEL = re.compile(r"\W*L([0-3])\b\s*[:：.)\-–—·|]*\s*(.*)$", re.DOTALL)
_WORDS = re.compile(r"(being|values?|capabilit(?:y|ies)|actions?)\b[\s:：\-–—]*(.*)$", re.IGNORECASE | re.DOTALL)


def persona(texts: Iterable[Text]) -> Iterator[Layer]:
    """Yield the persona layers: sections headed `L0 Being`, list items or table rows that begin so.

    The text of a layer is what stands below its heading. A layer that several places describe has one row for each.
    """
    seen: dict[tuple[str, str], int] = {}
    for text in texts:
        for level, name, body, line in _layers(text) if text.part != "agent" else ():
            count = seen[level, name] = seen.get((level, name), 0) + 1
            label = name if count == 1 else f"{name} ({count})"
            yield Layer(family="persona", level=level, name=label, text=body, file=text.path, line=line)


def knowledge(texts: Iterable[Text]) -> Iterator[Layer]:
    """Yield one layer per file that is told to agents, with its first heading; agents' own files are none."""
    for text in texts:
        if text.part != "agent":
            heads = (block.text for block in text.document.blocks if isinstance(block, Heading))
            title = inline_plain(next(heads, "")).strip()
            yield Layer(family="knowledge", level=text.level, name=text.path, text=title, file=text.path)


def _layers(text: Text) -> Iterator[tuple[str, str, str, int]]:
    blocks = text.document.blocks
    for index, block in enumerate(blocks):
        if isinstance(block, Heading) and (match := _LEVEL.match(block.text)):
            name = inline_plain(match[2]).strip() or _NAMES[f"L{match[1]}"]
            yield f"L{match[1]}", name, "\n".join(_below(blocks[index + 1 :], block)), block.line
        elif isinstance(block, Bullet | TableRow):
            said = block.full_text if isinstance(block, Bullet) else " ".join(block.cells.values())
            match = _LEVEL.match(inline_plain(said))
            word = _WORDS.match(match[2]) if match else None
            if match and word:
                name = _NAMES[f"L{match[1]}"]
                yield f"L{match[1]}", name, word[2].strip(), block.line


def _below(blocks: Iterable[Block], head: Heading) -> Iterator[str]:
    """Yield the text of a section, without its sub-headings' marks."""
    for block in blocks:
        if isinstance(block, Heading):
            if block.level <= head.level:
                return
            yield inline_plain(block.text)
        elif isinstance(block, Bullet):
            yield from (inline_plain(line) for line in _with_children(block))
        elif isinstance(block, Paragraph | Quote):
            yield inline_plain(block.text)
        elif isinstance(block, TableRow):
            yield " | ".join(inline_plain(cell) for cell in block.cells.values())


def _with_children(bullet: Bullet) -> Iterator[str]:
    yield bullet.full_text
    for child in bullet.children:
        if isinstance(child, Bullet):
            yield from _with_children(child)
