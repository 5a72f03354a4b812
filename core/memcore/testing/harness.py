"""What every part of the suite stands on: the facts an author states, and one opened memory per test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import pytest

from memcore.contracts import Capability, OpenContext, StorageBackend
from memcore.records import Draft, Query, Record, Scope, Stored
from memcore.workspace import Workspace

__all__ = ["Clock", "FullBackend", "Harness", "Store", "open_context", "since"]

T = TypeVar("T")
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ENOUGH = 100  # more hits than any test expects, and a limit every server accepts


class FullBackend(StorageBackend, Protocol):
    """A backend with every optional power, for type checkers: a test asks `Harness.need` before it uses one."""

    def update(self, record_id: str, /, **fields: Any) -> Record:
        """Change fields of one record that are not its text."""

    def delete(self, ids: Iterable[str]) -> int:
        """Remove records for good; return how many."""

    def purge(self, scope: Scope) -> int:
        """Remove every record of a scope for good, whatever its status; return how many."""

    def neighbours(self, ids: Iterable[str], before: int, after: int) -> Mapping[str, list[Record]]:
        """Return the records of the same conversation around each of these."""


class Clock:
    """A clock that stands still until it is moved, also backwards."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the present time of the test."""
        return self.now

    def move(self, seconds: float) -> None:
        """Move the present by this many seconds."""
        self.now += timedelta(seconds=seconds)


def since(contract: int) -> Callable[[T], T]:
    """Mark a test, or every test of a class, as part of the contract from this number on."""

    def mark(target: T) -> T:
        for found in vars(target).values() if isinstance(target, type) else (target,):
            if callable(found) and not hasattr(found, "since"):
                found.since = contract
        return target

    return mark


def open_context(
    folder: Path,
    plugin: type | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> OpenContext:
    """Return what an engine hands to a backend: the workspace `folder/memory.db`, the plugin's settings, and a clock.

    The plugin's tables are made. The caller closes `context.workspace`.
    """
    workspace = Workspace(folder / "memory.db")
    info = getattr(plugin, "info", None)
    if plugin is not None and hasattr(plugin, "memcore_migrations"):
        found = plugin()
        workspace.migrate(found.memcore_backend().name, found.memcore_migrations(), info.tables if info else ())
    made = info.settings(**(settings or {})) if info and info.settings else None
    return OpenContext(workspace=workspace, settings=made, clock=clock or Clock())


class Harness:
    """The facts a suite states about its backend, as class attributes, and the hooks it may override."""

    contract: ClassVar[int] = 1
    """The number of the contract you claim; tests that are newer are skipped as "not claimed"."""

    plugin: ClassVar[type | None] = None
    """Your plugin class. The suite opens what its `memcore_backend` hook offers."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """Values for your settings class."""

    durable_in_files: ClassVar[bool] = True
    """False if a server keeps the records: then the byte search and the engine's clock do not apply."""

    across_processes: ClassVar[bool] = True
    """False if another process cannot open the same memory, as with a simulated server inside the test."""

    hosts: ClassVar[tuple[str, ...]] = ()
    """Hosts your backend may talk to, exactly as it connects to them."""

    examples: ClassVar[int] = 40
    """How many histories the state machine plays."""

    def open_backend(self, context: OpenContext) -> StorageBackend:
        """Open the backend under test; override it if `plugin` is not enough. A second process opens its own so."""
        if self.plugin is None:
            raise TypeError(f"{type(self).__name__} must set `plugin` or override `open_backend`")
        backend: StorageBackend = self.plugin().memcore_backend().open(context)
        return backend

    def files(self, folder: Path) -> Iterable[Path]:
        """Return every file that may hold stored text; override it if yours lie outside of the folder."""
        return [path for path in sorted(folder.rglob("*")) if path.is_file()]

    def need(self, store: Store, *capabilities: Capability) -> None:
        """Skip the test, visibly, if the backend does not declare one of these capabilities."""
        for capability in capabilities:
            if capability not in store.backend.capabilities:
                pytest.skip(f"not offered by this backend: {capability}")

    @pytest.fixture(autouse=True)
    def claimed(self, request: pytest.FixtureRequest) -> None:
        """Skip a test that is newer than the contract this suite claims."""
        number = getattr(request.function, "since", 1)
        if number > self.contract:
            pytest.skip(f"not claimed: of contract {number}, this suite claims {self.contract}")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Open an empty memory in a folder of its own and close it after the test."""
        store = Store(self, tmp_path / "store")
        yield store
        store.close()


class Store:
    """One opened memory: its `backend`, its `workspace`, its `clock`, and a `namespace` no other test uses."""

    def __init__(self, suite: Harness, folder: Path, clock: Clock | None = None) -> None:
        self.suite, self.folder, self.clock = suite, folder, clock or Clock()
        self.namespace = "n" + hashlib.sha256(str(folder).encode()).hexdigest()[:10]
        self._others: list[Store] = []
        self.open()

    def open(self) -> None:
        """Open workspace and backend as an engine does."""
        context = open_context(self.folder, self.suite.plugin, settings=self.suite.settings, clock=self.clock)
        self.workspace = context.workspace
        try:
            self.backend = self.suite.open_backend(context)
        except BaseException:
            self.workspace.close()
            raise

    def close(self) -> None:
        """Close everything that was opened here; a second call does nothing."""
        for store in (*self._others, self):
            if not store.workspace.closed:
                store.backend.close()
                store.workspace.close()

    def reopen(self) -> None:
        """Close and open again, as after the end of a process."""
        self.close()
        self.open()

    def second(self) -> Store:
        """Open the same memory once more beside this one, as a second engine does."""
        other = Store(self.suite, self.folder, self.clock)
        self._others.append(other)
        return other

    @property
    def full(self) -> FullBackend:
        """Return the backend typed with its optional powers."""
        return self.backend  # type: ignore[return-value]

    def draft(self, content: str, **fields: Any) -> Draft:
        """Return a draft in the namespace of this test."""
        return Draft(**{"content": content, "namespace": self.namespace, **fields})

    def put(self, *contents: str, **fields: Any) -> list[Stored]:
        """Store texts in one batch, with the same fields for each."""
        return list(self.backend.put([self.draft(content, **fields) for content in contents]))

    def keep(self, content: str, **fields: Any) -> Record:
        """Store one text and return its record."""
        return self.put(content, **fields)[0].record

    def get(self, *ids: str) -> list[Record]:
        """Read records by id."""
        return list(self.backend.get(ids))

    def scope(self, **limits: Any) -> Scope:
        """Return a scope inside the namespace of this test."""
        return Scope(**{"namespaces": (self.namespace,), **limits})

    def find(self, text: str, *, limit: int = ENOUGH, scope: Scope | None = None) -> list[Record]:
        """Search and return the records found, best first."""
        query = Query(text=text, scope=scope or self.scope(), limit=limit, now=self.clock())
        return [hit.record for hit in self.backend.search(query)]

    def found(self, text: str, *, limit: int = ENOUGH, scope: Scope | None = None) -> list[str]:
        """Search and return the ids of the records found, best first."""
        return [record.id for record in self.find(text, limit=limit, scope=scope)]

    def all(self, scope: Scope | None = None, *, limit: int = ENOUGH) -> list[Record]:
        """Scan page by page to the end."""
        found: list[Record] = []
        after: str | None = None
        while True:
            page = self.backend.scan(scope or self.scope(), after=after, limit=limit)
            found.extend(page.records)
            if (after := page.next) is None:
                return found

    def listed(self, scope: Scope | None = None, *, limit: int = ENOUGH) -> list[str]:
        """Scan page by page to the end and return the ids."""
        return [record.id for record in self.all(scope, limit=limit)]

    def ids(self, **limits: Any) -> set[str]:
        """Return the ids of all records in a scope of this test, of any status unless one is named."""
        return set(self.listed(self.scope(**{"statuses": (), **limits})))

    def erase(self, ids: Iterable[str]) -> int:
        """Delete records as the engine does: the backend removes them, then the workspace is rewritten."""
        count = self.full.delete(list(ids))
        self.workspace.scrub()
        return count
