"""onnx: embeddings from a model on this machine, on Linux, Windows or macOS, without PyTorch and without a server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl
from memcore.errors import UnavailableError

from memcore_plugins.embedders.pooling import pooling_of, read_json

__all__ = ["OnnxEmbedder", "OnnxSettings", "Plugin"]


@frozen(kw_only=True)
class OnnxSettings:
    """Settings of the onnx embedder."""

    folder: str = field(default="", metadata={"help": "folder with model.onnx (or onnx/model.onnx) and tokenizer.json"})
    pooling: str = field(default="auto", metadata={"help": "cls, mean, or auto: as the model's files say"})
    query_prefix: str = field(default="", metadata={"help": "text before a question, where the model wants one"})
    passage_prefix: str = field(default="", metadata={"help": "text before a record, where the model wants one"})
    max_tokens: int = field(default=512, metadata={"help": "tokens of a text that are read"})
    threads: int = field(default=0, metadata={"help": "processor threads; 0: onnxruntime decides"})


def model_file(folder: Path) -> Path | None:
    """Return the model's file inside its folder, or None."""
    names = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
    return next((folder / name for name in names if (folder / name).is_file()), None)


class OnnxEmbedder:
    """Run one model. The fingerprint holds the hash of its first and last megabyte, so that another file is noticed."""

    def __init__(self, settings: OnnxSettings) -> None:
        import onnxruntime
        import tokenizers

        folder = Path(settings.folder).expanduser()
        path = model_file(folder)
        if path is None:
            raise UnavailableError(f"there is no ONNX model in {folder}", cure="check embedder-onnx.folder")
        self._settings, self._lock = settings, threading.Lock()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(settings.max_tokens)
        padding = read_json(folder / "config.json").get("pad_token_id") or 0
        self._tokenizer.enable_padding(pad_id=padding)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._pooling = pooling_of(folder, settings.pooling)
        self.dimension = len(self.embed(["dimension"])[0])
        s = settings
        self.model = (
            f"onnx:{folder.name}:{_digest(path)}:{self._pooling}:{s.max_tokens}:{s.query_prefix}|{s.passage_prefix}"
        )

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        import numpy

        prefix = self._settings.query_prefix if query else self._settings.passage_prefix
        with self._lock:
            encoded = self._tokenizer.encode_batch([prefix + text for text in texts])
            ids = numpy.array([item.ids for item in encoded], dtype=numpy.int64)
            mask = numpy.array([item.attention_mask for item in encoded], dtype=numpy.int64)
            given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
            states = self._session.run(None, {key: given[key] for key in self._inputs})[0]
        if states.ndim == 3:
            weights = mask[:, :, None].astype(states.dtype)
            mean = (states * weights).sum(1) / weights.sum(1).clip(min=1)
            states = states[:, 0] if self._pooling == "cls" else mean
        lengths = numpy.linalg.norm(states, axis=1, keepdims=True).clip(min=1e-12)
        vectors: list[list[float]] = (states / lengths).tolist()
        return vectors

    def close(self) -> None:
        """Release the model; a second call does nothing."""
        self._session = None


def _digest(path: Path) -> str:
    size, part = path.stat().st_size, 1_000_000
    with path.open("rb") as file:
        head = file.read(part)
        file.seek(max(0, size - part))
        return hashlib.sha256(b"%d" % size + head + file.read(part)).hexdigest()[:12]


def _available(settings: OnnxSettings) -> str:
    if not settings.folder:
        return "embedder-onnx.folder is not set"
    folder = Path(settings.folder).expanduser()
    if model_file(folder) is None:
        return f"there is no model.onnx in {folder}"
    return "" if (folder / "tokenizer.json").is_file() else f"there is no tokenizer.json in {folder}"


class Plugin:
    """Offers the embedder `onnx`."""

    info = PluginInfo(
        summary="embeddings from a local ONNX model, without a server and without PyTorch",
        packages={"onnxruntime": "onnx", "tokenizers": "onnx"},
        settings=OnnxSettings,
    )

    @hookimpl
    def memcore_embedder(self) -> EmbedderSpec:
        """Offer the embedder."""

        def opened(context: OpenContext) -> OnnxEmbedder:
            return OnnxEmbedder(context.settings)

        return EmbedderSpec(name="onnx", summary=self.info.summary, open=opened, available=_available)
