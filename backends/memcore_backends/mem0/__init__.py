"""The place of a mem0 backend. It is not written: choosing it says what is missing and where writing one is explained."""

from __future__ import annotations

from memcore.contracts import BackendSpec, OpenContext, PluginInfo, StorageBackend
from memcore.errors import BackendError
from memcore.hookspecs import hookimpl

__all__ = ["Plugin"]

MISSING = (
    "missing are a mapping of our ids (mem0 makes its own), a filter for every limit of a scope (its stores differ), and a"
    " deletion that also empties its history; docs/how-to/write-a-backend.md shows how to write and prove one, or choose"
    " another backend"
)


class Plugin:
    """Hold the name until somebody writes the backend."""

    info = PluginInfo(summary="Records in mem0: not implemented", placeholder=MISSING)

    @hookimpl
    def memcore_backend(self) -> BackendSpec:
        """Offer the backend that is not there yet, so that it is listed and refused by name."""
        return BackendSpec(name="mem0", summary=self.info.summary, open=_refuse)


def _refuse(context: OpenContext) -> StorageBackend:
    raise BackendError("the backend mem0 is not implemented", why="its name is reserved", cure=MISSING)
