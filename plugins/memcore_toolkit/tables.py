"""Rows of a markdown table: the delimiter line and the cells."""

from __future__ import annotations

import re

__all__ = ["is_delimiter", "row_cells", "split_row"]

_CELL = re.compile(r"((?:\\[\s\S]?|\[\[[^\[\]\n]*+\]\]|`[^`\n]*+`|[^|\\])*+)(?:\||$)")
_DASHES = re.compile(r":?-+:?")


def is_delimiter(line: str) -> bool:
    """Tell whether a line is the one between header and rows (``|---|:-:|``)."""
    stripped = line.strip()
    if stripped[:1] not in {"|", ":", "-"} or "|" not in stripped or set(stripped) - set("|:- \t"):
        return False
    return all(_DASHES.fullmatch(cell.strip()) for cell in stripped.removeprefix("|").removesuffix("|").split("|"))


def split_row(line: str) -> list[str]:
    """Split a row at pipes that are not escaped nor in a code span or wiki link; escaped pipes lose the backslash."""
    body = line.strip().removeprefix("|")
    cells = [match[1].strip().replace("\\|", "|") for match in _CELL.finditer(body)]
    # The pattern matches once more, empty, behind the last pipe or the end of the row.
    return cells[:-1] if len(cells) > 1 else cells


def row_cells(header: tuple[str, ...], line: str) -> dict[str, str]:
    """Return the cells of a row by column name. A column without a name of its own is called by its number."""
    cells: dict[str, str] = {}
    values = split_row(line)
    for index in range(max(len(header), len(values))):
        name = header[index] if index < len(header) else ""
        key = name if name and name not in cells else str(index + 1)
        cells[key] = values[index] if index < len(values) else ""
    return cells
