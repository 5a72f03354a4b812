"""Check the search of the memory-hall test server against the fact sheet (§4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from memory_hall_client import FAST, connect, without_waits, write
from memory_hall_server import MemoryHallServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as running:
        yield running


@pytest.fixture
def client(server: MemoryHallServer) -> Iterator[httpx.Client]:
    with connect(server) as connected:
        yield connected


def search(client: httpx.Client, query: str, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/memory/search", json={"query": query, **asked})
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def found(client: httpx.Client, query: str, **asked: Any) -> list[str]:
    return [hit["entry"]["content"] for hit in search(client, query, **asked)["results"]]


def listed(client: httpx.Client, **params: Any) -> list[str]:
    return [entry["content"] for entry in client.get("/v1/memory", params=params).json()["entries"]]


@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
def test_s4_3_filters_do_not_bind_vector_hits(client: httpx.Client, mode: str) -> None:
    write(client, "Bob plays chess", namespace="project:bob", agent_id="b", type="note", tags=["t"])
    filters = {"namespace": ["nope"], "agent_id": "nobody", "type": ["none"], "tags": ["x"]}
    assert found(client, "chess", mode=mode, **filters) == ["Bob plays chess"]


def test_s4_3_filters_bind_the_lexical_mode(client: httpx.Client) -> None:
    write(client, "chess one", namespace="project:a", agent_id="x", type="note", tags=["t", "u"])
    write(client, "chess two", namespace="project:b", agent_id="y", type="fact", tags=["t"])
    for filters in (
        {"namespace": ["project:a", "project:z"]},
        {"agent_id": "x"},
        {"type": ["note"]},
        {"tags": ["t", "u"]},
    ):
        assert found(client, "chess", mode="lexical", **filters) == ["chess one"]
    assert len(found(client, "chess", mode="lexical", namespace=[], tags=[])) == 2
    assert found(client, "chess", mode="lexical", namespace=["project:"]) == []


def test_s4_2_a_hit_of_both_lists_scores_by_rank(client: httpx.Client) -> None:
    write(client, "Alice values directness")
    body = search(client, "directness")
    hit = body["results"][0]
    breakdown = hit["score_breakdown"]
    assert (body["total"], body["degraded"]) == (1, False)
    assert hit["score"] == breakdown["rrf"] == pytest.approx(2 / 61)
    assert 0 < breakdown["bm25"] < 1
    assert 0 < breakdown["semantic"] < 1
    assert (breakdown["hybrid_mode"], breakdown["alpha"], breakdown["semantic_status"]) == ("rrf", 0.0, "ok")
    assert set(hit) == {"entry_id", "score", "score_breakdown", "entry"}


def test_s4_2_short_cjk_queries_weigh_the_lexical_list_double(client: httpx.Client) -> None:
    write(client, "我喜歡公園散步")
    assert search(client, "公園")["results"][0]["score"] == pytest.approx(3 / 61)
    assert search(client, "喜歡公園散步")["results"][0]["score"] == pytest.approx(2 / 61)


def test_s4_2_hybrid_and_semantic_fill_up_with_unrelated_entries(client: httpx.Client) -> None:
    for content in ("tea in the morning", "a red bicycle", "seven bridges"):
        write(client, content)
    for mode in ("hybrid", "semantic"):
        results = search(client, "quantum chromodynamics", mode=mode, limit=2)["results"]
        assert len(results) == 2
        assert {hit["score_breakdown"]["bm25"] for hit in results} == {0.0}


def test_s4_2_total_counts_what_is_returned_not_what_matches(client: httpx.Client) -> None:
    for number in range(5):
        write(client, f"bridge {number}")
    assert search(client, "bridge", limit=3, mode="lexical")["total"] == 3


def test_s4_2_both_lists_are_read_beyond_the_limit_before_they_are_fused(client: httpx.Client) -> None:
    write(client, "bridge and tea")
    write(client, "bridge", namespace="project:bob")
    results = search(client, "bridge", limit=1, namespace=["project:alice"])["results"]
    assert [hit["entry"]["content"] for hit in results] == ["bridge and tea"]
    assert results[0]["score"] == pytest.approx(1 / 61 + 1 / 62)


def test_s4_2_lexical_mode_attempts_no_embedding_and_is_never_degraded(
    server: MemoryHallServer, client: httpx.Client
) -> None:
    write(client, "seven bridges")
    server.embedder.down()
    calls = server.embedder.calls
    body = search(client, "bridges", mode="lexical")
    assert body["degraded"] is False
    assert body["results"][0]["score"] == pytest.approx(1 / 61)
    assert body["results"][0]["score_breakdown"]["semantic_status"] == "not_attempted"
    assert server.embedder.calls == calls


def test_s4_2_revoked_entries_are_returned_like_any_other(client: httpx.Client) -> None:
    entry_id = write(client, "revoked bridges")
    client.patch(f"/v1/memory/{entry_id}", json={"metadata": {"amh_status": "revoked"}})
    assert found(client, "bridges", mode="lexical") == ["revoked bridges"]
    assert listed(client) == ["revoked bridges"]


def test_s4_2_weighted_linear_mixes_the_two_scores(tmp_path: Path) -> None:
    settings = without_waits(hybrid_mode="weighted_linear")
    with MemoryHallServer(tmp_path / "hall.db", settings) as server, connect(server) as client:
        write(client, "seven bridges")
        for query, mode, alpha in (("bridges", "hybrid", 0.3), ("bridges", "lexical", 1.0), ("nothing", "hybrid", 0.0)):
            hit = search(client, query, mode=mode)["results"][0]
            parts = hit["score_breakdown"]
            assert (parts["hybrid_mode"], parts["alpha"]) == ("weighted_linear", alpha)
            assert hit["score"] == pytest.approx(alpha * parts["bm25"] + (1 - alpha) * parts["semantic"])


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ("directness", True),
        ("DIRECTNESS alice", True),
        ("direct", False),
        ("value", False),
        ("What does Alice value about directness?", False),
        ("summary-word", True),
        ("tagword", True),
        ('alice OR "nothing"', False),
        ("alic*", False),
        ("?! ...", False),
    ],
)
def test_s4_4_lexical_search_wants_every_whole_word(client: httpx.Client, query: str, hit: bool) -> None:
    write(client, "Alice values directness over deference", summary="a summary word", tags=["tagword"])
    assert bool(found(client, query, mode="lexical")) is hit


@pytest.mark.parametrize(
    ("content", "query", "hit"),
    [
        ("她很坦率", "坦率", True),
        ("他常常撞牆", "牆", True),
        ("他常常撞牆", "撞牆", True),
        ("我喜歡公園散步", "喜歡公園", True),
        ("我喜歡公園散步", "園散", False),
        ("抹茶が好き", "抹茶", True),
        ("나는 커피를 좋아해", "커피", True),
    ],
)
def test_s4_4_cjk_is_cut_into_words(client: httpx.Client, content: str, query: str, hit: bool) -> None:
    write(client, content)
    assert bool(found(client, query, mode="lexical")) is hit


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"namespace": "project:alice"}, "list_type"),
        ({"type": "fact"}, "list_type"),
        ({"tags": "a"}, "list_type"),
        ({"agent_id": ["a"]}, "string_type"),
        ({"limit": None}, "int_type"),
        ({"limit": 0}, "greater_than_equal"),
        ({"limit": 101}, "less_than_equal"),
        ({"limit": 2.5}, "int_from_float"),
        ({"limit": "many"}, "int_parsing"),
        ({"mode": "fuzzy"}, "literal_error"),
        ({"query": ""}, "string_too_short"),
    ],
)
def test_s4_1_search_refuses_what_does_not_fit(client: httpx.Client, asked: dict[str, Any], kind: str) -> None:
    answer = client.post("/v1/memory/search", json={"query": "q"} | asked)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)


def test_s4_1_limits_are_coerced_and_unknown_fields_ignored(client: httpx.Client) -> None:
    for number in range(3):
        write(client, f"bridge {number}")
    for limit in ("2", 2.0):
        assert len(found(client, "bridge", limit=limit, since="2999-01-01", cursor="x", offset=9)) == 2
