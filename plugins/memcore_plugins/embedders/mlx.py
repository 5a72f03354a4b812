"""mlx: embeddings on Apple silicon (and, slower, on Linux with mlx[cpu]), bge-m3 unless another model is named."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl

from memcore_plugins.embedders.pooling import pooling_of

__all__ = ["MlxEmbedder", "MlxSettings", "Plugin"]


@frozen(kw_only=True)
class MlxSettings:
    """Settings of the mlx embedder."""

    model: str = field(
        default="mlx-community/bge-m3-mlx-fp16",
        metadata={
            "help": "folder of a model, or a name that mlx-embeddings downloads",
            "source": "the article: bge-m3",
        },
    )
    pooling: str = field(default="auto", metadata={"help": "cls, mean, or auto: as the model's files say"})
    query_prefix: str = field(default="", metadata={"help": "text before a question, where the model wants one"})
    passage_prefix: str = field(default="", metadata={"help": "text before a record, where the model wants one"})
    max_tokens: int = field(default=512, metadata={"help": "tokens of a text that are read"})


class MlxEmbedder:
    """Run one model. The vector is pooled from the last states here, because the library always takes the mean."""

    def __init__(self, settings: MlxSettings) -> None:
        from mlx_embeddings.utils import load

        self._settings, self._lock = settings, threading.Lock()
        self._model, self._tokenizer = load(settings.model)
        self._pooling = pooling_of(Path(settings.model), settings.pooling)
        self.dimension = len(self.embed(["dimension"])[0])
        s = settings
        name = Path(s.model).name
        self.model = f"mlx:{name}:{self.dimension}:{self._pooling}:{s.max_tokens}:{s.query_prefix}|{s.passage_prefix}"

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        import mlx.core as mx

        prefix = self._settings.query_prefix if query else self._settings.passage_prefix
        with self._lock:
            encoded = self._tokenizer(
                [prefix + text for text in texts],
                padding=True,
                truncation=True,
                max_length=self._settings.max_tokens,
                return_tensors="np",
            )
            mask = mx.array(encoded["attention_mask"])
            states = self._model(mx.array(encoded["input_ids"]), attention_mask=mask).last_hidden_state
            if self._pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = mask[:, :, None].astype(states.dtype)
                pooled = (states * weights).sum(axis=1) / mx.maximum(weights.sum(axis=1), 1)
            pooled = pooled.astype(mx.float32)
            lengths = mx.maximum(mx.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
            vectors: list[list[float]] = (pooled / lengths).tolist()
        return vectors

    def close(self) -> None:
        """Release the model; a second call does nothing."""
        self._model = self._tokenizer = None


class Plugin:
    """Offers the embedder `mlx`."""

    info = PluginInfo(
        summary="embeddings with mlx-embeddings (bge-m3), on Apple silicon",
        packages={"mlx_embeddings": "mlx"},
        settings=MlxSettings,
    )

    @hookimpl
    def memcore_embedder(self) -> EmbedderSpec:
        """Offer the embedder."""

        def opened(context: OpenContext) -> MlxEmbedder:
            return MlxEmbedder(context.settings)

        return EmbedderSpec(name="mlx", summary=self.info.summary, open=opened, available=lambda _: "")
