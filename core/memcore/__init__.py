"""memcore: a memory engine for AI agents that you can take apart."""

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
)
from memcore.engine import Engine
from memcore.errors import MemcoreError
from memcore.hookspecs import hookimpl
from memcore.records import Draft, Finding, Hit, Query, Recall, Record, Report, Scope, Session, Source, Turn, Verdict

__all__ = [
    "BackendSpec", "Capability", "Config", "Draft", "Embedder", "EmbedderSpec", "Engine", "Finding", "Health",
    "Hit", "MemcoreError", "MemoryProvider", "Migration", "OpenContext", "PluginInfo", "Query", "Recall",
    "Record", "Report", "Scope", "Session", "Source", "StorageBackend", "Turn", "Verdict", "hookimpl",
]  # fmt: skip
