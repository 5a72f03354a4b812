"""What the server's search does not do is done here: the scope, natural questions, and texts that several people share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore.records import Query, Scope
from memcore_backends.memory_hall.ranking import pieces
from memory_hall_backend import Client, backend, contents_of
from memory_hall_client import FAST, connect, write
from memory_hall_server import MemoryHallServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: MemoryHallServer) -> Iterator[Client]:
    with backend(tmp_path / "home", server) as client:
        yield client


# --- the same words of several people ---


def test_the_same_words_of_two_people_are_two_records(server: MemoryHallServer, client: Client) -> None:
    mine = client.keep("yes")
    theirs = client.keep("yes", namespace="project:bob")
    opinion = client.keep("yes", kind="opinion")
    assert len({mine.id, theirs.id, opinion.id}) == 3
    assert [record.content for record in client.backend.get([mine.id, theirs.id, opinion.id])] == ["yes"] * 3
    assert [record.namespace for record in client.backend.get([mine.id, theirs.id])] == ["project:ada", "project:bob"]
    assert contents_of(server) == ["yes", f"yes\n[memcore {theirs.id}]", f"yes\n[memcore {opinion.id}]"]


def test_shared_words_are_new_then_existing_for_each(client: Client) -> None:
    states = [
        client.backend.put([client.draft("yes", namespace=space)])[0].state
        for space in ("project:ada", "project:bob", "project:ada", "project:bob")
    ]
    assert states == ["new", "new", "existing", "existing"]


def test_the_line_that_makes_a_text_distinct_is_never_seen(server: MemoryHallServer, client: Client) -> None:
    server.embedder.down()  # its vectors know the line; its words are checked here
    client.keep("yes")
    theirs = client.keep("yes", namespace="project:bob")
    scope = Scope(namespaces=("project:bob",))
    for word in ("yes", "memcore", theirs.id, f"[memcore {theirs.id}]"):
        hits = client.backend.search(Query(text=word, scope=scope, now=client.clock()))
        assert [hit.record.content for hit in hits] == (["yes"] if word == "yes" else [])
    assert [record.content for record in client.backend.scan(scope).records] == ["yes"]
    assert theirs.content_hash == client.keep("yes").content_hash


def test_a_text_that_ends_like_such_a_line_is_left_alone(client: Client) -> None:
    text = f"yes\n[memcore m{'a' * 26}]"
    record = client.keep(text)
    assert client.backend.get([record.id])[0].content == text


def test_hash_lookups_find_a_distinct_text(server: MemoryHallServer, client: Client) -> None:
    client.keep("yes")
    theirs = client.keep("yes", namespace="project:bob")
    with connect(server) as http:
        answer = http.get("/v1/memory/by-amh-hash", params={"namespace": "project:bob", "hash": theirs.id})
    assert answer.json()["entry"]["namespace"] == "project:bob"


def test_words_another_client_wrote_first_are_made_distinct(server: MemoryHallServer, client: Client) -> None:
    with connect(server) as http:
        write(http, "yes", namespace="project:eve", type="episode")
    mine = client.backend.put([client.draft("yes")])[0]
    assert (mine.state, mine.record.namespace) == ("new", "project:ada")
    assert len(server.stored()) == 2


def test_words_another_client_wrote_for_the_same_owner_are_the_record(server: MemoryHallServer, client: Client) -> None:
    with connect(server) as http:
        write(http, "yes", namespace=client.namespace, type="fact", metadata={"provenance_tier": "observed", "turn": 3})
    mine = client.backend.put([client.draft("yes")])[0]
    assert (mine.state, mine.record.provenance, dict(mine.record.metadata)) == ("existing", "observed", {"turn": 3})
    assert len(server.stored()) == 1


def test_a_text_too_long_to_be_made_distinct_is_set_aside(server: MemoryHallServer, client: Client) -> None:
    text = "x" * 65_536
    client.keep(text)
    theirs = client.keep(text, namespace="project:bob")
    assert (client.waiting(), client.refused()) == (0, 1)
    (op,) = client.backend.outbox.waiting(0, 10, refused=True)
    assert "too long" in op.problem
    assert client.backend.get([theirs.id]) == [theirs]


def test_a_revoked_text_of_somebody_else_stays_revoked(server: MemoryHallServer, client: Client) -> None:
    mine = client.keep("yes")
    client.backend.retire([mine.id], reason="no")
    theirs = client.backend.put([client.draft("yes", namespace="project:bob")])[0]
    assert theirs.state == "new"
    assert [record.status for record in client.backend.get([mine.id, theirs.record.id])] == ["retired", "active"]


# --- the scope ---


def test_hits_of_others_never_come_through(server: MemoryHallServer, client: Client) -> None:
    for number in range(30):
        client.keep(f"The ferry of Bob, number {number}.", namespace="project:bob")
    mine = client.keep("A ferry of mine.")
    assert client.find("ferry") == [mine.content]
    assert client.find("ferry of Bob number") == [mine.content]
    assert client.find("ferry", namespaces=("project:nobody",)) == []


def test_what_left_active_memory_is_hidden_whatever_it_is_called(server: MemoryHallServer, client: Client) -> None:
    with connect(server) as http:
        for status in ("revoked", "superseded", "expired", "something-new"):
            write(http, f"The ferry is {status}.", namespace=client.namespace, metadata={"amh_status": status})
        write(http, "The ferry is active.", namespace=client.namespace, metadata={"amh_status": "active"})
    assert client.find("ferry") == ["The ferry is active."]
    statuses = {record.content: record.status for record in client.all(statuses=())}
    assert statuses["The ferry is expired."] == "archived"
    assert statuses["The ferry is something-new."] == "retired"


# --- questions ---


def test_a_question_finds_its_memory_in_a_large_namespace(client: Client) -> None:
    wanted = client.keep("Mina takes the morning ferry to Tongyeong.")
    client.backend.put([client.draft(f"Entry {number} about gardens and bread.") for number in range(60)])
    assert client.find("So, which ferry does Mina usually take?", limit=5)[0] == wanted.content


def test_words_are_enough_when_the_list_is_switched_off(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, listed=0) as client:
        server.embedder.down()
        wanted = client.keep("Mina takes the morning ferry to Tongyeong.")
        client.keep("The bakery opens at six.")
        assert client.find("Which ferry does she take, in the morning or at night?") == [wanted.content]


@pytest.mark.parametrize(
    ("sentence", "asked"),
    [
        ("她說計畫撞牆了，先休息一週。", "撞牆"),
        ("우리는 기억을 파일에 저장한다.", "기억"),
        ("抹茶の注文は金曜日に届く。", "抹茶はいつ？"),
    ],
)
def test_cjk_words_are_found_without_the_embedder(
    server: MemoryHallServer, client: Client, sentence: str, asked: str
) -> None:
    server.embedder.down()
    client.keep(sentence)
    client.keep("The ferry leaves at nine.")
    assert client.find(asked) == [sentence]


def test_the_words_of_a_question_are_asked_one_by_one(server: MemoryHallServer, client: Client) -> None:
    client.keep("The ferry was repainted.")
    server.clear_requests()
    client.find("Was the ferry repainted?")
    assert server.count("search") > 1


def test_a_full_answer_asks_no_further(server: MemoryHallServer, client: Client) -> None:
    for number in range(3):
        client.keep(f"ferry {number}")
    server.clear_requests()
    assert len(client.find("ferry", limit=2)) == 2
    assert (server.count("search"), server.count("list")) == (1, 0)


def test_a_search_for_more_than_the_server_gives_lists_the_rest(client: Client) -> None:
    client.backend.put([client.draft(f"ferry number {number}") for number in range(130)])
    assert len(client.find("ferry", limit=1000)) == 130


def test_an_unrelated_question_finds_nothing(client: Client) -> None:
    client.keep("Mina takes the morning ferry to Tongyeong.")
    assert client.find("quarterly tax return") == []


def test_a_dead_embedder_is_told_and_words_still_work(server: MemoryHallServer, client: Client) -> None:
    client.keep("The ferry leaves at nine.")
    server.embedder.down()
    assert client.find("ferry") == ["The ferry leaves at nine."]
    assert "embedder does not answer" in client.backend.searcher.degraded
    server.embedder.up()
    client.find("ferry")
    assert client.backend.searcher.degraded == ""


def test_a_hanging_embedder_makes_one_search_wait_and_not_the_next(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, cooldown=30.0, search_timeout=5.0, read_deadline=6.0) as client:
        client.keep("The ferry leaves at nine.")
        server.configure(search_embed_timeout=1.2)
        server.embedder.hang()
        server.clear_requests()
        assert client.find("ferry") == ["The ferry leaves at nine."]
        first = [request for request in server.requests("search") if b'"mode"' not in request.body]
        assert len(first) == 1
        server.clear_requests()
        assert client.find("ferry") == ["The ferry leaves at nine."]
        assert all(b'"mode":"lexical"' in request.body for request in server.requests("search"))
        client.clock.move(31)
        server.embedder.up()
        client.find("ferry")
        assert client.backend.searcher.degraded == ""


def test_the_query_text_is_in_no_address(server: MemoryHallServer, client: Client) -> None:
    client.keep("zwiebelkuchen", tags=("quastenflosser",))
    client.find("zwiebelkuchen", tags=("quastenflosser",))
    client.all(tags=("quastenflosser",))
    assert not [r for r in server.requests() if "zwiebel" in r.target or "quasten" in r.target]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60), st.integers(0, 8))
def test_pieces_are_few_and_come_from_the_text(text: str, most: int) -> None:
    found = pieces(text, most)
    assert len(found) <= most
    assert len(found) == len(set(found))
    for piece in found:
        assert piece.strip()
        assert all(word in text for word in piece.split(" "))
