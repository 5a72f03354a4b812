"""The embedder that was chosen: found among the plugins, opened once, and closed with the engine."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING

from attrs import frozen
from memcore import OpenContext
from memcore.config import suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memcore import Embedder, EmbedderSpec, Engine
    from memcore.discovery import Plugin

__all__ = ["Choice", "Chosen", "embed"]

_LONGEST_CLOSE = 10.0
"""Seconds a model that is just being loaded is waited for: a process that ends in the middle of that may crash."""


@frozen(kw_only=True)
class Choice:
    """The embedder the settings name; `origin` tells these settings from others."""

    spec: EmbedderSpec
    context: OpenContext
    origin: str


class Chosen:
    """Hold the embedder of one engine; `reason` and `cure` say why there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self.reason, self.cure = "", ""

    def find(self, engine: Engine) -> Choice | None:
        """Return what the settings name if it can be used, or None; opens nothing and asks no server."""
        name, names = engine.core.embedder, []
        if not name:
            self.reason, self.cure = "no embedder is chosen", 'set embedder = "http", "onnx" or "mlx" in memcore.toml'
            return None
        for plugin, function in engine.catalog.implementers("memcore_embedder"):
            spec = function()
            names.append(spec.name)
            if spec.name == name:
                context = _context(engine, plugin)
                self.reason, self.cure = spec.available(context.settings), f"correct [{plugin.name}] in memcore.toml"
                origin = f"{name} {zlib.crc32(repr(context.settings).encode()):08x}"
                return None if self.reason else Choice(spec=spec, context=context, origin=origin)
        self.reason, self.cure = f"there is no embedder {name!r}", suggest(name, names)
        for plugin in engine.catalog.plugins.values():
            if "memcore_embedder" in plugin.hooks and plugin.name.endswith(name) and not plugin.usable:
                self.reason, self.cure = f"the embedder {name!r} is {plugin.status}: {plugin.reason}", plugin.hint
        return None

    def get(self, engine: Engine, *, patience: float = -1) -> Embedder | None:
        """Return the embedder, opened, or None; another thread that is opening it is waited for so many seconds."""
        if not self._lock.acquire(timeout=patience):
            self.reason, self.cure = "the embedder is still being loaded", "ask again"
            return None
        try:
            if self._embedder is None and (choice := self.find(engine)):
                self._embedder = choice.spec.open(choice.context)
            return self._embedder
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the embedder if it was opened."""
        if self._lock.acquire(timeout=_LONGEST_CLOSE):
            embedder, self._embedder = self._embedder, None
            self._lock.release()
            if embedder is not None:
                embedder.close()


def _context(engine: Engine, plugin: Plugin) -> OpenContext:
    """Return what the embedder is opened with; one that a host registered has no settings of its own."""
    if hasattr(plugin.instance, "info"):
        return engine.context(plugin.name)
    return OpenContext(workspace=engine.workspace, settings=None, clock=engine.now)


def embed(embedder: Embedder, texts: Sequence[str], *, query: bool = False) -> Sequence[Sequence[float]]:
    """Return one vector for each text; raises ValueError where the embedder gives something else."""
    vectors = embedder.embed(texts, query=query)
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) > 1:
        raise ValueError(f"the embedder gave {len(vectors)} vectors for {len(texts)} texts, or of mixed dimensions")
    return vectors
