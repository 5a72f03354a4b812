"""http: embeddings from any OpenAI-compatible server, such as Ollama, LM Studio, vLLM, llama.cpp or oMLX."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from memcore import EmbedderSpec, OpenContext, PluginInfo, hookimpl
from memcore.errors import UnavailableError

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpEmbedder", "HttpSettings", "Plugin"]


@frozen(kw_only=True)
class HttpSettings:
    """Settings of the http embedder."""

    endpoint: str = field(default="", metadata={"help": "base URL, for example http://127.0.0.1:11434/v1"})
    model: str = field(default="", metadata={"help": "model as the server names it, for example bge-m3"})
    key_file: str = field(default="", metadata={"help": "file that holds the API key"})
    dimension: int = field(default=0, metadata={"help": "dimensions to ask the server for; 0: the model's own"})
    query_prefix: str = field(default="", metadata={"help": "text before a question, where the model wants one"})
    passage_prefix: str = field(default="", metadata={"help": "text before a record, where the model wants one"})
    batch: int = field(default=32, metadata={"help": "texts in one request"})
    timeout: float = field(default=60.0, metadata={"help": "seconds for a batch of records"})
    query_timeout: float = field(default=1.5, metadata={"help": "seconds for a question"})
    tries: int = field(default=4, metadata={"help": "tries for a batch of records, with growing pauses"})


class HttpEmbedder:
    """Ask one server. A question gets one try within its timeout; records are worth several."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._client: httpx.Client | None = None
        self._dimension = settings.dimension
        s = settings
        self.model = f"http:{s.model}:{s.dimension or 'own'}:{s.query_prefix}|{s.passage_prefix}"

    @property
    def dimension(self) -> int:
        """Return the number of dimensions; asks the server once where the settings do not say."""
        if not self._dimension:
            self.embed(["dimension"])
        return self._dimension

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """Return the server's vector for each text; raises UnavailableError with the cure."""
        prefix = self._settings.query_prefix if query else self._settings.passage_prefix
        found: list[list[float]] = []
        for start in range(0, len(texts), self._settings.batch):
            part = [prefix + text for text in texts[start : start + self._settings.batch]]
            found.extend(self._ask(part) if query else self._ask_again(part))
        if found:
            self._dimension = len(found[0])
        return found

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask_again(self, texts: list[str]) -> list[list[float]]:
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(max(1, self._settings.tries)),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            retry=tenacity.retry_if_exception_type(_TransientError),
            reraise=True,
        )
        return retrying(self._ask, texts, self._settings.timeout)

    def _ask(self, texts: list[str], timeout: float | None = None) -> list[list[float]]:
        import httpx

        body: dict[str, Any] = {"model": self._settings.model, "input": texts, "encoding_format": "float"}
        if self._settings.dimension:
            body["dimensions"] = self._settings.dimension
        where = f"the embedding server at {self._settings.endpoint}"
        try:
            answer = self._connection().post("embeddings", json=body, timeout=timeout or self._settings.query_timeout)
        except httpx.HTTPError as error:
            cure = "start it, or check embedder-http.endpoint"
            raise _TransientError(f"{where} does not answer", why=type(error).__name__, cure=cure) from error
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise _TransientError(f"{where} is in trouble", why=f"status {answer.status_code}", cure="look at its log")
        if not answer.is_success:
            cure = f"check embedder-http.model ({self._settings.model!r}) and the key"
            raise UnavailableError(f"{where} refused", why=f"status {answer.status_code}", cure=cure)
        return list(_vectors(answer, len(texts), where))

    def _connection(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                headers = {}
                if self._settings.key_file:
                    key = Path(self._settings.key_file).expanduser().read_text(encoding="utf-8").strip()
                    headers["Authorization"] = f"Bearer {key}"
                base = self._settings.endpoint.rstrip("/") + "/"
                local = httpx.URL(base).host in ("127.0.0.1", "localhost", "::1")
                self._client = httpx.Client(base_url=base, headers=headers, trust_env=not local)
            return self._client


class _TransientError(UnavailableError):
    """A failure that the next try may not have."""


def _vectors(answer: httpx.Response, count: int, where: str) -> Iterator[list[float]]:
    """Yield the vectors in the order of the texts, whatever order the server gave them in."""
    try:
        rows = sorted(answer.json()["data"], key=lambda row: row.get("index", 0))
        vectors = [[float(value) for value in row["embedding"]] for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _TransientError(f"{where} gave no embeddings", why=type(error).__name__, cure="check the endpoint") from error
    if len(vectors) != count:
        raise _TransientError(f"{where} gave {len(vectors)} vectors for {count} texts", cure="check the model")
    yield from vectors


def _available(settings: HttpSettings) -> str:
    missing = [name for name in ("endpoint", "model") if not getattr(settings, name)]
    return f"embedder-http.{missing[0]} is not set" if missing else ""


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
