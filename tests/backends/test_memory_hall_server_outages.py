"""Check what the memory-hall test server does in trouble: outages (§7), connections (§9), poisonous input (§10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from memory_hall_client import FAST, connect, contents, draft, post, until, without_waits, write
from memory_hall_server import MemoryHallServer

JSON = {"Content-Type": "application/json"}
LONE = "\ud800"


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


def post_raw(client: httpx.Client, body: Any) -> httpx.Response:
    return client.post("/v1/memory/write", content=json.dumps(body), headers=JSON)


# §7 Embedder outage and the write queue


@pytest.mark.parametrize("outage", ["down", "hang"])
def test_s7_2_an_outage_degrades_search_and_never_fails_it(
    server: MemoryHallServer, client: httpx.Client, outage: str
) -> None:
    write(client, "seven bridges")
    getattr(server.embedder, outage)()
    assert post(client, "eight bridges").status_code == 202
    status = {"down": "embedder_error", "hang": "timeout"}[outage]
    hybrid = client.post("/v1/memory/search", json={"query": "bridges"}).json()
    assert (hybrid["degraded"], hybrid["total"]) == (True, 2)
    assert {hit["score_breakdown"]["semantic_status"] for hit in hybrid["results"]} == {status}
    semantic = client.post("/v1/memory/search", json={"query": "bridges", "mode": "semantic"}).json()
    assert semantic == {"results": [], "total": 0, "degraded": True}


def test_s7_2_a_slow_embedder_within_its_budget_is_only_slow(server: MemoryHallServer, client: httpx.Client) -> None:
    server.configure(embed_timeout=8.0, search_embed_timeout=0.02)
    server.embedder.up(delay=0.05)
    assert post(client, "seven bridges").status_code == 201
    assert client.post("/v1/memory/search", json={"query": "bridges"}).json()["degraded"] is True


def test_s7_3_five_failures_give_an_entry_up_until_a_reindex(server: MemoryHallServer, client: httpx.Client) -> None:
    server.embedder.down("ValueError: expected dimension 64, got 32")
    path = f"/v1/memory/{write(client, 'unlucky')}"

    def state() -> tuple[str, int]:
        entry = client.get(path).json()["entry"]
        assert entry["last_embed_error"] == "ValueError: expected dimension 64, got 32"
        return entry["sync_status"], entry["embed_attempt_count"]

    states = [state()]
    for _ in range(4):
        server.retry_pending()
        states.append(state())
    assert states == [("pending", 1), ("pending", 2), ("pending", 3), ("pending", 4), ("failed", 5)]
    server.embedder.up()
    assert server.retry_pending()["embedded"] == 0
    again = post(client, "unlucky").json()
    assert (again["sync_status"], again["created"]) == ("failed", False)
    assert client.post("/v1/admin/reindex").json()["embedded"] == 1
    assert client.get(path).json()["entry"]["sync_status"] == "embedded"


def test_s7_3_pending_entries_are_embedded_by_the_background_pass(tmp_path: Path) -> None:
    settings = without_waits(retry_every=0.02)
    with MemoryHallServer(tmp_path / "hall.db", settings) as server, connect(server) as client:
        server.embedder.hang()
        server.configure(embed_timeout=0.0)
        write(client, "later")
        server.embedder.up()
        until(lambda: server.stored()[0]["sync_status"] == "embedded")


def test_s7_4_writes_and_links_wait_in_line_and_reads_do_not(
    server: MemoryHallServer, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    server.configure(embed_timeout=8.0)
    first = write(client, "first")
    server.embedder.hang()
    held = pool.submit(post, client, "held")
    until(lambda: len(server.stored()) == 2)
    behind = pool.submit(post, client, "behind")
    duplicate = pool.submit(post, client, "first")
    link = pool.submit(client.post, f"/v1/memory/{first}/link", json={"target_entry_id": first})
    server.wait_for(lambda: server.count("write") == 4 and server.count("link") == 1)
    assert client.patch(f"/v1/memory/{first}", json={"metadata": {"amh_status": "active"}}).status_code == 200
    assert client.post("/v1/baton/write", json={"namespace": "n", "baton": {}}).status_code == 200
    hits = client.post("/v1/memory/search", json={"query": "held", "mode": "lexical"}).json()
    assert hits["results"][0]["entry"]["sync_status"] == "pending"
    assert not any(future.done() for future in (held, behind, duplicate, link))
    server.embedder.up()
    assert [f.result().status_code for f in (held, behind, duplicate, link)] == [201, 201, 200, 200]


def test_s7_5_a_client_that_gives_up_has_still_written(server: MemoryHallServer, client: httpx.Client) -> None:
    server.configure(embed_timeout=8.0)
    server.embedder.hang()
    for number, content in enumerate(("while embedding", "while queued"), start=1):
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/memory/write", json=draft(content), timeout=0.1)
        server.wait_for(lambda arrived=number: server.count("write") == arrived)  # type: ignore[misc]
        until(lambda: contents(server) == ["while embedding"])
    server.embedder.up()
    until(lambda: [entry["sync_status"] for entry in server.stored()] == ["embedded", "embedded"])
    assert contents(server) == ["while embedding", "while queued"]


def test_s7_5_a_kill_while_embedding_leaves_the_row_pending_and_loses_the_queue(
    server: MemoryHallServer, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    server.configure(embed_timeout=8.0)
    server.embedder.hang()
    calls: list[Future[httpx.Response]] = [pool.submit(post, client, "embedding")]
    until(lambda: len(server.stored()) == 1)
    calls.append(pool.submit(post, client, "queued"))
    server.wait_for(lambda: server.count("write") == 2)
    server.kill()
    for call in calls:
        assert isinstance(call.exception(), httpx.RemoteProtocolError)
    with pytest.raises(httpx.ConnectError):
        post(client, "nobody there")
    assert [(e["content"], e["sync_status"]) for e in server.stored()] == [("embedding", "pending")]
    server.embedder.up()
    server.start()
    assert [post(client, text).status_code for text in ("embedding", "queued")] == [200, 201]


def test_s7_5_a_terminated_server_finishes_what_is_in_flight(
    server: MemoryHallServer, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    server.configure(embed_timeout=8.0)
    server.embedder.hang()
    call = pool.submit(post, client, "in flight")
    until(lambda: len(server.stored()) == 1)
    ending = pool.submit(server.terminate)
    server.embedder.up()
    ending.result()
    assert call.result().status_code == 201
    assert not server.running


# §0.9 and §9 Connections


def test_s0_9_after_a_500_the_next_request_on_the_connection_fails(
    server: MemoryHallServer, client: httpx.Client
) -> None:
    server.fail_next(1, 500)
    answer = client.get("/v1/memory")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "connection" not in answer.headers
    with pytest.raises(httpx.ReadError):
        client.get("/v1/memory")
    assert client.get("/v1/memory").status_code == 200


def test_s9_connections_are_kept_alive_and_closed_when_idle(tmp_path: Path) -> None:
    with MemoryHallServer(tmp_path / "hall.db", without_waits(idle_close=0.3)) as server:
        limits = httpx.Limits(keepalive_expiry=60.0)
        headers = {"Authorization": "Bearer secret"}
        with httpx.Client(base_url=server.url, headers=headers, limits=limits, trust_env=False) as client:
            answers = [client.get("/v1/memory") for _ in range(3)]
            streams = {id(answer.extensions["network_stream"]) for answer in answers}
            assert len(streams) == 1
            raw = answers[-1].extensions["network_stream"].get_extra_info("socket")
            assert raw.recv(1) == b""


# §10 Inputs that break the server


@pytest.mark.parametrize(
    "change", [{"summary": LONE}, {"tags": [LONE]}, {"references": [LONE]}, {"metadata": {"k": LONE}}]
)
def test_s10_a_lone_surrogate_poisons_the_writer_until_a_restart(
    server: MemoryHallServer, change: dict[str, Any]
) -> None:
    with connect(server) as client:
        write(client, "before")
    with connect(server) as client:
        assert post_raw(client, draft("poison") | change).status_code == 500
    writes = [("/v1/memory/write", draft("after")), ("/v1/baton/write", {"namespace": "n", "baton": {}})]
    for path, body in writes:
        with connect(server) as client:
            assert client.post(path, json=body).status_code == 500
    with connect(server) as client:
        assert client.get("/v1/health").json()["status"] == "ok"
        assert len(client.get("/v1/memory").json()["entries"]) == 1
        server.restart()
        assert post(client, "after").status_code == 201
    assert contents(server) == ["before", "after"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *[("/v1/memory/write", draft("x") | {name: LONE}) for name in ("content", "agent_id", "namespace", "type")],
        ("/v1/memory/search", {"query": LONE}),
        ("/v1/baton/write", {"namespace": "n", "baton": {"k": LONE}}),
        ("/v1/memory/some-id/link", {"target_entry_id": LONE}),
    ],
)
def test_s10_a_lone_surrogate_elsewhere_costs_one_request(server: MemoryHallServer, path: str, body: Any) -> None:
    with connect(server) as client:
        assert client.post(path, content=json.dumps(body), headers=JSON).status_code == 500
    with connect(server) as client:
        assert post(client, "after").status_code == 201


def test_s10_a_lone_surrogate_in_a_patch_costs_one_request(server: MemoryHallServer) -> None:
    with connect(server) as client:
        entry_id = write(client, "one")
        body = json.dumps({"metadata": {"revoked_reason": LONE}})
        assert client.patch(f"/v1/memory/{entry_id}", content=body, headers=JSON).status_code == 500
    with connect(server) as client:
        assert post(client, "after").status_code == 201


def test_s10_bytes_that_are_not_utf_8_are_500(server: MemoryHallServer, client: httpx.Client) -> None:
    assert client.post("/v1/memory/search", content=b'{"query": "\xff"}', headers=JSON).status_code == 500


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"n": value}
    return value


def test_s10_metadata_too_deep_is_stored_and_never_returned_again(server: MemoryHallServer) -> None:
    with connect(server) as client:
        assert post(client, "deep enough", metadata=nested(255)).status_code == 201
        entry_id = write(client, "too deep", namespace="project:deep", metadata=nested(256))
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/v1/memory", None),
        ("GET", f"/v1/memory/{entry_id}", None),
        ("POST", "/v1/memory/search", {"query": "deep", "mode": "lexical"}),
    ]
    for method, path, body in requests:
        with connect(server) as client:
            assert client.request(method, path, json=body).status_code == 500
    with connect(server) as client:
        assert len(client.get("/v1/memory?namespace=project:alice").json()["entries"]) == 1
        assert post(client, "still writable").status_code == 201


def test_s10_a_body_nested_beyond_reading_is_500_and_not_stored(server: MemoryHallServer) -> None:
    body = json.dumps(draft("x"))[:-1] + ', "metadata": {"n": ' + "[" * 2000 + "]" * 2000 + "}}"
    with connect(server) as client:
        assert client.post("/v1/memory/write", content=body, headers=JSON).status_code == 500
    with connect(server) as client:
        assert post(client, "still writable").status_code == 201
    assert contents(server) == ["still writable"]
