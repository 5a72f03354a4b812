"""`memcore outbox` and `memcore revoke`."""

from __future__ import annotations

import click

__all__ = ["outbox", "revoke"]


@click.group("outbox")
def outbox() -> None:
    """Show and send the writes that wait for a memory-hall server."""


@click.command("revoke")
def revoke() -> None:
    """Hide records."""
