"""Lint checks what was written down and what is kept: is it well formed, does it agree with itself.

Files are checked for the tag grammar, with file and line. Records are checked for wrong confidences, links that lead
nowhere, the same fact kept twice, two facts that contradict each other, and secrets, whose text is never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from memcore import Finding, PluginInfo, hookimpl

if TYPE_CHECKING:
    import click
    from memcore import Engine

__all__ = ["Plugin"]


class Plugin:
    """Check files and records."""

    info = PluginInfo(summary="Checks tags in files, and the integrity of what is kept")

    @hookimpl
    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report what is wrong with the records."""
        from memcore_plugins.lint.records import check_records

        return check_records(engine)

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `memcore lint`."""
        from memcore_plugins.lint.commands import lint

        return [lint]
