"""What a host is given."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["HostsSettings"]


@frozen(kw_only=True)
class HostsSettings:
    """How much is recalled for one prompt."""

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
