"""Check the memory-hall test server against the fact sheet: routes (§1), callers (§2) and writes (§3).

The fact sheet of the real server is the specification; each test names the section it checks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from memory_hall_client import FAST, TOKEN, connect, draft, without_waits, write
from memory_hall_server import MemoryHallServer, Settings

ROUTES = [
    ("POST", "/v1/memory/write"),
    ("POST", "/v1/memory/search"),
    ("GET", "/v1/memory"),
    ("GET", "/v1/memory/some-id"),
    ("GET", "/v1/memory/by-hash"),
    ("GET", "/v1/memory/by-amh-hash"),
    ("PATCH", "/v1/memory/some-id"),
    ("POST", "/v1/memory/some-id/link"),
    ("POST", "/v1/baton/read"),
    ("POST", "/v1/baton/write"),
    ("POST", "/v1/admin/reindex"),
    ("POST", "/v1/admin/audit"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
]
GUARDED = {"/v1/memory/write", "/v1/memory/search", "/v1/baton/read", "/v1/baton/write"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as running:
        yield running


@pytest.fixture
def client(server: MemoryHallServer) -> Iterator[httpx.Client]:
    with connect(server) as connected:
        yield connected


def served(tmp_path: Path, **settings: Any) -> MemoryHallServer:
    return MemoryHallServer(tmp_path / "hall.db", without_waits(**settings))


# §1 Endpoints


def test_s1_health_needs_no_caller(server: MemoryHallServer) -> None:
    with connect(server, None) as anyone:
        assert anyone.get("/v1/health").status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_s1_every_other_route_exists_and_needs_the_token(server: MemoryHallServer, method: str, path: str) -> None:
    with connect(server, None) as anyone:
        answer = anyone.request(method, path)
        assert (answer.status_code, answer.json()) == (401, {"detail": "missing bearer token"})
        assert "www-authenticate" not in answer.headers
    with connect(server) as caller:
        answer = caller.request(method, path)
        assert answer.status_code in {200, 404, 422}
        assert answer.text != '{"detail":"Not Found"}'


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/memory/some-id", "GET"),
        ("DELETE", "/v1/memory?namespace=project:alice", "GET"),
        ("PUT", "/v1/memory/some-id", "GET"),
        ("POST", "/v1/memory", "GET"),
        ("POST", "/v1/memory/reindex", "GET"),
        ("OPTIONS", "/v1/memory/write", "POST"),
        ("HEAD", "/v1/health", "GET"),
    ],
)
def test_s1_s8_a_wrong_method_is_405_and_nothing_deletes(
    client: httpx.Client, method: str, path: str, allow: str
) -> None:
    write(client, "still here")
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert method == "HEAD" or answer.json() == {"detail": "Method Not Allowed"}
    assert len(client.get("/v1/memory").json()["entries"]) == 1


@pytest.mark.parametrize("path", ["/health", "/v1/healthz", "/v1/ready", "/v1/events", "/v1/proposals", "/metrics"])
def test_s1_documented_paths_that_do_not_exist_are_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_s1_a_get_on_write_is_taken_for_an_entry_id(client: httpx.Client) -> None:
    answer = client.get("/v1/memory/write")
    assert (answer.status_code, answer.json()) == (404, {"detail": "entry not found"})


def test_s1_a_trailing_slash_is_redirected_with_an_empty_body(client: httpx.Client) -> None:
    answer = client.get("/v1/memory/?limit=3")
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"].endswith("/v1/memory?limit=3")


@pytest.mark.parametrize("path", ["/v1/health", "/v1/memory", "/nowhere"])
def test_s1_s2_the_tenant_header_is_refused_before_anything_else(server: MemoryHallServer, path: str) -> None:
    with connect(server, None) as anyone:
        answer = anyone.get(path, headers={"X-Tenant-Override": "bob"})
    expected = {"detail": "X-Tenant-Override is not available in v0.1"}
    assert (answer.status_code, answer.json()) == (400, expected)


def test_s1_the_openapi_document_lists_only_200_and_422(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "/v1/memory/{entry_id}/link" in paths
    assert {code for route in paths.values() for verb in route.values() for code in verb["responses"]} == {"200", "422"}


# §2 Authentication


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (f"bearer {TOKEN}", "missing bearer token"),
        (f"Basic {TOKEN}", "missing bearer token"),
        (f"HMAC key:{TOKEN}", "missing bearer token"),
        ("Bearer wrong", "invalid token"),
        (f"Bearer  {TOKEN}", "invalid token"),
    ],
)
def test_s2_a_header_that_is_not_exactly_the_token_is_401(server: MemoryHallServer, header: str, detail: str) -> None:
    with connect(server, header) as caller:
        for path in ("/v1/memory", "/nowhere"):
            answer = caller.get(path)
            assert (answer.status_code, answer.json()) == (401, {"detail": detail})


def test_s2_a_token_that_is_not_ascii_is_500(server: MemoryHallServer) -> None:
    with connect(server, None) as caller:
        answer = caller.get("/v1/memory", headers=[(b"authorization", "Bearer é".encode("latin-1"))])
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")


def test_s2_a_content_too_large_is_413_even_for_strangers(server: MemoryHallServer) -> None:
    with connect(server, None) as anyone:
        answer = anyone.post("/v1/memory/write", json=draft("字" * 21_846))
    assert (answer.status_code, answer.json()) == (413, {"detail": "content exceeds 65536 bytes"})


def test_s2_a_server_without_token_guards_only_write_search_and_baton(tmp_path: Path) -> None:
    with served(tmp_path, token=None) as server, connect(server, None) as anyone, connect(server, "Bearer x") as caller:
        for method, path in ROUTES:
            if path in GUARDED:
                answer = anyone.request(method, path)
                assert (answer.status_code, answer.json()) == (401, {"detail": "missing or invalid authorization"})
                assert caller.request(method, path).status_code == 422
            else:
                assert anyone.request(method, path).status_code in {200, 404, 422}


def test_s2_dev_mode_lets_write_in_without_a_header(tmp_path: Path) -> None:
    with served(tmp_path, token=None, dev_mode=True) as server, connect(server, None) as anyone:
        write(anyone, "from nobody")
        with connect(server, "Bearer anything") as caller:
            write(caller, "from somebody")
        entries = anyone.get("/v1/memory").json()["entries"]
    assert [entry["created_by_principal"] for entry in entries] == ["bearer-user", "dev-local"]


def test_s2_an_admin_token_is_for_admin_paths_and_nothing_else(tmp_path: Path) -> None:
    with (
        served(tmp_path, admin_token="root") as server,
        connect(server) as caller,
        connect(server, "Bearer root") as admin,
    ):
        assert admin.post("/v1/admin/audit").status_code == 200
        assert caller.post("/v1/admin/audit").json() == {"detail": "invalid admin token"}
        assert admin.get("/v1/memory").json() == {"detail": "invalid token"}
        assert caller.get("/v1/memory").status_code == 200


def hmac_header(body: bytes, *, key: str = "vm", secret: str = "s", prefix: str = "", upper: bool = False) -> str:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return f"HMAC {key}:{prefix}{digest.upper() if upper else digest}"


def test_s2_3_an_hmac_over_the_body_opens_a_server_without_token(tmp_path: Path) -> None:
    body = json.dumps(draft("signed")).encode()
    headers = {"Authorization": hmac_header(body), "Content-Type": "application/json", "X-Nonce": "once"}
    with served(tmp_path, token=None, hmac_secret="s") as server, connect(server, None) as caller:
        statuses = [caller.post("/v1/memory/write", content=body, headers=headers).status_code for _ in range(2)]
        assert statuses == [201, 200]
        assert caller.get("/v1/memory").json()["entries"][0]["created_by_principal"] == "vm"


@pytest.mark.parametrize("change", [{"upper": True}, {"prefix": "sha256="}, {"key": ""}, {"secret": "other"}])
def test_s2_3_any_other_hmac_is_401(tmp_path: Path, change: dict[str, Any]) -> None:
    body = json.dumps(draft("signed")).encode()
    headers = {"Authorization": hmac_header(body, **change), "Content-Type": "application/json"}
    with served(tmp_path, token=None, hmac_secret="s") as server, connect(server, None) as caller:
        answer = caller.post("/v1/memory/write", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "missing or invalid authorization"})


def test_s2_1_hmac_is_unreachable_when_a_token_is_set(tmp_path: Path) -> None:
    body = json.dumps(draft("signed")).encode()
    with served(tmp_path, hmac_secret="s") as server, connect(server, hmac_header(body)) as caller:
        answer = caller.post("/v1/memory/write", content=body)
    assert (answer.status_code, answer.json()) == (401, {"detail": "missing bearer token"})


# §3 Write


def test_s3_2_a_new_entry_is_201_with_five_fields(client: httpx.Client) -> None:
    answer = client.post("/v1/memory/write", json=draft("Alice likes tea"))
    body = answer.json()
    assert answer.status_code == 201
    assert (body["embedded"], body["sync_status"], body["created"]) == (True, "embedded", True)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", body["entry_id"])
    assert body["indexed_at"].endswith("Z")
    assert len(body) == 5


def test_s3_2_with_the_embedder_down_it_is_202_and_pending(server: MemoryHallServer, client: httpx.Client) -> None:
    server.embedder.down()
    answer = client.post("/v1/memory/write", json=draft("Alice likes tea"))
    expected = {"embedded": False, "indexed_at": None, "sync_status": "pending", "created": True}
    assert answer.status_code == 202
    assert {key: value for key, value in answer.json().items() if key != "entry_id"} == expected


def test_s3_3_the_same_content_is_the_same_entry_whoever_writes_it(client: httpx.Client) -> None:
    first = client.post("/v1/memory/write", json=draft("yes", tags=["a"])).json()
    changes = {"agent_id": "other", "namespace": "project:bob", "type": "note", "tags": ["b"], "metadata": {"k": 1}}
    answer = client.post("/v1/memory/write", json=draft("yes", **changes))
    assert answer.status_code == 200
    assert answer.json() == first | {"created": False}
    stored = client.get("/v1/memory").json()["entries"]
    assert [(e["namespace"], e["tags"], e["metadata"]) for e in stored] == [("project:alice", ["a"], {})]


def test_s3_3_case_form_and_space_make_other_entries(client: httpx.Client) -> None:
    ids = {write(client, text) for text in ("caf\u00e9", "cafe\u0301", "Caf\u00e9", "caf\u00e9 ", "caf\u00e9\n")}
    assert len(ids) == 5


def test_s3_3_identical_writes_at_once_store_one_entry(server: MemoryHallServer, client: httpx.Client) -> None:
    def send(number: int) -> httpx.Response:
        return client.post("/v1/memory/write", json=draft("at once", namespace=f"project:{number}"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()["entry_id"] for answer in answers}) == 1


def test_s3_3_a_revoked_entry_stays_revoked_when_it_is_written_again(client: httpx.Client) -> None:
    entry_id = write(client, "forget me")
    client.patch(f"/v1/memory/{entry_id}", json={"metadata": {"amh_status": "revoked"}})
    assert client.post("/v1/memory/write", json=draft("forget me")).json()["created"] is False
    assert client.get(f"/v1/memory/{entry_id}").json()["entry"]["metadata"] == {"amh_status": "revoked"}


def test_s3_3_tenants_of_one_file_share_neither_dedup_nor_results(tmp_path: Path) -> None:
    for tenant in ("alice", "bob"):
        with served(tmp_path, tenant=tenant) as server, connect(server) as client:
            assert client.post("/v1/memory/write", json=draft("yes indeed")).status_code == 201
            assert client.post("/v1/memory/search", json={"query": "yes indeed"}).json()["total"] == 1
            counts = client.post("/v1/admin/audit").json()["tenant_counts"]
    assert counts == {"alice": 1, "bob": 1}


def test_s3_1_fields_are_cleaned_and_the_unknown_dropped_silently(client: httpx.Client) -> None:
    unknown = {"upstream_ids": ["o-1"], "provenance_tier": "human", "entry_id": "mine", "created_at": "2020-01-01"}
    known = {"tags": [" a ", "", "a"], "references": [" x ", "x", "", "y"], "metadata": {"deep": {"n": [1, None]}}}
    entry_id = write(client, "  kept as is \n", **unknown, **known)
    entry = client.get(f"/v1/memory/{entry_id}").json()["entry"]
    assert (entry["tags"], entry["references"]) == (["a", "a"], ["x", "y"])
    assert entry["metadata"] == {"deep": {"n": [1, None]}}
    assert entry["content"] == "  kept as is \n"
    assert entry_id != "mine"
    assert "upstream_ids" not in entry


@pytest.mark.parametrize("kind", ["episode", "anything at all", "類型", " "])
def test_s3_1_any_type_is_accepted(client: httpx.Client, kind: str) -> None:
    assert client.post("/v1/memory/write", json=draft("text", type=kind)).status_code == 201


def test_s3_4_a_missing_field_echoes_the_whole_body(client: httpx.Client) -> None:
    body = {"namespace": "project:alice", "type": "episode", "content": "private"}
    answer = client.post("/v1/memory/write", json=body)
    error = {"type": "missing", "loc": ["body", "agent_id"], "msg": "Field required", "input": body}
    assert (answer.status_code, answer.json()) == (422, {"detail": [error]})


def test_s3_4_an_empty_text_says_how_short_it_is(client: httpx.Client) -> None:
    answer = client.post("/v1/memory/write", json=draft(""))
    message = "String should have at least 1 character"
    error = {"type": "string_too_short", "loc": ["body", "content"], "msg": message, "input": ""}
    assert answer.json() == {"detail": [error | {"ctx": {"min_length": 1}}]}


@pytest.mark.parametrize(
    ("change", "place", "kind"),
    [
        ({"tags": None}, ["body", "tags"], "list_type"),
        ({"references": None}, ["body", "references"], "list_type"),
        ({"metadata": None}, ["body", "metadata"], "dict_type"),
        ({"metadata": []}, ["body", "metadata"], "dict_type"),
        ({"content": 5}, ["body", "content"], "string_type"),
        ({"tags": ["a", 1]}, ["body", "tags", 1], "string_type"),
    ],
)
def test_s3_1_nulls_and_other_types_are_422(client: httpx.Client, change: Any, place: Any, kind: str) -> None:
    answer = client.post("/v1/memory/write", json=draft("text") | change)
    assert answer.status_code == 422
    assert [(error["loc"], error["type"]) for error in answer.json()["detail"]] == [(place, kind)]


@pytest.mark.parametrize("media_type", [None, "text/plain"])
def test_s3_1_a_body_must_say_that_it_is_json(client: httpx.Client, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = client.post("/v1/memory/write", content=json.dumps(draft("text")), headers=headers)
    assert answer.status_code == 422
    assert "text" in answer.json()["detail"][0]["input"]


def test_s3_4_bad_json_is_422_of_its_own_type(client: httpx.Client) -> None:
    answer = client.post("/v1/memory/write", content=b'{"a":', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "json_invalid")


def test_s3_1_nan_is_stored_and_read_back_as_null(client: httpx.Client) -> None:
    body = json.dumps(draft("not a number", metadata={"x": float("nan"), "y": [float("inf")]}))
    answer = client.post("/v1/memory/write", content=body, headers={"Content-Type": "application/json"})
    entry = client.get(f"/v1/memory/{answer.json()['entry_id']}").json()["entry"]
    assert entry["metadata"] == {"x": None, "y": [None]}


def test_s3_1_exactly_the_limit_and_nul_and_huge_numbers_are_fine(client: httpx.Client) -> None:
    assert client.post("/v1/memory/write", json=draft("x" * 65_536)).status_code == 201
    entry_id = write(client, "nul\x00inside", metadata={"n": 10**40})
    entry = client.get(f"/v1/memory/{entry_id}").json()["entry"]
    assert (entry["content"], entry["metadata"]) == ("nul\x00inside", {"n": 10**40})


def test_defaults_are_those_of_the_real_server_s7_1() -> None:
    real = Settings()
    assert (real.embed_timeout, real.search_embed_timeout, real.health_embed_timeout) == (8.0, 2.0, 3.0)
    assert (real.max_content_bytes, real.idle_close, real.health_ttl, real.retry_every) == (65_536, 5.0, 60.0, 120.0)
