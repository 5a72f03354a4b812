"""Core: the commands that look after memcore itself. They work when everything else is broken, and cannot be disabled.

The workspace, its table `meta` and the schema ledger belong to `memcore.workspace`; this plugin shows and tends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore import PluginInfo, hookimpl

if TYPE_CHECKING:
    import click

__all__ = ["Plugin"]


class Plugin:
    """Bring the commands that list, examine, configure, copy, carry over, forget and maintain."""

    info = PluginInfo(summary="The commands that look after memcore itself")

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring plugins, doctor, config, backup, export, import, forget and maintain."""
        from memcore_plugins.core.backup import backup
        from memcore_plugins.core.config import config
        from memcore_plugins.core.doctor import doctor
        from memcore_plugins.core.export import export
        from memcore_plugins.core.forget import forget
        from memcore_plugins.core.import_ import import_
        from memcore_plugins.core.maintain import maintain
        from memcore_plugins.core.plugins import plugins

        return [plugins, doctor, config, backup, export, import_, forget, maintain]
