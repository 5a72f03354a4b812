"""Texts as agents write them, for hypothesis, and a check that nothing in a draft was invented."""

from __future__ import annotations

import re

from hypothesis import strategies as st
from memcore_toolkit.characters import strip_invisible

__all__ = ["invented", "markdown"]

_WORDS = [
    "rope",
    "Quay",
    "tide",
    "gate",
    "2026-01-31",
    "닻",
    "潮汐",
    "満潮",
    "c=0.8",
    "§",
    "U+3000\u3000",
    "a\u200bb",
    "`code`",
    "**bold**",
]
_words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=5).map(" ".join)
_any = st.text(max_size=30).map(lambda text: text.replace("\n", " ").replace("\r", " "))
_names = st.sampled_from(["@Ana", "@林雨桐", "@Ana @Bo", "@pier-signs", ""])
_heads = st.sampled_from(["W", "B", "O", "O(c=0.7)", "S", "S[pier]", "E", "U", "**W**", "O(c=)", "[W]"])
_bullets = st.sampled_from(["- ", "* ", "1. ", "  - ", "　・", "", "> ", "- [x] "])
_headings = st.sampled_from(
    ["Retain", "保留", "유지", "Confidence Legend", "Format", "2026-01-07: Day", "Notes", "09:45 Call"]
)

_tags = st.builds("{}{} {}: {}".format, _bullets, _heads, _names, _words)
_plain = st.builds("{}{}".format, _bullets, st.one_of(_words, _any))
_fields = st.builds(
    "{}{}: {}".format, _bullets, st.sampled_from(["Confidence", "**Name**", "`opinion`", "Last Updated"]), _words
)
_titles = st.builds("{} {}".format, st.sampled_from(["#", "##", "###"]), _headings)
_marks = st.sampled_from(
    [
        "",
        "",
        "```",
        "~~~",
        "<!--",
        "-->",
        "---",
        "§",
        "| a | b |",
        "|---|---|",
        "| 1 | x\\|y |",
        "user: hi",
        "assistant: yes",
    ]
)
_lines = st.one_of(_tags, _plain, _fields, _titles, _marks, _any)

markdown = st.lists(_lines, max_size=25).map("\n".join)
"""Lines of everything an agent may write, in any order."""

_BETWEEN = re.compile(r"\n| > |; |: ")
_MARKS = re.compile(r"[\s*_`|\\\[\]:：;,>#~.)(-]")


def invented(content: str, source: str) -> list[str]:
    """Return the parts of a draft's content that its source does not say, spaces and marks aside."""
    said = _MARKS.sub("", strip_invisible(source)).casefold()
    parts = (_MARKS.sub("", strip_invisible(part)).casefold() for part in _BETWEEN.split(content))
    return [part for part in parts if part not in said]
