"""Check the memory-hall test server against the fact sheet: entries (§5), baton, admin and health (§6)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from memory_hall_client import FAST, connect, draft, write
from memory_hall_server import MemoryHallServer

KEYS = """entry_id tenant_id agent_id namespace type content content_hash summary tags references metadata sync_status
last_embedded_at last_embed_error last_embed_attempted_at embed_attempt_count created_at created_by_principal"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as running:
        yield running


@pytest.fixture
def client(server: MemoryHallServer) -> Iterator[httpx.Client]:
    with connect(server) as connected:
        yield connected


def listed(client: httpx.Client, **params: Any) -> list[str]:
    return [entry["content"] for entry in client.get("/v1/memory", params=params).json()["entries"]]


# §5 Entries, list, lookups


def test_s5_an_entry_always_has_its_18_keys(client: httpx.Client) -> None:
    entry = client.get(f"/v1/memory/{write(client, 'one')}").json()["entry"]
    assert list(entry) == KEYS.split()
    assert entry["created_at"].endswith("Z")
    assert (entry["embed_attempt_count"], entry["last_embed_error"], entry["summary"]) == (0, None, None)
    assert entry["created_by_principal"] == "bearer-user"


def test_s5_get_shows_references_of_both_directions_one_hop_newest_first(client: httpx.Client) -> None:
    first, second = write(client, "observation 1", namespace="project:bob"), write(client, "observation 2")
    fact = write(client, "a fact", references=[first, "unknown", second])
    body = client.get(f"/v1/memory/{fact}").json()
    assert [entry["entry_id"] for entry in body["references_out"]] == [second, first]
    assert [e["entry_id"] for e in client.get(f"/v1/memory/{first}").json()["references_in"]] == [fact]
    assert client.get(f"/v1/memory/{fact.lower()}").status_code == 404


def test_s5_by_hash_wants_the_prefix_and_only_compares_the_namespace(client: httpx.Client) -> None:
    entry_id = write(client, "one")
    digest = client.get(f"/v1/memory/{entry_id}").json()["entry"]["content_hash"]

    def lookup(**params: str) -> int:
        return client.get("/v1/memory/by-hash", params=params).status_code

    assert lookup(content_hash=digest) == lookup(content_hash=digest, namespace="project:alice") == 200
    assert lookup(content_hash=digest, namespace="project:bob") == 404
    assert lookup(content_hash=digest.removeprefix("sha256:")) == lookup(content_hash=digest.upper()) == 404
    assert lookup() == 422


def test_s5_by_amh_hash_finds_the_callers_own_key(client: httpx.Client) -> None:
    entry_id = write(client, "one", metadata={"amh_content_hash": "vm:turn:1"})

    def lookup(**params: str) -> httpx.Response:
        return client.get("/v1/memory/by-amh-hash", params=params)

    assert lookup(namespace="project:alice", hash="vm:turn:1").json()["entry"]["entry_id"] == entry_id
    assert lookup(namespace="project:bob", hash="vm:turn:1").status_code == 404
    assert lookup(namespace="project:alice").status_code == lookup(hash="vm:turn:1").status_code == 422


def test_s5_list_filters_are_exact_and_unknown_parameters_ignored(client: httpx.Client) -> None:
    write(client, "one", namespace="a", type="fact", tags=["t", "u"])
    write(client, "two", namespace="b", type="note", tags=["t"], agent_id="other")
    assert listed(client, namespace=["a", "b"], sync_status="failed") == ["two", "one"]
    assert listed(client, type=["note"]) == listed(client, agent_id="other") == ["two"]
    assert listed(client, tags=["t", "u"]) == ["one"]
    assert listed(client, namespace="a,b") == listed(client, namespace="") == []


def test_s5_a_full_page_has_a_cursor_even_when_it_is_the_last(client: httpx.Client) -> None:
    for number in range(4):
        write(client, f"entry {number}")
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        body = client.get("/v1/memory", params={"limit": 2, "cursor": cursor}).json()
        seen += [entry["content"] for entry in body["entries"]]
        cursor, pages = body["next_cursor"], pages + 1
    assert seen == ["entry 3", "entry 2", "entry 1", "entry 0"]
    assert pages == 3


def test_s5_a_cursor_names_time_and_id_and_is_undisturbed_by_new_entries(client: httpx.Client) -> None:
    old = write(client, "old")
    middle = write(client, "middle")
    cursor = client.get("/v1/memory", params={"limit": 1}).json()["next_cursor"]
    assert base64.urlsafe_b64decode(cursor).decode().split("|")[1] == middle
    write(client, "new")
    page = client.get("/v1/memory", params={"limit": 1, "cursor": cursor}).json()
    assert [entry["entry_id"] for entry in page["entries"]] == [old]


@pytest.mark.parametrize("cursor", ["nonsense", "!!", "YWJj", "é"])
def test_s5_a_malformed_cursor_is_a_plain_text_500(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/v1/memory", params={"cursor": cursor})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_s5_list_limits_are_1_to_1000(client: httpx.Client, limit: str) -> None:
    answer = client.get("/v1/memory", params={"limit": limit})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "limit"])


def test_s5_times_are_compared_as_text(client: httpx.Client) -> None:
    write(client, "now")
    stamp = client.get("/v1/memory").json()["entries"][0]["created_at"]
    assert listed(client, since=stamp) == listed(client, until=stamp) == ["now"]
    assert listed(client, since="2001-01-01") == listed(client, since="1000000000") == ["now"]
    assert listed(client, since=stamp.replace("Z", "+00:00")) == ["now"]
    assert listed(client, since="2999-12-31T00:00:00+08:00") == []
    answer = client.get("/v1/memory", params={"since": "last tuesday"})
    assert (answer.status_code, answer.json()["detail"][0]["input"]) == (422, "last tuesday")


def test_s5_an_offset_other_than_utc_gives_a_wrong_answer(client: httpx.Client) -> None:
    write(client, "now")
    created = datetime.fromisoformat(client.get("/v1/memory").json()["entries"][0]["created_at"])
    an_hour_before = created - timedelta(hours=1)
    assert listed(client, since=an_hour_before.isoformat()) == ["now"]
    assert listed(client, since=an_hour_before.astimezone(timezone(timedelta(hours=8))).isoformat()) == []


def test_s0_6_patch_changes_four_keys_and_ignores_the_rest(client: httpx.Client) -> None:
    entry_id = write(client, "one", metadata={"provenance_tier": "declared"})
    allowed = {"amh_status": "superseded", "amh_version": 2, "revoked_by": None, "revoked_reason": {"why": "x"}}
    ignored = {"provenance_tier": "inferred", "amh_content_hash": "h", "amh_foo": 1}
    answer = client.patch(f"/v1/memory/{entry_id}", json={"metadata": allowed | ignored, "content": "other"})
    expected = {"provenance_tier": "declared"} | allowed
    assert (answer.status_code, answer.json()["entry"]["metadata"]) == (200, expected)
    assert answer.json()["entry"]["content"] == "one"


def test_s5_patch_of_nothing_is_fine_and_of_a_wrong_type_is_not(client: httpx.Client) -> None:
    path = f"/v1/memory/{write(client, 'one')}"
    assert client.patch(path, json={}).status_code == client.patch(path, json={"tags": ["x"]}).status_code == 200
    assert client.patch(path, json={"metadata": None}).status_code == 422
    assert client.patch(path, json={"metadata": []}).status_code == 422
    assert client.patch("/v1/memory/unknown", json={"metadata": {}}).json() == {"detail": "entry not found"}


def test_s5_link_appends_once_and_discards_the_relation(client: httpx.Client) -> None:
    source, target = write(client, "new"), write(client, "old", namespace="project:bob")
    path, body = f"/v1/memory/{source}/link", {"target_entry_id": target, "relation": "supersedes"}
    for _ in range(2):
        entry = client.post(path, json=body).json()["entry"]
        assert (entry["entry_id"], entry["references"]) == (source, [target])
        assert "supersedes" not in str(entry)
    assert client.post(path, json={"target_entry_id": source}).json()["entry"]["references"] == [target, source]
    answer = client.post(path, json={"target_entry_id": "unknown"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "source or target entry not found"})


# §6 Baton, admin, health


def test_s6_a_baton_counts_its_revisions_and_a_mismatch_is_409(client: httpx.Client) -> None:
    empty = {"baton": None, "namespace": "loop", "updated_at": None, "revision": None}
    assert client.post("/v1/baton/read", json={"namespace": "loop"}).json() == empty

    def put(**body: Any) -> httpx.Response:
        return client.post("/v1/baton/write", json={"namespace": "loop", "baton": {"step": 1}, **body})

    absent = put(expected_revision=0)
    assert (absent.status_code, absent.json()["detail"]["current_revision"]) == (409, None)
    assert [put().json()["revision"], put(expected_revision=1).json()["revision"]] == [1, 2]
    conflict = put(expected_revision=1).json()["detail"]
    assert (conflict["error"], conflict["expected_revision"]) == ("baton_revision_conflict", 1)
    assert (conflict["current_baton"], conflict["current_revision"]) == ({"step": 1}, 2)
    read = client.post("/v1/baton/read", json={"namespace": "loop"}).json()
    assert (read["baton"], read["revision"], read["updated_at"][-6:]) == ({"step": 1}, 2, "+00:00")


def test_s6_audit_counts_all_namespaces(client: httpx.Client) -> None:
    write(client, "one")
    write(client, "two", namespace="project:bob")
    expected = {
        "total_entries": 2,
        "tenant_counts": {"default": 2},
        "namespace_counts": {"project:alice": 1, "project:bob": 1},
        "sync_status_counts": {"embedded": 2},
        "content_hash_collisions": 0,
    }
    assert client.post("/v1/admin/audit").json() == expected


def test_s6_reindex_embeds_what_has_no_vector(server: MemoryHallServer, client: httpx.Client) -> None:
    write(client, "embedded at once")
    server.embedder.down()
    write(client, "embedded later")
    assert client.post("/v1/admin/reindex").json() == {"scanned": 2, "embedded": 0, "pending": 1}
    server.embedder.up()
    assert client.post("/v1/admin/reindex").json() == {"scanned": 2, "embedded": 1, "pending": 0}
    hits = client.post("/v1/memory/search", json={"query": "later", "mode": "semantic"}).json()["results"]
    assert {hit["entry"]["content"] for hit in hits} == {"embedded at once", "embedded later"}


def test_s6_s7_4_health_is_503_when_degraded_and_lags_behind(server: MemoryHallServer, client: httpx.Client) -> None:
    healthy = client.get("/v1/health")
    assert (healthy.status_code, healthy.json()["status"], healthy.json()["last_error"]) == (200, "ok", None)
    server.embedder.down("ConnectError: refused")
    assert client.get("/v1/health").status_code == 200
    server.expire_health()
    sick = client.get("/v1/health")
    expected = healthy.json() | {
        "status": "degraded",
        "embedder": "degraded",
        "last_error": "embedder: ConnectError: refused",
    }
    assert (sick.status_code, sick.json()) == (503, expected)
    server.embedder.up()
    assert client.get("/v1/health").status_code == 503
    assert client.post("/v1/memory/write", json=draft("works anyway")).status_code == 201
