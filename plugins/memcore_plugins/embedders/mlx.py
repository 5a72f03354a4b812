"""mlx: embeddings on Apple silicon (and, slower, on Linux with mlx[cpu]), bge-m3 unless another model is named."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl
from memcore.errors import UnavailableError

from memcore_plugins.embedders.conventions import AUTO, conventions, digest

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
    pooling: str = field(default=AUTO, metadata={"help": "cls, mean, or auto: as the model's files say"})
    query_prefix: str = field(default=AUTO, metadata={"help": "text before a question; auto: as the model says"})
    passage_prefix: str = field(default=AUTO, metadata={"help": "text before a record; auto: as the model says"})
    max_tokens: int = field(
        default=512, metadata={"help": "tokens of a text that are read, if the model reads so many"}
    )


class MlxEmbedder:
    """Run one model. The vector is pooled from the last states here, because the library always takes the mean."""

    def __init__(self, settings: MlxSettings) -> None:
        self._lock = threading.Lock()
        self._model, self._tokenizer, folder = _loaded(settings.model)
        name = settings.model.rstrip("/").rpartition("/")[2]
        self._conventions = conventions(
            folder,
            name,
            pooling=settings.pooling,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
            max_tokens=settings.max_tokens,
        )
        self.dimension = len(self.embed(["dimension"])[0])
        weights = min(folder.glob("*.safetensors"), default=folder / "config.json")
        self.model = f"mlx:{name}:{digest(weights)}:{self.dimension}:{self._conventions.sign()}"

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        import mlx.core as mx

        if not texts:
            return []
        prefix = self._conventions.query_prefix if query else self._conventions.passage_prefix
        with self._lock:
            if self._model is None:
                raise UnavailableError("the mlx embedder is closed", cure="open a new engine")
            encoded = self._tokenizer(
                [prefix + text for text in texts],
                padding=True,
                truncation=True,
                max_length=self._conventions.max_tokens,
                return_tensors="np",
            )
            mask = mx.array(encoded["attention_mask"])
            states = self._model(mx.array(encoded["input_ids"]), attention_mask=mask).last_hidden_state
            if self._conventions.pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = mask[:, :, None].astype(mx.float32)
                pooled = (states.astype(mx.float32) * weights).sum(axis=1) / mx.maximum(weights.sum(axis=1), 1)
            pooled = pooled.astype(mx.float32)
            lengths = mx.maximum(mx.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
            vectors: list[list[float]] = (pooled / lengths).tolist()
        return vectors

    def close(self) -> None:
        """Release the model; a second call does nothing."""
        with self._lock:
            self._model = self._tokenizer = None


def _loaded(model: str) -> tuple[Any, Any, Path]:
    """Return model, tokenizer and the folder they came from, which is downloaded if it is not here."""
    from mlx_embeddings.utils import get_model_path, load

    try:
        folder = get_model_path(str(Path(model).expanduser()) if _is_path(model) else model)
        loaded, tokenizer = load(str(folder))
    except Exception as error:  # the library raises many kinds, those of its downloader included
        cure = "check embedder-mlx.model; a name is downloaded once, which needs a network"
        raise UnavailableError(
            f"the mlx model {model} cannot be loaded", why=type(error).__name__, cure=cure
        ) from error
    return loaded, tokenizer, folder


def _is_path(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~")) or Path(model).is_dir()


def _available(settings: MlxSettings) -> str:
    if not settings.model:
        return "embedder-mlx.model is not set"
    if settings.pooling not in (AUTO, "cls", "mean"):
        return f"embedder-mlx.pooling must be auto, cls or mean, not {settings.pooling!r}"
    folder = Path(settings.model).expanduser()
    if _is_path(settings.model) and not (folder / "config.json").is_file():
        return f"there is no config.json in {folder}"
    return ""


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

        return EmbedderSpec(name="mlx", summary=self.info.summary, open=opened, available=_available)
