"""Relations: who hands what to whom, from arrows, from columns, and from lines that begin with a word for it.

An arrow counts where a known agent stands directly before it, or where an agent's own file points to a known agent:
`Gauge -> forecast -> phones` in a text about data is none. Names are in backticks or bold, or plain where known.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from memcore_toolkit.blocks import Bullet, Paragraph, Quote, TableRow
from memcore_toolkit.inline import code_spans, inline_plain

from memcore_plugins.ontology.agents import agent_column, key_of
from memcore_plugins.ontology.reading import Text
from memcore_plugins.ontology.schema import Relation

__all__ = ["relations"]

HANDS_TO = "hands_to"

_ARROW = re.compile(r"\s*(?:->|→|⇒|=>|➜|⟶)\s*")
_NAMED = r"`([^`\n]{1,64})`|\*\*([^*\n]{1,64})\*\*|@?([\w][\w-]{0,63})"
_LEFT = re.compile(rf"(?:{_NAMED})\s*$")
_RIGHT = re.compile(rf"\s*(?:{_NAMED})")
_AND = re.compile(r"\s*(?:,|、|，|/|&|\band\b|\bor\b|및|와|과|和|と)\s*(?=[`*])")
_MARKED = re.compile(r"`([^`\n]{1,64})`|\*\*([^*\n]{1,64})\*\*")
_SLUG = re.compile(r"[^\W\d_][\w-]*$")
_WORD = re.compile(
    r"\W*(?:넘김|인계|위임|hand-?s?[ -]?offs?(?: to)?|hands? (?:over|off) to|handoff|delegates?(?: to)?"
    r"|escalates?(?: to)?|passes? to|移交|交给|交給|委派|引き継ぎ|委任)\W*?[:：]",
    re.IGNORECASE,
)
_COLUMN = re.compile(
    r"hands? ?(?:off|over)?(?: to)?|hand-?offs?(?: to)?|delegates? to|passes? to|next(?: agent)?|sends to"
    r"|넘김|인계|다음|交给|移交|下一个|引き継ぎ先|次",
    re.IGNORECASE,
)
_FROM = re.compile(r"from|sender|보내는 쪽|누가|来自|发送方|送り手", re.IGNORECASE)
_TO = re.compile(r"to|receiver|recipient|받는 쪽|누구에게|接收方|受け手", re.IGNORECASE)


def relations(text: Text, agents: Container[str], own: str = "") -> Iterator[Relation]:
    """Yield the relations of a file; `own` is the key of the agent that the file defines."""
    for block in text.document.walk():
        if isinstance(block, TableRow):
            yield from _row(text, block, agents)
        elif isinstance(block, Bullet | Paragraph | Quote):
            subject = own or next((key for part in reversed(block.section) if (key := key_of(part)) in agents), "")
            for number, line in _lines(block):
                yield from _arrows(text, number, line, agents, own)
                if subject:
                    yield from _worded(text, number, line, agents, subject)


def _lines(block: Bullet | Paragraph | Quote) -> Iterator[tuple[int, str]]:
    lines = block.full_text if isinstance(block, Bullet) else block.text
    return ((block.line + index, line) for index, line in enumerate(lines.split("\n")))


def _arrows(text: Text, number: int, line: str, agents: Container[str], own: str) -> Iterator[Relation]:
    spans = code_spans(line)
    arrows = [each for each in _ARROW.finditer(line) if not any(start < each.start() < end for start, end in spans)]
    for index, arrow in enumerate(arrows):
        end = arrows[index + 1].start() if index + 1 < len(arrows) else len(line)
        left = _LEFT.search(line[: arrow.start()])
        source = key_of(_name(left)) if left else ""
        known = source in agents
        if not known:
            source = own
        targets, rest = _targets(line[arrow.end() : end])
        for target, marked in targets:
            if source and source != target and (target in agents or (known and marked and _SLUG.match(target))):
                yield _relation(text, number, source, target, rest)


def _targets(piece: str) -> tuple[list[tuple[str, bool]], str]:
    """Return the names right behind an arrow, whether each is marked, and what is said after them."""
    found: list[tuple[str, bool]] = []
    position = 0
    while match := _RIGHT.match(piece, position):
        found.append((key_of(_name(match)), match[3] is None))
        position = match.end()
        if not (more := _AND.match(piece, position)):
            break
        position = more.end()
    return found, inline_plain(piece[position:]).strip(" \t:：-–—,.;()").strip()


def _worded(text: Text, number: int, line: str, agents: Container[str], subject: str) -> Iterator[Relation]:
    """Read `Hands off: fixes go to **mender**`; only names of known agents count."""
    head = _WORD.match(line)
    if head is None:
        return
    said = line[head.end() :]
    for match in _MARKED.finditer(said):
        target = key_of(_name(match))
        if target in agents and target != subject:
            yield _relation(text, number, subject, target, inline_plain(said).strip())


def _row(text: Text, row: TableRow, agents: Container[str]) -> Iterator[Relation]:
    """Read the hand-off column of a table of agents, or a table with the columns from and to."""
    column = agent_column(row)
    names = {inline_plain(name).strip(): name for name in row.header}
    targets = next((name for plain, name in names.items() if _COLUMN.fullmatch(plain)), "")
    if not (column and targets):
        column = next((name for plain, name in names.items() if _FROM.fullmatch(plain)), "")
        targets = next((name for plain, name in names.items() if _TO.fullmatch(plain)), "")
    if not column or not targets:
        return
    source, cell = key_of(row.cells.get(column, "")), row.cells.get(targets, "")
    rest = [row.cells.get(name, "") for name in row.header if name not in (column, targets)]
    note = inline_plain(rest[0]).strip() if rest and not agent_column(row) else ""
    for part in re.split(r"[,、，/;]|\band\b|<br\s*/?>", cell) if source in agents else ():
        target = key_of(part)
        marked = _MARKED.fullmatch(part.strip()) is not None
        if target and target != source and (target in agents or (marked and _SLUG.match(target))):
            yield _relation(text, row.line, source, target, note)


def _relation(text: Text, line: int, source: str, target: str, note: str) -> Relation:
    return Relation(source=source, kind=HANDS_TO, target=target, note=note, file=text.path, line=line)


def _name(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")
