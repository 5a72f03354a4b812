"""Whatever happens on the way, a write is on the server exactly once in the end, and nowhere else meanwhile than here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memcore.errors import BackendError, UnavailableError
from memcore.records import Scope
from memory_hall_backend import Client, backend, contents_of
from memory_hall_client import FAST
from memory_hall_server import MemoryHallServer

TEXT = "The ferry leaves at nine."
Fault = Callable[[MemoryHallServer], None]

PASSING: dict[str, Fault] = {
    "reset": lambda server: server.reset_next(),
    "reset-mid-body": lambda server: server.reset_mid_body(),
    "no-answer": lambda server: server.drop_response(),
    "500": lambda server: server.fail_next(),
    "500-after-commit": lambda server: server.fail_next(after_commit=True),
    "502": lambda server: server.fail_next(status=502),
    "503": lambda server: server.fail_next(status=503),
    "504-twice": lambda server: server.fail_next(2, status=504),
    "garbage": lambda server: server.garbage_json(),
    "truncated": lambda server: server.truncate_json(),
    "slow": lambda server: server.slow(0.3),
    "too-slow-once": lambda server: server.slow(1.3, times=1),
    "pending": lambda server: server.embedder.down(),
    "embedder-hangs": lambda server: server.embedder.hang(),
}
"""Faults that pass within the tries of one call."""

LASTING: dict[str, Fault] = {
    "refused": lambda server: server.refuse_connections(),
    "killed": lambda server: server.kill(),
    "hang": lambda server: server.hang(route="write"),
    "hang-everywhere": lambda server: server.hang(),
    "500": lambda server: server.fail_next(None),
    "500-after-commit": lambda server: server.fail_next(None, after_commit=True, route="write"),
    "no-answer": lambda server: server.drop_response(None, route="write"),
    "reset": lambda server: server.reset_next(None),
    "cut": lambda server: server.reset_mid_body(None),
    "garbage": lambda server: server.garbage_json(None),
    "token": lambda server: server.configure(token="another"),
    "redirect": lambda server: server.redirect_next(None),
    "poisoned": lambda server: server.poison(),
    "404": lambda server: server.fail_next(None, status=404),
    "429": lambda server: server.fail_next(None, status=429),
}
"""Faults that last until somebody acts."""


def recover(server: MemoryHallServer) -> None:
    """Bring the server back, whatever ails it."""
    server.clear_faults()
    server.configure(token=FAST.token)
    server.embedder.up()
    server.restart()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: MemoryHallServer) -> Iterator[Client]:
    with backend(tmp_path / "home", server) as client:
        yield client


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_a_write_nothing(server: MemoryHallServer, client: Client, name: str) -> None:
    client.keep("A text before.")
    PASSING[name](server)
    stored = client.backend.put([client.draft(TEXT)])[0]
    assert stored.state == "new"
    assert client.waiting() == 0
    assert contents_of(server) == ["A text before.", TEXT]
    assert client.find("ferry")[0] == TEXT


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_a_retirement_nothing(server: MemoryHallServer, client: Client, name: str) -> None:
    record = client.keep(TEXT)
    PASSING[name](server)
    assert client.backend.retire([record.id], reason="sold") == 1
    assert client.waiting() == 0
    assert server.stored()[0]["metadata"]["amh_status"] == "revoked"


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_a_search_nothing(server: MemoryHallServer, client: Client, name: str) -> None:
    client.keep(TEXT)
    PASSING[name](server)
    assert client.find("ferry") == [TEXT]


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_leaves_the_write_here_and_it_arrives_once(
    server: MemoryHallServer, client: Client, name: str
) -> None:
    client.keep("A text before.")
    LASTING[name](server)
    stored = client.backend.put([client.draft(TEXT)])[0]
    assert (stored.state, client.waiting()) == ("new", 1)
    assert client.find("ferry") == [TEXT]
    assert client.backend.get([stored.record.id]) == [stored.record]
    recover(server)
    assert client.backend.courier.flush().problem is None
    assert client.waiting() == 0
    assert contents_of(server) == ["A text before.", TEXT]
    assert client.backend.get([stored.record.id]) == [stored.record]


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_leaves_a_retirement_here(server: MemoryHallServer, client: Client, name: str) -> None:
    record = client.keep(TEXT)
    LASTING[name](server)
    assert client.backend.retire([record.id], reason="sold") == 1
    assert client.find("ferry") == []
    assert [found.status for found in client.backend.get([record.id])] == ["retired"]
    assert client.backend.retire([record.id], reason="sold again") == 0
    recover(server)
    client.backend.courier.flush()
    assert client.waiting() == 0
    assert server.stored()[0]["metadata"]["amh_status"] == "revoked"
    assert client.find("ferry") == []


@pytest.mark.parametrize(
    "name", [name for name in LASTING if name not in ("hang", "500-after-commit", "no-answer", "poisoned")]
)
def test_a_scan_refuses_to_pass_a_part_for_the_whole(server: MemoryHallServer, client: Client, name: str) -> None:
    client.keep(TEXT)
    LASTING[name](server)
    with pytest.raises(BackendError):
        client.backend.scan(Scope())
    assert client.find("ferry") == [TEXT]


def test_a_kill_while_the_server_embeds_stores_the_write_once(server: MemoryHallServer, client: Client) -> None:
    server.embedder.hang()
    server.configure(embed_timeout=30.0)
    stored = client.backend.put([client.draft(TEXT)])[0]
    assert client.waiting() == 1
    recover(server)
    client.backend.courier.flush()
    assert contents_of(server) == [TEXT]
    assert client.backend.get([stored.record.id])[0].content == TEXT


def test_get_says_that_it_cannot_know(server: MemoryHallServer, tmp_path: Path, client: Client) -> None:
    with backend(tmp_path / "elsewhere", server) as other:
        record = other.keep(TEXT)
    server.kill()
    with pytest.raises(UnavailableError):
        client.backend.get([record.id])
    assert client.backend.get(["no-such-id"]) == []
    server.start()
    assert client.backend.get([record.id]) == [record]
