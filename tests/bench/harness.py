"""What every benchmark stands on: a corpus that is the same on every machine, clocks, and the table of figures.

Times depend on the machine and its load, so every target is a ratio to a floor measured in the same run, or a bound that leaves
room. Nothing here is asserted by a test.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import Factory, define, frozen

__all__ = ["Clocked", "Report", "Row", "clocked", "each", "percentile", "questions", "texts", "words"]

T = TypeVar("T")
VOCABULARY = 30_000  # words; an adult's active vocabulary
SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")


# --- the corpus ---


def numbers(seed: int) -> Iterator[int]:
    """Yield whole numbers below 2**31 that look random and are the same for every run (Knuth's MMIX generator)."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def words() -> list[str]:
    """Return the vocabulary, most frequent word first; words of two to four syllables, all different."""
    found = []
    for rank in range(VOCABULARY):
        rest, word = rank + len(SYLLABLES), ""
        while rest:
            rest, digit = divmod(rest, len(SYLLABLES))
            word = SYLLABLES[digit] + word
        found.append(word)
    return found


def texts(count: int, *, length: int = 40, seed: int = 1) -> Iterator[str]:
    """Yield texts of `length` words in sentences of ten, words as frequent as 1 / rank (Zipf).

    Every fourth text names a date and a compound. The ten most frequent words stand in about every second text or more.
    """
    vocabulary, source, scale = words(), numbers(seed), math.log(VOCABULARY)
    for number in range(count):
        drawn = [vocabulary[int(math.exp(next(source) / 2**31 * scale)) - 1] for _ in range(length)]
        if number % 4 == 0:
            drawn[length // 2 : length // 2 + 2] = [
                f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}",
                f"{drawn[0]}-{drawn[1]}",
            ]
        sentences = (" ".join(drawn[start : start + 10]) for start in range(0, length, 10))
        yield " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)


def questions(count: int, *, low: int, high: int, length: int = 4, seed: int = 7) -> list[str]:
    """Return questions of `length` words whose ranks lie between `low` and `high`."""
    vocabulary, source = words(), numbers(seed)
    return [" ".join(vocabulary[low + next(source) % (high - low)] for _ in range(length)) for _ in range(count)]


# --- clocks ---


@frozen(kw_only=True)
class Clocked:
    """CPU and wall seconds of one call, and its result."""

    cpu: float
    wall: float
    result: Any


def clocked(function: Callable[..., T], *given: Any, **named: Any) -> Clocked:
    """Call a function once, after a garbage collection, and time it."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*given, **named)
    return Clocked(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall, result=result)


def each(
    function: Callable[[Any], object], arguments: Iterable[Any], *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Call a function once for each argument; return the seconds of every call, of wall time unless a clock is given."""
    spent = []
    for argument in arguments:
        started = clock()
        function(argument)
        spent.append(clock() - started)
    return spent


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the value below which this share of the samples lies (0.5: the median)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


# --- the table ---


@frozen(kw_only=True)
class Row:
    """One line of the table: what was measured, the floor it stands on, their ratio, and what is aimed at."""

    figure: str
    measured: str
    floor: str = ""
    ratio: str = ""
    target: str = ""


@define
class Report:
    """What a benchmark's `main` gets: a folder of its own, how large to measure, and `row` to report a figure."""

    folder: Path
    quick: bool = False
    large: bool = False
    rows: list[Row] = Factory(list)
    said: Callable[[Row], object] = lambda row: None

    def row(self, figure: str, measured: str, *, floor: str = "", ratio: float | None = None, target: str = "") -> None:
        """Add one line."""
        line = Row(
            figure=figure, measured=measured, floor=floor, ratio="" if ratio is None else f"{ratio:.2f}", target=target
        )
        self.rows.append(line)
        self.said(line)

    def spent(self, figure: str, time: Clocked, floor: Clocked, *, target: str = "") -> None:
        """Add the CPU seconds of a call beside those of its floor."""
        self.row(figure, f"{time.cpu:.2f} s", floor=f"{floor.cpu:.2f} s", ratio=time.cpu / floor.cpu, target=target)

    def latency(self, figure: str, samples: Sequence[float], *, cpu: Sequence[float] = (), target: str = "") -> None:
        """Add median and 95th percentile of wall seconds, in milliseconds, and that of CPU seconds if there are any."""
        middle, late = percentile(samples, 0.5) * 1000, percentile(samples, 0.95) * 1000
        more = f" (CPU {percentile(cpu, 0.5) * 1000:.2f}, {percentile(cpu, 0.95) * 1000:.2f})" if cpu else ""
        self.row(figure, f"p50 {middle:.2f} ms, p95 {late:.2f} ms{more}", target=target)
