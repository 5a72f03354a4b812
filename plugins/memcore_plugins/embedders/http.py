"""http: embeddings from any OpenAI-compatible server, such as Ollama, LM Studio, vLLM, llama.cpp or oMLX."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl
from memcore.errors import ConfigError, UnavailableError

from memcore_plugins.embedders.conventions import AUTO, family

if TYPE_CHECKING:
    import httpx
    import tenacity

__all__ = ["HttpEmbedder", "HttpSettings", "Plugin"]

LARGEST_ANSWER = 64_000_000
"""Bytes; 32 vectors of 4096 numbers written out in full take three million."""
LONGEST_PAUSE = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@frozen(kw_only=True)
class HttpSettings:
    """Settings of the http embedder."""

    endpoint: str = field(default="", metadata={"help": "base URL, for example http://127.0.0.1:11434/v1"})
    model: str = field(default="", metadata={"help": "model as the server names it, for example bge-m3"})
    key_file: str = field(default="", metadata={"help": "file that holds the API key; empty: none"})
    dimension: int = field(default=0, metadata={"help": "dimensions to ask the server for; 0: the model's own"})
    query_prefix: str = field(default=AUTO, metadata={"help": "text before a question; auto: as the model's family"})
    passage_prefix: str = field(default=AUTO, metadata={"help": "text before a record; auto: as the model's family"})
    batch: int = field(default=32, metadata={"help": "texts in one request"})
    timeout: float = field(default=60.0, metadata={"help": "seconds for a batch of records"})
    query_timeout: float = field(default=1.5, metadata={"help": "seconds for a question, below core's search_timeout"})
    tries: int = field(default=4, metadata={"help": "tries for a batch of records, with growing pauses"})


class HttpEmbedder:
    """Ask one server. A question gets one try within its timeout; records are worth several."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._client: httpx.Client | None = None
        self._dimension = settings.dimension
        _, query, passage = family(settings.model)
        self._prefixes = {
            True: query if settings.query_prefix == AUTO else settings.query_prefix,
            False: passage if settings.passage_prefix == AUTO else settings.passage_prefix,
        }
        wanted = settings.dimension or "own"
        self.model = f"http:{settings.model}:{wanted}:{self._prefixes[True]}|{self._prefixes[False]}"

    @property
    def dimension(self) -> int:
        """Return the number of dimensions; asks the server once where the settings do not say."""
        if not self._dimension:
            self.embed(["dimension"])
        return self._dimension

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return the server's vector for each text, in their order; raises UnavailableError with the cure."""
        size = max(1, self._settings.batch)
        found: list[list[float]] = []
        for start in range(0, len(texts), size):
            part = [self._prefixes[query] + text for text in texts[start : start + size]]
            found.extend(self._ask(part, self._settings.query_timeout) if query else self._ask_again(part))
        if found:
            self._dimension = len(found[0])
        return found

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask_again(self, texts: list[str]) -> list[list[float]]:
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(max(1, self._settings.tries)),
            wait=_pause,
            retry=tenacity.retry_if_exception_type(_TransientError),
            reraise=True,
        )
        return retrying(self._ask, texts, self._settings.timeout)

    def _ask(self, texts: list[str], timeout: float) -> list[list[float]]:
        import httpx

        body: dict[str, Any] = {"model": self._settings.model, "input": texts, "encoding_format": "float"}
        if self._settings.dimension:
            body["dimensions"] = self._settings.dimension
        where = f"the embedding server at {_shown(self._settings.endpoint)}"
        try:
            status, waits, answer = self._send(body, timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"{where} does not answer"
            raise _TransientError(
                what, why=type(error).__name__, cure="start it, or check embedder-http.endpoint"
            ) from None
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _TransientError(f"{where} is in trouble", why=f"status {status}", cure="look at its log", waits=waits)
        if status != httpx.codes.OK:
            cure = f"check embedder-http.model ({self._settings.model!r}) and the key"
            raise UnavailableError(f"{where} refused", why=f"status {status}", cure=cure)
        return _vectors(answer, len(texts), where)

    def _send(self, body: dict[str, Any], timeout: float) -> tuple[int, float, bytes]:
        """Return status, the seconds the server asks to wait, and the answer; one that drips in is cut off in time."""
        import httpx

        ends, read = time.monotonic() + timeout, bytearray()
        with self._connection().stream("POST", "embeddings", json=body, timeout=timeout) as answer:
            for chunk in answer.iter_bytes():
                read += chunk
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the answer took too long")
                if len(read) > LARGEST_ANSWER:
                    raise httpx.ReadError("the answer is too large")
            waits = answer.headers.get("Retry-After", "")
            return answer.status_code, float(waits) if waits.isdecimal() else 0.0, bytes(read)

    def _connection(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                base = self._settings.endpoint.rstrip("/") + "/"
                # a proxy from the environment must not see what goes to this machine
                local = urlsplit(base).hostname in _LOOPBACK
                headers = _headers(self._settings.key_file)
                self._client = httpx.Client(base_url=base, headers=headers, trust_env=not local)
            return self._client


class _TransientError(UnavailableError):
    """A failure that the next try may not have; `waits` is how many seconds the server asks for."""

    def __init__(self, what: str, *, why: str = "", cure: str = "", waits: float = 0.0) -> None:
        super().__init__(what, why=why, cure=cure)
        self.waits = waits


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next try: what the server asks for, else 0.2, 0.4, 0.8 and so on."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.waits if isinstance(error, _TransientError) else 0.0
    return min(asked or 0.2 * 2 ** (state.attempt_number - 1), LONGEST_PAUSE)


def _headers(key_file: str) -> dict[str, str]:
    if not key_file:
        return {}
    try:
        key = Path(key_file).expanduser().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the API key cannot be read from {key_file}"
        raise ConfigError(what, why=type(error).__name__, cure="check embedder-http.key_file") from None
    if not key.isprintable() or " " in key:
        raise ConfigError(
            f"{key_file} holds no API key", why="it must be one word", cure="check embedder-http.key_file"
        )
    return {"Authorization": f"Bearer {key}"} if key else {}


def _shown(endpoint: str) -> str:
    """Return the address without a user name and password."""
    return endpoint.rpartition("@")[2]


def _vectors(answer: bytes, count: int, where: str) -> list[list[float]]:
    """Return the vectors in the order of the texts, whatever order the server gave them in."""
    try:
        rows = sorted(json.loads(answer)["data"], key=lambda row: row.get("index", 0))
        vectors = [[float(value) for value in row["embedding"]] for row in rows]
        finite = all(math.isfinite(sum(vector)) for vector in vectors)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what, cure = f"{where} gave no embeddings", "check embedder-http.endpoint, which usually ends in /v1"
        raise UnavailableError(what, why=type(error).__name__, cure=cure) from None
    if len(vectors) != count or not finite or len({len(vector) for vector in vectors}) > 1:
        what = f"{where} gave {len(vectors)} vectors for {count} texts, or of mixed dimensions or without numbers"
        raise UnavailableError(what, cure="check that embedder-http.model is an embedding model")
    return vectors


def _available(settings: HttpSettings) -> str:
    missing = [name for name in ("endpoint", "model") if not getattr(settings, name)]
    if missing:
        return f"embedder-http.{missing[0]} is not set"
    try:
        parts = urlsplit(settings.endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"embedder-http.endpoint {settings.endpoint!r} is not an address"
    if not usable:
        return (
            f"embedder-http.endpoint {_shown(settings.endpoint)!r} does not begin with http:// or https:// and a host"
        )
    if not settings.key_file:
        return ""
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "the API key would travel unencrypted: use https, or a server on this machine"
    return "" if Path(settings.key_file).expanduser().is_file() else f"there is no file {settings.key_file}"


class Plugin:
    """Offers the embedder `http`."""

    info = PluginInfo(
        summary="embeddings from any OpenAI-compatible server",
        packages={"httpx": "http", "tenacity": "http"},
        settings=HttpSettings,
    )

    @hookimpl
    def memcore_embedder(self) -> EmbedderSpec:
        """Offer the embedder."""

        def opened(context: OpenContext) -> HttpEmbedder:
            return HttpEmbedder(context.settings)

        return EmbedderSpec(name="http", summary=self.info.summary, open=opened, available=_available)
