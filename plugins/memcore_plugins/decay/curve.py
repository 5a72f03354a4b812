"""How confidence fades: pure functions of a stated confidence, the day it was last confirmed, and now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen
from memcore.errors import ConfigError

if TYPE_CHECKING:
    from memcore_plugins.decay import DecaySettings

__all__ = ["Rule", "adapted", "days_between", "days_left", "decayed", "rules"]

_DIGITS = 6
_NEARLY_ROUNDED = 4.99e-7  # a value this little below the floor is still rounded up to it
_SECONDS_A_DAY = 86_400
_SLOWEST, _FASTEST = 0.5, 2.0


@frozen(kw_only=True)
class Rule:
    """How one kind of record fades: `rate` is lost per whole day, below `floor` a record leaves curated memory."""

    rate: float
    floor: float


def days_between(last_confirmed: datetime, now: datetime) -> int:
    """Return the whole days since a confirmation; 0 where the clock was set back behind it."""
    return max(0, math.floor((now - last_confirmed).total_seconds() / _SECONDS_A_DAY))


def decayed(confidence: float, last_confirmed: datetime, now: datetime, rate: float) -> float:
    """Return the confidence that is left at `now`, never below 0.

    A function of dates only: how often or how late it was asked for makes no difference. Rounded to six digits, so that
    0.70 less twenty days of 0.02 is 0.30 and not a hair below it.
    """
    return max(0.0, round(confidence - rate * days_between(last_confirmed, now), _DIGITS))


def days_left(confidence: float, floor: float, rate: float) -> int | None:
    """Return how many whole days pass until this confidence is below the floor; None if it never gets there."""
    if confidence < floor:
        return 0
    if rate <= 0 or floor <= 0:
        return None
    days = max(0, math.floor((confidence - floor + _NEARLY_ROUNDED) / rate))
    while round(confidence - rate * days, _DIGITS) >= floor:
        days += 1
    return days


def adapted(rate: float, size: int, reference: int) -> float:
    """Return the rate for a memory of `size` records: it grows with the square root, between half and twice the rate.

    In a small memory little competes with an opinion, so it may stay longer; in a large one stale opinions crowd the
    answers. No published number exists; only the reference size is taken from the author's own memory.
    """
    if size <= 0 or reference <= 0:
        return rate
    return rate * min(_FASTEST, max(_SLOWEST, math.sqrt(size / reference)))


def rules(settings: DecaySettings, size: int = 0) -> Mapping[str, Rule]:
    """Return the rule of every kind that fades; `size` counts only where `adapt` is on.

    Raises ConfigError for a kind that is not `kind` or `kind:rate:floor`, and for a rate or floor outside 0..1.
    """
    found = {}
    for entry in settings.kinds:
        kind, rate, floor = _parts(entry, settings)
        if not 0.0 <= rate <= 1.0 or not 0.0 <= floor <= 1.0:
            raise ConfigError(
                f"decay: rate {rate} and floor {floor} of {kind!r} must lie between 0 and 1", cure="memcore config show"
            )
        rate = adapted(rate, size, settings.adapt_size) if settings.adapt else rate
        found[kind] = Rule(rate=rate, floor=round(floor, _DIGITS))
    return found


def _parts(entry: str, settings: DecaySettings) -> tuple[str, float, float]:
    kind, *numbers = entry.split(":")
    if kind and not numbers:
        return kind, settings.rate, settings.floor
    try:
        rate, floor = (float(number) for number in numbers)
    except ValueError:
        kind = ""
    if not kind:
        raise ConfigError(f"decay.kinds: cannot read {entry!r}", cure='write it like "opinion" or "opinion:0.02:0.30"')
    return kind, rate, floor
