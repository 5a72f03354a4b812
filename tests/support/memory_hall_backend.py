"""Open the memory-hall backend the way an engine does, with waits made short, against the test server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memcore.records import Draft, Query, Record, Scope
from memcore.testing import Clock, open_context
from memcore_backends.memory_hall import Plugin
from memcore_backends.memory_hall.store import MemoryHall
from memory_hall_client import TOKEN
from memory_hall_server import MemoryHallServer

__all__ = ["QUICK", "Client", "backend", "contents_of", "engine_settings"]

QUICK = {
    "token": TOKEN, "connect_timeout": 1.0, "write_timeout": 1.0, "search_timeout": 1.0, "read_timeout": 1.0,
    "deadline": 3.0, "put_wait": 3.0, "read_deadline": 2.0, "close_wait": 0.5, "background": False, "cooldown": 0.0,
}  # fmt: skip
"""Settings under which a fault costs a test a second at most, nothing happens on its own, and nobody is left alone."""


class Client:
    """One opened backend in its own workspace, with the calls that tests repeat; `namespace` is where it writes."""

    def __init__(self, folder: Path, url: str, clock: Clock, settings: Mapping[str, Any]) -> None:
        given = {**QUICK, "endpoint": url, **settings}
        self.context = open_context(folder, Plugin, settings=given, clock=clock)
        self.clock, self.namespace = clock, "project:ada"
        self.backend = MemoryHall(self.context)

    def draft(self, content: str, **fields: Any) -> Draft:
        """Return a draft."""
        return Draft(**{"content": content, "namespace": self.namespace, **fields})

    def keep(self, content: str, **fields: Any) -> Record:
        """Write one text and return its record."""
        return self.backend.put([self.draft(content, **fields)])[0].record

    def find(self, text: str, limit: int = 50, **limits: Any) -> list[str]:
        """Search and return the texts found, best first."""
        scope = Scope(**{"namespaces": (self.namespace,), **limits})
        query = Query(text=text, scope=scope, limit=limit, now=self.clock())
        return [hit.record.content for hit in self.backend.search(query)]

    def all(self, limit: int = 1000, **limits: Any) -> list[Record]:
        """Scan everything."""
        scope = Scope(**{"namespaces": (self.namespace,), **limits})
        found: list[Record] = []
        after: str | None = None
        while True:
            page = self.backend.scan(scope, after=after, limit=limit)
            found += page.records
            if (after := page.next) is None:
                return found

    def waiting(self) -> int:
        """Return how many writes wait."""
        return self.backend.outbox.depth()[0]

    def refused(self) -> int:
        """Return how many writes were refused."""
        return self.backend.outbox.depth()[1]

    def close(self) -> None:
        """Close backend and workspace."""
        if not self.context.workspace.closed:
            self.backend.close()
            self.context.workspace.close()


@contextmanager
def backend(
    folder: Path, server: MemoryHallServer | str, *, clock: Clock | None = None, **settings: Any
) -> Iterator[Client]:
    """Open a client and close it at the end."""
    url = server if isinstance(server, str) else server.url
    client = Client(folder, url, clock or Clock(), settings)
    try:
        yield client
    finally:
        client.close()


def contents_of(server: MemoryHallServer, namespace: str | None = None) -> list[str]:
    """Return the contents on the server, oldest first, as they are stored there."""
    return [entry["content"] for entry in server.stored(namespace)]


def engine_settings(url: str, **more: Any) -> dict[str, Any]:
    """Return settings for an engine on this backend."""
    named = {f"memory-hall.{key}": value for key, value in {**QUICK, "endpoint": url}.items()}
    return {"backend": "memory-hall", **named, **more}
