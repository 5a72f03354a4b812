"""onnx: embeddings from a model on this machine, on Linux, Windows or macOS, without PyTorch and without a server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl
from memcore.errors import UnavailableError

from memcore_plugins.embedders.conventions import AUTO, conventions, digest, read_json

__all__ = ["OnnxEmbedder", "OnnxSettings", "Plugin", "model_file"]

_NAMES = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
_STATES = ("last_hidden_state", "token_embeddings")  # one vector for each token
_WHOLE = ("sentence_embedding", "pooler_output")  # one vector for each text


@frozen(kw_only=True)
class OnnxSettings:
    """Settings of the onnx embedder."""

    folder: str = field(default="", metadata={"help": "folder with model.onnx (or onnx/model.onnx) and tokenizer.json"})
    pooling: str = field(default=AUTO, metadata={"help": "cls, mean, or auto: as the model's files say"})
    query_prefix: str = field(default=AUTO, metadata={"help": "text before a question; auto: as the model says"})
    passage_prefix: str = field(default=AUTO, metadata={"help": "text before a record; auto: as the model says"})
    max_tokens: int = field(
        default=512, metadata={"help": "tokens of a text that are read, if the model reads so many"}
    )
    threads: int = field(default=0, metadata={"help": "processor threads; 0: onnxruntime decides"})


def model_file(folder: Path) -> Path | None:
    """Return the model's file inside its folder, or None."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


class OnnxEmbedder:
    """Run one model. The fingerprint holds a digest of its file, so that another file is noticed."""

    def __init__(self, settings: OnnxSettings) -> None:
        folder = Path(settings.folder).expanduser()
        path = model_file(folder)
        if path is None:
            raise UnavailableError(f"there is no ONNX model in {folder}", cure="check embedder-onnx.folder")
        self._conventions = conventions(
            folder,
            folder.name,
            pooling=settings.pooling,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
            max_tokens=settings.max_tokens,
        )
        self._lock = threading.Lock()
        self._session, self._tokenizer = _loaded(path, folder, settings.threads, self._conventions.max_tokens)
        self._inputs = [item.name for item in self._session.get_inputs()]
        self._output = _output([item.name for item in self._session.get_outputs()])
        self.dimension = len(self.embed(["dimension"])[0])
        self.model = f"onnx:{folder.name}:{digest(path)}:{self.dimension}:{self._conventions.sign()}"

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        import numpy

        if not texts:
            return []
        prefix = self._conventions.query_prefix if query else self._conventions.passage_prefix
        with self._lock:
            if self._session is None:
                raise UnavailableError("the onnx embedder is closed", cure="open a new engine")
            encoded = self._tokenizer.encode_batch([prefix + text for text in texts])
            ids = numpy.array([item.ids for item in encoded], dtype=numpy.int64)
            mask = numpy.array([item.attention_mask for item in encoded], dtype=numpy.int64)
            given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
            if unknown := [name for name in self._inputs if name not in given]:
                raise UnavailableError(f"this ONNX model wants {unknown[0]}", cure="export it for feature extraction")
            states = self._session.run([self._output], {key: given[key] for key in self._inputs})[0]
        states = states.astype(numpy.float32)
        if states.ndim == 3:
            weights = mask[:, :, None].astype(numpy.float32)
            mean = (states * weights).sum(1) / weights.sum(1).clip(min=1)
            states = states[:, 0] if self._conventions.pooling == "cls" else mean
        lengths = numpy.linalg.norm(states, axis=1, keepdims=True).clip(min=1e-12)
        vectors: list[list[float]] = (states / lengths).tolist()
        return vectors

    def close(self) -> None:
        """Release the model; a second call does nothing."""
        with self._lock:
            self._session = None


def _loaded(path: Path, folder: Path, threads: int, max_tokens: int) -> tuple[Any, Any]:
    import onnxruntime
    import tokenizers

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises plain Exception, onnxruntime many kinds
        what, cure = f"the ONNX model in {folder} cannot be loaded", "download it again, or name another folder"
        raise UnavailableError(what, why=type(error).__name__, cure=cure) from error
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=read_json(folder / "config.json").get("pad_token_id") or 0)
    return session, tokenizer


def _output(names: Sequence[str]) -> str:
    """Return the output to take: the states of the tokens, else the vector of the text, else the first one."""
    return next((name for name in (*_STATES, *_WHOLE) if name in names), names[0])


def _available(settings: OnnxSettings) -> str:
    if not settings.folder:
        return "embedder-onnx.folder is not set"
    folder = Path(settings.folder).expanduser()
    if model_file(folder) is None:
        return f"there is no model.onnx in {folder}"
    if settings.pooling not in (AUTO, "cls", "mean"):
        return f"embedder-onnx.pooling must be auto, cls or mean, not {settings.pooling!r}"
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
