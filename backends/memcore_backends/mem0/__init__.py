"""mem0: a placeholder that is listed and says what is missing, for whoever writes the backend."""

from __future__ import annotations

from memcore import BackendSpec, PluginInfo, hookimpl

__all__ = ["Plugin"]

MISSING = (
    "no backend for mem0 is written yet: write one as a package of its own (memcore-backend-mem0, over mem0ai>=2.2,<3);"
    " docs/how-to/write-a-backend.md shows how, memcore.testing says when it is done"
)


class Plugin:
    """Reserve the name; choosing it is refused with what is missing."""

    info = PluginInfo(summary="a place for a mem0 backend", placeholder=MISSING)

    @hookimpl
    def memcore_backend(self) -> BackendSpec | None:
        """Offer nothing yet."""
        return None
