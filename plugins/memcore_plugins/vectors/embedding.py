"""The embedder that was chosen: found among the plugins, opened once, and closed with the engine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from memcore.config import suggest

from memcore_plugins.vectors.quantise import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memcore import Embedder, Engine

__all__ = ["Chosen"]


class Chosen:
    """Hold the embedder of one engine; `reason` and `cure` say why there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self.reason, self.cure = "", ""

    def get(self, engine: Engine) -> Embedder | None:
        """Return the embedder named in the settings, or None."""
        with self._lock:
            if self._embedder is None:
                self._embedder = self._open(engine)
            return self._embedder

    def _open(self, engine: Engine) -> Embedder | None:
        name, names = engine.core.embedder, []
        if not name:
            self.reason, self.cure = "no embedder is chosen", 'set embedder = "http", "onnx" or "mlx" in memcore.toml'
            return None
        for plugin, function in engine.catalog.implementers("memcore_embedder"):
            spec = function()
            names.append(spec.name)
            if spec.name == name:
                context = engine.context(plugin.name)
                self.reason, self.cure = spec.available(context.settings), f"memcore config show | grep {plugin.name}"
                return None if self.reason else spec.open(context)
        self.reason, self.cure = f"there is no usable embedder {name!r}", suggest(name, names)
        return None

    def close(self) -> None:
        """Close the embedder if it was opened."""
        with self._lock:
            embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()


def embed(embedder: Embedder, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
    """Return one unit vector for each text; raises ValueError where the embedder gives something else."""
    vectors = [unit(vector) for vector in embedder.embed(texts, query=query)]
    if len(vectors) != len(texts) or any(len(vector) != embedder.dimension for vector in vectors):
        raise ValueError(f"the embedder gave {len(vectors)} vectors for {len(texts)} texts, or of mixed dimensions")
    return vectors
