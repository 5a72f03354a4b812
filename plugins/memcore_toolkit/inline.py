"""What stands inside a line of markdown: code spans, emphasis, links, placeholders. No function here raises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from attrs import frozen

from memcore_toolkit.stopwords import words

__all__ = [
    "MarkdownLink",
    "WikiLink",
    "code_spans",
    "inline_plain",
    "is_code_wrapped",
    "markdown_links_in",
    "placeholder",
    "wikilinks_in",
    "without_comments",
]

_RUN = re.compile(r"(`+)|\n[ \t]*(?=\n)")
_COMMENT = re.compile(r"<!--(?:(?!<!--|-->)[\s\S])*+-->|%%[^%\n]+%%")
_WIKILINK = re.compile(r"(!?)\[\[([^\[\]\n]+)\]\]")
_PIPE = re.compile(r"\\?\|")
_TITLE = r"(?:[ \t]++(?:\"[^\"\n]*+\"|'[^'\n]*+'))?"
_LINK = re.compile(
    rf"(!?)\[([^\[\]\n]*+)\]\([ \t]*+(?:<([^<>\n]*+)>|([^()\s<]*+(?:\([^()\s]*+\)[^()\s]*+)*+)){_TITLE}[ \t]*+\)"
)
_LITERAL = "\0"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
_STARS = re.compile(r"(\*{1,3})(?=[^\s*])([^*\n]+?)(?<=\S)\1")
_UNDERSCORES = re.compile(r"(?<!\w)(_{1,3})(?=[^\s_])((?:[^_\n]|(?<=[^\W_])_+(?=[^\W_]))+)(?<=[^\s_])\1(?!\w)")
_DOUBLE = re.compile(r"(~~|==)(?=\S)([^~=\n]+)(?<=\S)\1")
_TAG = re.compile(
    r"</?(?:a|b|br|center|code|del|details|div|em|font|hr|i|img|ins|kbd|li|mark|ol|p|small|span|strong|sub|summary|sup|"
    r"u|ul)"
    r"(?:\s[^<>\n]{0,200})?/?>",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{}~])")
_EMPHASISED_ASIDE = re.compile(r"(?:[_*]{1,3}[(\uff08].*[)\uff09][_*]{1,3})")
_TEMPLATE = re.compile(
    r"\[?y{2,4}\]?[-/.]m{2}[-/.]d{2}(?:\b|$)|\{\{.*\}\}$|<[^<>:/]+>$"
    r"|\[(?:your|insert|enter|add|fill|name|date|topic)\b[^\[\]]*\]$"
)
_EMPTY_WORDS = words(
    """
    tbd tba tbc todo n/a placeholder xxx ? ?? ??? - -- --- … ... _ __ ___
    待填充 待补充 待補充 待定 未定 未設定 未記入 미정
    """
) | {"none yet", "not yet", "not set", "to be filled", "to be determined", "fill in", "작성 예정", "추후 작성"}
_ASIDE_WORDS = _EMPTY_WORDS | {"optional", "empty", "none", "pending", "unknown", "空", "无", "無", "없음"}
_ASIDE = "()[]{}（）「」【】<>"


@frozen(kw_only=True)
class WikiLink:
    """A ``[[link]]``. The target is without ``.md``, empty for the own page; anchors: ``Heading``, ``^block``."""

    target: str
    anchor: str = ""
    alias: str = ""
    embed: bool = False
    line: int = 1


@frozen(kw_only=True)
class MarkdownLink:
    """A ``[text](target)``. A local target is decoded and without its anchor; an external one stays as written."""

    text: str
    target: str
    anchor: str = ""
    image: bool = False
    external: bool = False
    line: int = 1


def code_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of every code span, marks included; a span ends with its paragraph."""
    runs: list[tuple[int, int, bool, int]] = []
    paragraph = 0
    for match in _RUN.finditer(text):
        if match[1] is None:
            paragraph += 1
        else:
            before = text[max(0, match.start() - 8) : match.start()]
            escaped = (len(before) - len(before.rstrip("\\"))) % 2 == 1
            runs.append((match.start(), match.end(), escaped, paragraph))
    following: dict[tuple[int, int], int] = {}
    partner = [-1] * len(runs)
    for index in range(len(runs) - 1, -1, -1):
        start, end, _, number = runs[index]
        partner[index] = following.get((number, end - start), -1)
        following[number, end - start] = index
    spans, index = [], 0
    while index < len(runs):
        start, _, escaped, _ = runs[index]
        closing = -1 if escaped else partner[index]
        if closing >= 0:
            spans.append((start, runs[closing][1]))
            index = closing
        index += 1
    return spans


def is_code_wrapped(text: str) -> bool:
    """Tell whether the whole text is one code span: an example of the format, not data."""
    stripped = text.strip()
    return code_spans(stripped) == [(0, len(stripped))]


def inline_plain(text: str) -> str:
    """Return the text a reader sees, without emphasis, code marks, link targets, comments, tags and escapes."""
    literals: list[str] = []

    def keep(literal: str) -> str:
        literals.append(literal)
        return _LITERAL

    pieces, position = [], 0
    for start, end in [*code_spans(text), (len(text), len(text))]:
        prose = text[position:start].replace(_LITERAL, "")
        pieces.append(_ESCAPE.sub(lambda match: keep(match[1]), prose) if "\\" in prose else prose)
        if start < end:
            pieces.append(keep(text[start:end].strip("`").strip(" ")))
        position = end
    plain = _prose("".join(pieces)).replace("\\|", "|")
    if not literals:
        return plain
    # Marks inside code and escaped marks are text: they come back after everything else was stripped.
    return "".join(part for pair in zip_longest(plain.split(_LITERAL), literals, fillvalue="") for part in pair)


def placeholder(text: str) -> bool:
    """Tell whether a value was never filled in: empty, ``_(pick one)_``, ``YYYY-MM-DD``, "TBD", ``{{name}}``."""
    stripped = text.strip().strip("\u3000")
    if not stripped.strip("*_`") or _EMPHASISED_ASIDE.fullmatch(stripped):
        return True
    plain = inline_plain(stripped).strip().casefold()
    if _TEMPLATE.match(plain) or _TEMPLATE.match(stripped.casefold()):
        return True
    inner = plain.strip(_ASIDE)
    empty = _EMPTY_WORDS if inner == plain else _ASIDE_WORDS
    return not plain or inner.rstrip(".。:：").strip() in empty or inner in empty


def wikilinks_in(text: str, *, first_line: int = 1) -> list[WikiLink]:
    """Return the wiki links of one piece of prose; links in code spans and comments do not count."""
    return list(_wikilinks(_visible(text), first_line))


def markdown_links_in(text: str, *, first_line: int = 1) -> list[MarkdownLink]:
    """Return the inline links and images of one piece of prose; links in code spans and comments do not count."""
    return list(_markdown_links(_visible(text), first_line))


def without_comments(text: str) -> str:
    """Remove the HTML comments that open and close in this text."""
    return _COMMENT.sub("", text)


def _visible(text: str) -> str:
    """Blank out code spans and comments, keeping every line break and offset."""
    pieces, position = list[str](), 0
    for start, end in code_spans(text):
        pieces += (text[position:start], _blank(text[start:end]))
        position = end
    shown = "".join((*pieces, text[position:]))
    return _COMMENT.sub(lambda match: _blank(match[0]), shown) if "<!--" in shown or "%%" in shown else shown


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _wikilinks(text: str, line: int) -> Iterator[WikiLink]:
    position = 0
    for match in _WIKILINK.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        name, _, alias = _PIPE.sub("|", match[2]).partition("|")
        target, mark, anchor = name.partition("#")
        if name.startswith(("##", "^^")):
            continue
        target = target.strip()
        if target[-3:].lower() == ".md":
            target = target[:-3]
        if target or (mark and anchor.strip()):
            yield WikiLink(target=target, anchor=anchor.strip(), alias=alias.strip(), embed=bool(match[1]), line=line)


def _markdown_links(text: str, line: int) -> Iterator[MarkdownLink]:
    position = 0
    for match in _LINK.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        written = (match[3] if match[3] is not None else match[4]).strip()
        external = _SCHEME.match(written) is not None
        target, _, anchor = (written, "", "") if external else written.partition("#")
        if written:
            yield MarkdownLink(
                text=match[2].strip(),
                target=target if external else _decoded(target),
                anchor=_decoded(anchor),
                image=bool(match[1]),
                external=external,
                line=line,
            )


def _decoded(target: str) -> str:
    if "%" not in target:
        return target
    from urllib.parse import unquote

    return unquote(target)


def _prose(text: str) -> str:
    """Strip comments, tags, links and emphasis of text whose code and escapes were set aside."""
    if "<" in text:
        text = _TAG.sub(" ", without_comments(text))
    if "[" in text:
        text = _LINK.sub(r"\2", _WIKILINK.sub(_shown_link, text))
    return _emphasis(text)


def _shown_link(match: re.Match[str]) -> str:
    name, _, alias = _PIPE.sub("|", match[2]).partition("|")
    return (alias or name).strip()


def _emphasis(text: str) -> str:
    """Strip emphasis marks; three rounds reach what can be nested in sense."""
    for _ in range(3):
        before = text
        if "*" in text:
            text = _STARS.sub(r"\2", text)
        if "_" in text:
            text = _UNDERSCORES.sub(r"\2", text)
        if "~~" in text or "==" in text:
            text = _DOUBLE.sub(r"\2", text)
        if text == before:
            break
    return text
