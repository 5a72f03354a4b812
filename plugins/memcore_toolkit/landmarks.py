"""Where headings, fences and comments of a markdown file open and close, noted in one pass.

The reader looks ahead for the end of a fence or comment. With the places noted beforehand this is a binary search, so
a file full of openings without an end stays linear.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from attrs import define, field

__all__ = ["FENCE", "HEADING", "Landmarks"]

HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t\u3000]+(.*))?$")
FENCE = re.compile(r"[ \t\u3000]*(`{3,}+(?!.*`)|~{3,}+)(.*)$")
_SECTION = re.compile(r"#{2,6}[ \t]")


@define
class Landmarks:
    """Answer where what opens on a line ends. All positions are indexes into ``lines``."""

    lines: Sequence[str]
    headings: list[int] = field(init=False, factory=list)
    openers: list[int] = field(init=False, factory=list)
    closers: list[int] = field(init=False, factory=list)
    fences: list[tuple[int, str, bool]] = field(init=False, factory=list)
    balanced: bool = field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        for index, line in enumerate(self.lines):
            if line[:4].lstrip(" ")[:1] == "#" and HEADING.match(line):
                self.headings.append(index)
            if match := FENCE.match(line) if "```" in line or "~~~" in line else None:
                self.fences.append((index, match[1], bool(match[2].strip())))
            if "<!--" in line:
                self.openers.append(index)
            if "-->" in line:
                self.closers.append(index)
        self.balanced = _balanced(self.fences)

    def next_heading(self, start: int) -> int:
        """Return the first heading at or after ``start``, or the number of lines."""
        return _first(self.headings, start, len(self.lines))

    def comment_end(self, position: int) -> tuple[int, str]:
        """Return the last line of the comment that line ``position`` leaves open, and the text behind its end."""
        last = len(self.lines)
        end, limit = _first(self.closers, position + 1, last), _first(self.openers, position + 1, last)
        if end < last and (end < limit or self.lines[end].find("-->") < self.lines[end].find("<!--")):
            return end, self.lines[end].partition("-->")[2]
        return min(self.next_heading(position + 1), limit) - 1, ""

    def fence_end(self, position: int, mark: str) -> tuple[int, bool]:
        """Return the index behind the fence that ``mark`` opens on line ``position``, and whether it is closed."""
        limit = len(self.lines)
        for index in range(bisect_left(self.fences, (position + 1, "", False)), len(self.fences)):
            number, other, has_info = self.fences[index]
            if _answers(mark, other):
                limit = number
                if not has_info and (self.balanced or not self._holds_section(position, number)):
                    return number + 1, True
                break
        return min(self.next_heading(position + 1), limit), False

    def _holds_section(self, position: int, end: int) -> bool:
        """Tell whether a ``##`` heading behind a blank line stands in between: what follows it is code no more."""
        heading = self.next_heading(position + 1)
        while heading < end:
            if _SECTION.match(self.lines[heading]) and not self.lines[heading - 1].strip():
                return True
            heading = self.next_heading(heading + 1)
        return False


def _first(places: list[int], start: int, none: int) -> int:
    index = bisect_left(places, start)
    return places[index] if index < len(places) else none


def _answers(mark: str, other: str) -> bool:
    """Tell whether a fence line is of the kind that closes ``mark``: the same character, at least as many."""
    return other[0] == mark[0] and len(other) >= len(mark)


def _balanced(fences: list[tuple[int, str, bool]]) -> bool:
    """Tell whether every fence is closed before another one opens."""
    mark = ""
    for _, other, has_info in fences:
        if not mark:
            mark = other
        elif _answers(mark, other):
            if has_info:
                return False
            mark = ""
    return not mark
