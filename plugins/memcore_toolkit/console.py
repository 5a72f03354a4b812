"""What commands print: tables, JSON, progress and warnings; plain in a pipe, coloured on a terminal.

Recalled text is data. Control characters never reach the terminal and nothing in a cell is read as markup. Rich is
imported only when standard output is a terminal; without it, or with ``NO_COLOR``, the plain form is used everywhere.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from rich.progress import Progress

_Item = TypeVar("_Item")

__all__ = ["display_width", "emit_json", "emit_table", "printable", "progress", "to_json", "warn"]

#: Seconds of work before a progress bar appears: what is faster needs none.
PROGRESS_AFTER = 1.0

_STEERING = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Characters that reorder what follows them: text must not be shown in another order than it is stored.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def emit_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, json_value: object = None, as_json: bool = False
) -> None:
    """Print rows under their columns; with ``as_json``, print ``json_value`` or a list of one object per row.

    A None cell is empty; line breaks in a cell become spaces. Columns that hold numbers only are aligned to the right.
    """
    table = [list(row) for row in rows]
    if as_json:
        emit_json([dict(zip(columns, row, strict=True)) for row in table] if json_value is None else json_value)
        return
    numeric = [
        bool(table) and all(isinstance(row[index], (int, float)) for row in table) for index in range(len(columns))
    ]
    cells = [[_cell(value) for value in row] for row in table]
    if not (_is_terminal(sys.stdout) and _rich_table(columns, cells, numeric)):
        _plain_table([printable(column) for column in columns], cells, numeric)


def emit_json(value: object) -> None:
    """Print a value as indented JSON: keys in the given order, text as it is, see :func:`to_json` for other types."""
    text = json.dumps(to_json(value), ensure_ascii=False, indent=2)
    # A lone surrogate cannot be written; its backslash form is the JSON escape for it.
    _echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def to_json(value: object) -> object:
    """Return a value made of JSON types: dates in ISO form, attrs values as objects, sets sorted, NaN as null."""
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(to_json(key)): to_json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((to_json(item) for item in value), key=str)
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    if hasattr(value, "__attrs_attrs__"):
        names = [attribute.name for attribute in value.__attrs_attrs__]
        return {name: to_json(getattr(value, name)) for name in names if not name.startswith("_")}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def progress(iterable: Iterable[_Item], *, total: int | None = None, label: str) -> Iterator[_Item]:
    """Yield the items; on a terminal, show a bar on standard error once the work takes longer than a second."""
    if not _is_terminal(sys.stderr):
        yield from iterable
        return
    started = time.monotonic()
    bar: Progress | None = None
    asked = False
    try:
        for count, item in enumerate(iterable):
            if not asked and time.monotonic() - started >= PROGRESS_AFTER:
                asked, bar = True, _progress_bar(label, total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=count)
            yield item
    finally:
        if bar is not None:
            bar.stop()


def warn(text: str) -> None:
    """Print a warning to standard error."""
    prefix = click.style("warning:", fg="yellow") if _is_terminal(sys.stderr) else "warning:"
    _echo(f"{prefix} {printable(text)}", err=True)


def display_width(text: str) -> int:
    """Return the number of terminal columns a text takes: 2 for wide East Asian characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def printable(text: str) -> str:
    """Return text on one line that cannot steer a terminal: control and direction characters become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    return character in _DIRECTIONS or unicodedata.category(character) in _STEERING


def _character_width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cell(value: object) -> str:
    return "" if value is None else printable(str(to_json(value)))


def _echo(text: str, *, err: bool = False) -> None:
    """Print text; characters that the stream's encoding lacks are shown as backslash escapes instead of failing."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


def _is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal on which colour is wanted (https://no-color.org)."""
    if stream is None or stream.closed or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _plain_table(columns: list[str], cells: list[list[str]], numeric: list[bool]) -> None:
    lines = [columns, *cells]
    widths = [max(display_width(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = [_padded(cell, width, right) for cell, width, right in zip(line, widths, numeric, strict=True)]
        _echo("  ".join(padded).rstrip())


def _padded(cell: str, width: int, right: bool) -> str:
    gap = " " * (width - display_width(cell))
    return gap + cell if right else cell + gap


def _rich_table(columns: Sequence[str], cells: list[list[str]], numeric: list[bool]) -> bool:
    """Print with rich and return True, or return False when rich is not installed."""
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=box.SIMPLE_HEAD, header_style="bold cyan", pad_edge=False)
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(Text(printable(column)), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)
    return True


def _progress_bar(label: str, total: int | None) -> Progress | None:
    """Start a bar on standard error with rate and time left, or return None when rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining
    except ImportError:
        return None
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        Remaining(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    bar.add_task(printable(label), total=total)
    bar.start()
    return bar
