"""One interview, the same on every backend: what memory returns does not depend on where it keeps things."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from memcore import Engine
from memcore.discovery import Catalog, Plugin, inspect
from memcore.errors import CapabilityError
from memcore.testing import Clock
from memcore_plugins.virtualme import EngineMemoryBackend, MemoryBackend, Turn, namespace_of
from memory_hall_backend import engine_settings
from memory_hall_client import FAST
from memory_hall_server import MemoryHallServer

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BACKENDS = ("sqlite", "memory-hall", "jsonl")


def example(name: str, path: Path) -> ModuleType:
    """Import a file of the examples, installed or not."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


script = example("process_turn", EXAMPLES / "process_turn.py")
example("memcore_backend_jsonl", EXAMPLES / "memcore-backend-jsonl" / "memcore_backend_jsonl.py")


@contextmanager
def opened(backend: str, folder: Path, clock: Clock) -> Iterator[Engine]:
    """Open an engine on a backend, with every plugin that is installed."""
    catalog = Catalog.discover()
    if "jsonl" not in catalog.plugins:
        jsonl = inspect(
            Plugin(name="jsonl", target="memcore_backend_jsonl:Plugin", distribution="memcore-backend-jsonl")
        )
        catalog = Catalog([*catalog.plugins.values(), jsonl])
    with MemoryHallServer(folder / "hall.db", FAST) as server:
        settings = {**engine_settings(server.url), "backend": backend}
        with Engine.open(home=folder / "home", environ={}, settings=settings, clock=clock, catalog=catalog) as engine:
            assert engine.backend.name == backend
            yield engine


def normalised(value: Any, ids: dict[str, str]) -> Any:
    """Return a returned value with ids as the order in which they came up, and the times a backend gives left out."""
    if attrs.has(type(value)):
        fields = {item.name: getattr(value, item.name) for item in attrs.fields(type(value))}
        if fields.get("type") not in (None, "episode"):
            del fields["timestamp"]
        return {"of": type(value).__name__, **{key: normalised(item, ids) for key, item in fields.items()}}
    if isinstance(value, Mapping):
        return {key: normalised(item, ids) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [normalised(item, ids) for item in value]
    if isinstance(value, str) and len(value) > 20 and value.isalnum():
        return ids.setdefault(value, f"id {len(ids)}")
    return value


def played(backend: str, folder: Path) -> list[Any]:
    """Play the interview on a backend and return everything it returned."""
    with opened(backend, folder, Clock()) as engine:

        async def play() -> list[Any]:
            async with EngineMemoryBackend(engine) as memory:
                return await script.interview(memory)  # type: ignore[no-any-return]

        return normalised(asyncio.run(play()), {})  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return what the interview returns on the default backend."""
    return played("sqlite", tmp_path_factory.mktemp("sqlite"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_interview_returns_the_same(backend: str, tmp_path: Path, on_sqlite: list[Any]) -> None:
    returned = played(backend, tmp_path)
    assert returned == on_sqlite
    turns, (reflection, feedback), searches = returned[:10], returned[10], returned[11:]
    assert len({turn["turn_id"] for turn in turns}) == 10, "the two answers 'No.' are two turns"
    assert [turn["fact_id"] is not None for turn in turns].index(True) == 9, "a fact takes three questions"
    assert reflection != feedback
    assert [found[0]["content"] for found in searches] == [
        "Ada tells bad news early.", "Ada preference short letters", script.SCRIPT[4][2],
        "Lesson: Name the day.\nRejected: We will see what can be done.\nBecause: too vague\n"
        "Better: The delivery is late; you have it on Friday.",
    ]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_person_sees_nothing_of_it(backend: str, tmp_path: Path) -> None:
    with opened(backend, tmp_path, Clock()) as engine:

        async def play() -> None:
            async with EngineMemoryBackend(engine) as memory:
                await script.interview(memory, "ada")
                at = script.START
                said = await memory.save_episode(
                    "bob", Turn(role="interviewee", content="No.", session_id="s1", timestamp=at)
                )
                for text in ("bad news", "short letters", "No.", "숨기지"):
                    found = await memory.search(text, namespace_of("bob"), [], 10)
                    assert [entry.id for entry in found] == ([said] if text == "No." else [])
                assert await memory.search("bad news", namespace_of("nobody"), [], 10) == []

        asyncio.run(play())


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_saved_is_deleted_or_the_refusal_says_how_much_it_is(backend: str, tmp_path: Path) -> None:
    with opened(backend, tmp_path, Clock()) as engine:

        async def play() -> None:
            async with EngineMemoryBackend(engine) as memory:
                await script.interview(memory)
                assert isinstance(memory, MemoryBackend)
                if backend == "memory-hall":
                    with pytest.raises(CapabilityError, match=r"18 records on .* cannot be deleted") as caught:
                        await memory.hard_delete(namespace_of("ada"))
                    assert "operator" in str(caught.value)
                    assert await memory.search("bad news", namespace_of("ada"), [], 3)
                else:
                    assert await memory.hard_delete(namespace_of("ada")) == 18
                    assert await memory.search("bad news", namespace_of("ada"), [], 3) == []

        asyncio.run(play())
