"""The memory-hall backend passes the conformance suite, against a server with all the quirks of the real one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from memcore.testing import BackendSuite
from memcore_backends.memory_hall import Plugin
from memory_hall_client import FAST, TOKEN, connect, write
from memory_hall_server import MemoryHallServer

ENDPOINT = "MEMORY_HALL_UNDER_TEST"  # also read by the processes that a test starts


class TestMemoryHall(BackendSuite):
    contract = 1
    plugin = Plugin
    durable_in_files = False
    hosts = ("127.0.0.1",)

    @property
    def settings(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"endpoint": os.environ[ENDPOINT], "token": TOKEN}

    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryHallServer]:
        with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
            monkeypatch.setenv(ENDPOINT, server.url)
            with connect(server) as client:
                write(client, "The server's own threads run now, so no test takes them for ours.", namespace="start")
            yield server


class TestMemoryHallWithoutCopies(TestMemoryHall):
    @property
    def settings(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {**super().settings, "copy": False}
