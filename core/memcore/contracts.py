"""What a backend, an embedder, a plugin and a host must offer: protocols, specs, and the capabilities they declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import Factory, field, frozen

from memcore.records import strings

if TYPE_CHECKING:
    import sqlite3

    from memcore.records import Draft, Hit, Page, Query, Record, Scope, Stored
    from memcore.workspace import Workspace

__all__ = [
    "API", "BackendSpec", "Capability", "Embedder", "EmbedderSpec", "Health", "MemoryProvider", "Migration",
    "OpenContext", "PluginInfo", "StorageBackend",
]  # fmt: skip


def _names(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


API = 1
"""The number of this contract; a plugin that declares another one is listed as incompatible."""


class Capability(StrEnum):
    """An optional power of a backend. Calling one that is not declared raises `CapabilityError` and changes nothing."""

    UPDATE = "update"  # update(id, **fields) -> Record: tags, entities, summary, ...; others or no such id: an error
    DELETE = "delete"  # delete(ids) -> int: the text is gone from the backend's files
    PURGE = "purge"  # purge(scope) -> int: the same for every record in a scope, whatever its status
    NEIGHBOURS = "neighbours"  # neighbours(ids, before, after) -> {id: others of its metadata["session_id"] around it}
    TEXT_SEARCH = "text_search"  # search ranks by words; without it only substrings are found
    VECTOR_SEARCH = "vector_search"  # search ranks by meaning on the backend's own side
    TRANSACTIONAL = "transactional"  # records live in the workspace: put and retire join its open transaction


@frozen(kw_only=True)
class Health:
    """Whether a backend answers, in one sentence, with facts for `doctor` (name -> value)."""

    ok: bool
    detail: str
    facts: Mapping[str, Any] = Factory(dict)


class StorageBackend(Protocol):
    """Where records are kept and searched; small enough for HTTP, safe to call from several threads."""

    name: str
    capabilities: frozenset[Capability]

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        """Store a batch in order; idempotent on (namespace, kind, content).

        A text that is known changes nothing that is stored; a record no longer active is revived under its id. A
        `Record` among the drafts is restored as it is, with its status and times (import).
        """

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        """Return the records with these ids in the order asked, of any status; unknown ids are left out."""

    def search(self, query: Query) -> Sequence[Hit]:
        """Return at most `query.limit` hits inside `query.scope`, best first; any text is a legal query."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        """Return one page of the scope in a stable order; a cursor survives whatever happens to its own page."""

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        """Take active records out: superseded if a successor is named, else retired; return how many were active."""

    def health(self) -> Health:
        """Say whether the backend can be used now, which it cannot after close; never raises."""

    def close(self) -> None:
        """Release files and connections; a second call does nothing."""


class Embedder(Protocol):
    """Turns texts into unit vectors of `dimension` floats; `model` is the fingerprint stored beside the vectors."""

    model: str

    @property
    def dimension(self) -> int:
        """Return the number of floats in a vector."""

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Sequence[Sequence[float]]:
        """Return one normalised vector per text; `query` selects the model's query prefix."""

    def close(self) -> None:
        """Release the model or connection; a second call does nothing."""


@runtime_checkable
class MemoryProvider(Protocol):
    """The only thing a host couples to (the article's interface)."""

    def prefetch(self, query: str, *, session_id: str = "") -> str:
        """Return prompt text that answers the query, or an empty string."""

    def on_session_end(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the finished session said; may be called again with overlapping messages."""

    def on_memory_write(
        self, action: str, target: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Follow a write of the host's own memory (add, replace, remove) through the Tier gate."""

    def system_prompt_block(self) -> str:
        """Return the stable block for the system prompt, or an empty string."""


@frozen(kw_only=True)
class OpenContext:
    """What a backend or embedder gets to open itself: the workspace, its own settings object, and the clock."""

    workspace: Workspace
    settings: Any
    clock: Callable[[], datetime]


@frozen(kw_only=True)
class BackendSpec:
    """A backend on offer, named like its plugin; `open` is called once per engine."""

    name: str
    summary: str
    open: Callable[[OpenContext], StorageBackend]
    capabilities: frozenset[str] = field(default=frozenset(), converter=_names)


@frozen(kw_only=True)
class EmbedderSpec:
    """An embedder on offer; `available` returns an empty string, or why it cannot be used and the cure."""

    name: str
    summary: str
    open: Callable[[OpenContext], Embedder]
    available: Callable[[Any], str]


@frozen(kw_only=True)
class Migration:
    """One step of a plugin's own schema, numbered from 1; `apply` gets the connection inside the transaction."""

    version: int
    apply: Callable[[sqlite3.Connection], object]

    @classmethod
    def sql(cls, version: int, *statements: str) -> Migration:
        """Return a migration that runs these statements one by one."""
        return cls(version=version, apply=lambda connection: [connection.execute(text) for text in statements])


@frozen(kw_only=True)
class PluginInfo:
    """What a plugin says of itself before it is constructed.

    `requires` and `uses` are capability names (missing: unavailable, degraded); `packages` and `optional` map import
    names to the extra that brings them (same two meanings); `settings` is an attrs class whose fields are the plugin's
    configuration keys; `blocking` says that its search may wait for a network or a model; `default` marks the backend
    used when none is chosen; `placeholder` says what is missing and how to write it.
    """

    summary: str
    requires: frozenset[str] = field(default=frozenset(), converter=_names)
    uses: frozenset[str] = field(default=frozenset(), converter=_names)
    packages: Mapping[str, str] = Factory(dict)
    optional: Mapping[str, str] = Factory(dict)
    tables: tuple[str, ...] = field(default=(), converter=strings)
    settings: type | None = None
    api: int = API
    blocking: bool = False
    default: bool = False
    placeholder: str = ""
