"""Call the memory-hall test server the way a test does: fast settings, an authorised client, a body to write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from attrs import evolve
from memory_hall_server import MemoryHallServer, Settings

__all__ = ["FAST", "TOKEN", "connect", "contents", "draft", "post", "until", "without_waits", "write"]

TOKEN = "secret"
FAST = Settings(token=TOKEN, embed_timeout=0.2, search_embed_timeout=0.1, health_embed_timeout=0.1)
"""The real server's settings with its waits made short."""


def connect(server: MemoryHallServer, authorization: str | None = f"Bearer {TOKEN}") -> httpx.Client:
    """Return a client of the server that sends this Authorization header, or none."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=10.0)


def draft(content: str, **changes: Any) -> dict[str, Any]:
    """Return a body for the write route."""
    return {"agent_id": "scribe", "namespace": "project:alice", "type": "fact", "content": content, **changes}


def write(client: httpx.Client, content: str, **changes: Any) -> str:
    """Write an entry, which must be accepted, and return its id."""
    answer = post(client, content, **changes)
    answer.raise_for_status()
    entry_id: str = answer.json()["entry_id"]
    return entry_id


def post(client: httpx.Client, content: str, **changes: Any) -> httpx.Response:
    """Send a write and return the answer, whatever it is."""
    return client.post("/v1/memory/write", json=draft(content, **changes))


def contents(server: MemoryHallServer) -> list[str]:
    """Return the contents in the server's data file, oldest first."""
    return [entry["content"] for entry in server.stored()]


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, looking every few milliseconds; raise `TimeoutError` after ten seconds."""
    deadline = time.monotonic() + 10.0
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        threading.Event().wait(0.005)


def without_waits(**changes: Any) -> Settings:
    """Return the fast settings with these changed."""
    return evolve(FAST, **changes)
