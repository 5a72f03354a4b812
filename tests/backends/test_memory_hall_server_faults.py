"""Check the faults that a test can switch on in the memory-hall test server, and the server as a real process."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from memory_hall_client import FAST, connect, contents, draft, post, until, write
from memory_hall_server import MemoryHallProcess, MemoryHallServer

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as running:
        yield running


@pytest.fixture
def client(server: MemoryHallServer) -> Iterator[httpx.Client]:
    with connect(server) as connected:
        yield connected


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(6) as threads:
        yield threads


def test_a_dropped_response_leaves_the_write_stored(server: MemoryHallServer, client: httpx.Client) -> None:
    server.drop_response(route="write")
    with pytest.raises(httpx.RemoteProtocolError):
        post(client, "stored")
    assert contents(server) == ["stored"]
    assert post(client, "stored").json()["created"] is False


def test_a_reset_before_handling_stores_nothing(server: MemoryHallServer, client: httpx.Client) -> None:
    server.reset_next()
    with pytest.raises(httpx.ReadError):
        post(client, "lost")
    assert contents(server) == []


def test_a_reset_mid_body_comes_after_the_write(server: MemoryHallServer, client: httpx.Client) -> None:
    server.reset_mid_body(route="write")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        post(client, "stored")
    assert contents(server) == ["stored"]


@pytest.mark.parametrize("fault", ["garbage_json", "truncate_json"])
def test_a_spoilt_answer_keeps_its_status_and_is_not_json(
    server: MemoryHallServer, client: httpx.Client, fault: str
) -> None:
    getattr(server, fault)(route="write")
    answer = post(client, "stored")
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    with pytest.raises(ValueError, match=r".*"):
        answer.json()
    assert contents(server) == ["stored"]


def test_failures_are_counted_and_bound_to_their_route(server: MemoryHallServer, client: httpx.Client) -> None:
    server.fail_next(2, 503, route="write")
    assert client.get("/v1/memory").status_code == 200
    assert [post(client, "one").status_code for _ in range(3)] == [503, 503, 201]
    server.fail_next(1, 502, after_commit=True)
    assert post(client, "two").status_code == 502
    assert contents(server) == ["one", "two"]


def test_faults_of_one_route_are_used_in_the_order_they_were_added(
    server: MemoryHallServer, client: httpx.Client
) -> None:
    server.fail_next(1, 503)
    server.redirect_next(location="http://elsewhere.invalid/")
    server.fail_next(1, 503)
    answers = [client.get("/v1/memory") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 307, 503, 200]
    assert (answers[1].headers["location"], answers[1].content) == ("http://elsewhere.invalid/", b"")


def test_a_slow_route_makes_the_others_no_slower(server: MemoryHallServer, client: httpx.Client) -> None:
    server.slow(60.0, route="search")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/memory/search", json={"query": "x"}, timeout=0.1)
    assert client.get("/v1/memory").status_code == 200


def test_a_hung_write_lands_late_when_faults_are_cleared(
    server: MemoryHallServer, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    server.hang(route="write")
    late = pool.submit(post, client, "late")
    server.wait_for(lambda: server.count("write") == 1)
    assert contents(server) == []
    server.clear_faults()
    assert late.result().status_code == 201


def test_a_hung_write_is_lost_when_the_server_is_killed(
    server: MemoryHallServer, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    server.hang(route="write")
    lost = pool.submit(post, client, "lost")
    server.wait_for(lambda: server.count("write") == 1)
    server.restart()
    assert isinstance(lost.exception(), httpx.TransportError)
    assert contents(server) == []


def test_a_client_that_dies_mid_request_writes_nothing(server: MemoryHallServer, client: httpx.Client) -> None:
    head = b"POST /v1/memory/write HTTP/1.1\r\nAuthorization: Bearer secret\r\nContent-Length: 900\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + json.dumps(draft("half")).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert post(client, "whole").status_code == 201
    assert (contents(server), server.count()) == (["whole"], 1)


def test_refused_connections_keep_what_is_in_memory(server: MemoryHallServer, client: httpx.Client) -> None:
    server.poison()
    server.refuse_connections()
    for _ in range(3):
        with pytest.raises(httpx.ConnectError):
            client.get("/v1/memory")
    server.accept_connections()
    assert client.get("/v1/memory").status_code == 200
    assert post(client, "still poisoned").status_code == 500


def test_a_changed_token_locks_the_client_out(server: MemoryHallServer, client: httpx.Client) -> None:
    server.configure(token="rotated")
    assert post(client, "one").json() == {"detail": "invalid token"}


def test_the_clock_can_be_wrong(server: MemoryHallServer, client: httpx.Client) -> None:
    server.skew_clock(-86_400 * 365)
    old = client.get(f"/v1/memory/{write(client, 'old')}").json()["entry"]["created_at"]
    server.skew_clock(0)
    new = client.get(f"/v1/memory/{write(client, 'new')}").json()["entry"]["created_at"]
    assert int(new[:4]) - int(old[:4]) == 1


def test_the_request_log_has_every_byte_in_order_of_arrival(server: MemoryHallServer, client: httpx.Client) -> None:
    body = json.dumps(draft("one"), indent=3).encode()
    client.post("/v1/memory/write?x=1", content=body, headers=JSON | {"X-Nonce": "n"})
    client.get("/v1/memory/unknown")
    first, second = server.requests()
    assert (first.method, first.target, first.route, first.body) == ("POST", "/v1/memory/write?x=1", "write", body)
    assert (first.headers["x-nonce"], first.headers["authorization"]) == ("n", "Bearer secret")
    assert (first.status, second.status, second.route) == (201, 404, "get")
    assert first.number < second.number
    assert first.at <= second.at
    assert (server.count(), server.count("write"), server.count(status=404)) == (2, 1, 1)
    server.clear_requests()
    assert server.requests() == []


def test_an_error_inside_the_test_server_fails_the_test(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="test server itself"),
        MemoryHallServer(tmp_path / "hall.db", FAST) as server,
    ):
        server.embedder.embed = None  # type: ignore[method-assign, assignment]
        with connect(server) as client, pytest.raises(httpx.TransportError):
            client.post("/v1/memory/search", json={"query": "x"})


# Real processes


def test_a_process_killed_for_real_keeps_what_it_committed(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    with MemoryHallProcess(tmp_path / "hall.db", token="secret", embed_delay=5.0) as process:
        client = httpx.Client(base_url=process.url, headers={"Authorization": "Bearer secret"}, trust_env=False)
        with client:
            call = pool.submit(client.post, "/v1/memory/write", json=draft("embedding"), timeout=30.0)
            until(lambda: len(process.stored()) == 1)
            process.kill()
            assert isinstance(call.exception(), httpx.RemoteProtocolError)
            with pytest.raises(httpx.ConnectError):
                client.get("/v1/memory")
            process.start()
            entries = client.get("/v1/memory").json()["entries"]
            assert [(entry["content"], entry["sync_status"]) for entry in entries] == [("embedding", "pending")]
            assert process.terminate() == 0
