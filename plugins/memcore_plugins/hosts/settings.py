"""What a host is given."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen
from memcore.config import Config

__all__ = ["HostsSettings", "seconds_of"]


@frozen(kw_only=True)
class HostsSettings:
    """How much is recalled for one prompt, and how long a prompt waits for it."""

    seconds: float = field(
        default=1.5, metadata={"help": "seconds a prompt waits for recall", "source": "Hermes gives up after 8"}
    )
    hits: int = field(
        default=6,
        metadata={
            "help": "records recalled for one prompt",
            "source": "hosts replay a recall with every later turn; their own providers give 5 to 10",
        },
    )
    tokens: int = field(
        default=500, metadata={"help": "tokens recalled for one prompt", "source": "2,000 characters, six full turns"}
    )


def seconds_of(home: Path) -> float:
    """Return how long a prompt waits, by the settings of a home, before its database is open."""
    return Config(home=home).section("hosts", HostsSettings).seconds
