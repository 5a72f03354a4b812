"""memcore: a memory engine for AI agents that you can take apart."""

from typing import TYPE_CHECKING, Any

from memcore.config import Config
from memcore.contracts import (
    BackendSpec,
    Capability,
    Embedder,
    EmbedderSpec,
    Health,
    MemoryProvider,
    Migration,
    OpenContext,
    PluginInfo,
    StorageBackend,
)  # fmt: skip
from memcore.engine import Engine
from memcore.errors import MemcoreError
from memcore.hookspecs import hookimpl
from memcore.records import Draft, Hit, Query, Recall, Record, Scope

if TYPE_CHECKING:
    from memcore.records import Finding, Report, Session, Source, Turn, Verdict

__all__ = [
    "BackendSpec", "Capability", "Config", "Draft", "Embedder", "EmbedderSpec", "Engine", "Finding", "Health", "Hit",
    "MemcoreError", "MemoryProvider", "Migration", "OpenContext", "PluginInfo", "Query", "Recall", "Record", "Report",
    "Scope", "Session", "Source", "StorageBackend", "Turn", "Verdict", "hookimpl",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from memcore import records

    if name in __all__:  # the values of the lifecycle, which `records` imports when asked for
        return getattr(records, name)
    raise AttributeError(f"module 'memcore' has no attribute {name!r}")
