"""The http embedder against a real server: what it sends, what it accepts, and what every fault costs."""

from __future__ import annotations

import json
import threading

import pytest
from embedding_server import EmbeddingServer
from memcore.errors import ConfigError, UnavailableError
from memcore_plugins.embedders.http import HttpEmbedder, HttpSettings, Plugin, _available
from vector_memory import by_meaning, left, open_memory, remember, vectors

HTTP = {"embedder-http": "memcore_plugins.embedders.http:Plugin"}


@pytest.fixture
def server():
    found = EmbeddingServer()
    yield found
    found.stop()


@pytest.fixture
def embedder(server):
    found = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="bge-m3", query_timeout=5.0, tries=3))
    yield found
    found.close()


def inputs(server):
    return [body["input"] for _, body, _ in server.requests]


def test_texts_become_vectors_in_their_order(server, embedder):
    assert embedder.embed(["one", "two"]) == [server.vector("one"), server.vector("two")]
    path, body, key = server.requests[0]
    assert (path, key) == ("/v1/embeddings", None)
    assert body == {"model": "bge-m3", "input": ["one", "two"], "encoding_format": "float"}


def test_vectors_are_put_in_order_by_their_index(server, embedder):
    server.change = lambda rows: rows[::-1]
    assert embedder.embed(["one", "two", "three"]) == [server.vector(text) for text in ("one", "two", "three")]


def test_a_server_that_numbers_nothing_is_taken_at_its_order(server, embedder):
    server.change = lambda rows: [{"embedding": row["embedding"]} for row in rows]
    assert embedder.embed(["one", "two"]) == [server.vector("one"), server.vector("two")]


def test_many_texts_go_in_batches_and_no_texts_go_nowhere(server):
    embedder = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", batch=2))
    assert len(embedder.embed(["a", "b", "c", "d", "e"])) == 5
    assert [len(texts) for texts in inputs(server)] == [2, 2, 1]
    assert embedder.embed([]) == []
    embedder.close()


def test_the_dimension_is_asked_for_once_or_set(server, embedder):
    assert (embedder.dimension, embedder.dimension, len(server.requests)) == (4, 4, 1)
    shorter = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", dimension=2))
    assert shorter.dimension == 2
    shorter.embed(["x"])
    assert server.requests[-1][1]["dimensions"] == 2
    shorter.close()


def test_the_prefixes_of_the_models_family_are_used_unless_others_are_set(server):
    plain = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="nomic-embed-text"))
    own = HttpEmbedder(
        HttpSettings(endpoint=server.endpoint, model="nomic-embed-text", query_prefix="Q ", passage_prefix="")
    )
    for embedder in (plain, own):
        embedder.embed(["x"])
        embedder.embed(["x"], query=True)
        embedder.close()
    assert inputs(server) == [["search_document: x"], ["search_query: x"], ["x"], ["Q x"]]
    assert plain.model != own.model


def test_the_key_comes_from_a_file(server, tmp_path):
    file = tmp_path / "key"
    file.write_text("  s3cret\n")
    embedder = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", key_file=str(file)))
    embedder.embed(["x"])
    assert server.requests[0][2] == "Bearer s3cret"
    assert "s3cret" not in repr(embedder._settings)
    embedder.close()


@pytest.mark.parametrize("content", [None, b"two words", b"\xff\xfe"])
def test_a_key_file_that_holds_no_key_is_explained_without_showing_it(server, tmp_path, content):
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    embedder = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", key_file=str(file)))
    with pytest.raises(ConfigError, match="key") as caught:
        embedder.embed(["x"])
    assert "two words" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_records_are_tried_again_while_the_server_is_in_trouble_and_a_question_is_not(server, embedder, status):
    server.statuses = [status, status]
    assert len(embedder.embed(["x"])) == 1
    assert len(server.requests) == 3
    server.statuses = [status]
    with pytest.raises(UnavailableError, match="in trouble"):
        embedder.embed(["x"], query=True)
    assert len(server.requests) == 4


def test_the_tries_end(server, embedder):
    server.statuses = [500] * 9
    with pytest.raises(UnavailableError, match="in trouble") as caught:
        embedder.embed(["x"])
    assert caught.value.why == "status 500"
    assert len(server.requests) == 3


def test_the_server_may_say_how_long_to_wait(server, embedder):
    from memcore_plugins.embedders import http

    class State:
        attempt_number = 3

        class outcome:
            @staticmethod
            def exception():
                return http._TransientError("busy", waits=7.0)

    assert http._pause(State()) == 7.0
    State.outcome.exception = staticmethod(lambda: http._TransientError("busy", waits=7000.0))
    assert http._pause(State()) == 10.0
    State.outcome.exception = staticmethod(lambda: http._TransientError("busy"))
    assert http._pause(State()) == pytest.approx(0.8)
    server.statuses, server.headers_to_send = [429], {"Retry-After": "0"}
    assert embedder.embed(["x"])


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_a_refusal_is_not_tried_again_and_names_model_and_key(server, embedder, status):
    server.statuses = [status]
    with pytest.raises(UnavailableError, match="refused") as caught:
        embedder.embed(["x"])
    assert (caught.value.why, len(server.requests)) == (f"status {status}", 1)
    assert "'bge-m3'" in caught.value.cure


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"not json", b"[]", b"{}", b'{"data": 3}', b'{"data": []}', b'{"data": [{"embedding": "text"}]}',
        b'{"data": [{"embedding": [NaN, 1]}]}', b'{"data": [{"embedding": [1e999, 1]}]}', b'{"data": [{"embedding": [{}]}]}',
        b'{"data": [{"embedding": [1]}, {"embedding": [2]}]}', b'{"data": ["x"]}', b'{"error": {"message": "no"}}', b"[" * 9999,
        b'{"data": [{"index": "a", "embedding": [1]}, {"index": 0, "embedding": [2]}]}',
    ],
)  # fmt: skip
def test_an_answer_that_holds_no_vectors_is_explained(server, embedder, raw):
    server.raw = raw
    with pytest.raises(UnavailableError, match="gave") as caught:
        embedder.embed(["x"])
    assert caught.value.cure


def test_vectors_of_mixed_length_are_refused(server, embedder):
    server.change = lambda rows: [{**rows[0], "embedding": [1.0]}, rows[1]]
    with pytest.raises(UnavailableError, match="mixed dimensions"):
        embedder.embed(["one", "two"])


def test_a_dead_server_is_explained(server, embedder):
    server.stop()
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        embedder.embed(["x"], query=True)
    assert caught.value.why == "ConnectError"


def test_a_server_that_is_silent_costs_the_time_of_a_question(server):
    server.hold = True
    embedder = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", query_timeout=0.2))
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        embedder.embed(["x"], query=True)
    assert caught.value.why == "ReadTimeout"
    embedder.close()


def test_an_answer_that_drips_in_is_cut_off(server):
    server.drip = True
    embedder = HttpEmbedder(HttpSettings(endpoint=server.endpoint, model="m", query_timeout=0.3))
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        embedder.embed(["x"], query=True)
    assert caught.value.why == "ReadTimeout"
    embedder.close()


def test_an_answer_without_end_is_cut_off(server, embedder, monkeypatch):
    monkeypatch.setattr("memcore_plugins.embedders.http.LARGEST_ANSWER", 1000)
    server.raw = b" " * 100_000
    with pytest.raises(UnavailableError, match="does not answer"):
        embedder.embed(["x"], query=True)


def test_a_password_in_the_address_is_not_shown():
    embedder = HttpEmbedder(HttpSettings(endpoint="http://me:secret@127.0.0.1:1/v1", model="m", tries=1))
    with pytest.raises(UnavailableError) as caught:
        embedder.embed(["x"])
    assert "secret" not in str(caught.value)
    embedder.close()
    embedder.close()


def test_a_proxy_of_the_environment_does_not_see_what_stays_on_this_machine(server, embedder, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert embedder.embed(["x"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "endpoint is not set"),
        ({"endpoint": "http://x/v1"}, "model is not set"),
        ({"endpoint": "127.0.0.1:11434", "model": "m"}, "does not begin with http"),
        ({"endpoint": "http://[bad/v1", "model": "m"}, "is not an address"),
        ({"endpoint": "http://x:99999/v1", "model": "m"}, "is not an address"),
        ({"endpoint": "http://x/v1", "model": "m", "key_file": "/k"}, "unencrypted"),
        ({"endpoint": "https://x/v1", "model": "m", "key_file": "/no/such/key"}, "there is no file"),
        ({"endpoint": "http://localhost:1/v1", "model": "m"}, ""),
    ],
)
def test_settings_that_cannot_work_are_explained_without_asking_anyone(given, problem):
    assert problem in _available(HttpSettings(**given))
    assert bool(problem) == bool(_available(HttpSettings(**given)))


def test_the_plugin_offers_it_by_name(server):
    spec = Plugin().memcore_embedder()
    assert (spec.name, spec.available(HttpSettings())) == ("http", "embedder-http.endpoint is not set")


def opened(home, server, **settings):
    given = {
        "embedder_http__endpoint": server.endpoint,
        "embedder_http__model": "toy",
        "embedder_http__tries": 1,
        **settings,
    }
    return open_memory(home, without=("embedder-toy",), more=HTTP, embedder="http", **given)


def test_a_memory_is_searched_through_a_server(server, tmp_path):
    with opened(tmp_path, server) as engine:
        remember(engine, "one", "two")
        engine.maintain(only="vectors")
        assert by_meaning(engine, "two", limit=1)[0] == "two"
        assert json.dumps(engine.stats()["vectors"]["models"])
        assert server.requests[-1][1]["input"] == ["two"]


def test_listing_the_plugins_asks_no_server(server, tmp_path):
    with opened(tmp_path, server) as engine:
        remember(engine, "one")
        vectors(engine).memcore_status(engine)
        engine.check()
        engine.stats()
    assert server.requests == []


def test_one_text_that_the_server_refuses_holds_up_no_other(server, tmp_path):
    server.refuse = "too long"
    with opened(tmp_path, server) as engine:
        remember(engine, "one", "a text that is too long", "two")
        report = engine.maintain(only="vectors")["vectors"]
        assert report.counts == {"embedded": 2, "refused": 1, "waiting": 0}
        (finding,) = [finding for _, finding in engine.check("vectors")]
        assert "status 400" in finding.message


def test_a_server_that_dies_in_the_middle_of_upkeep_costs_nothing_stored(server, tmp_path):
    with opened(tmp_path, server, vectors__batch=1) as engine:
        remember(engine, *(f"fact {n}" for n in range(6)))
        real = server.change

        def dying(rows):
            if len(server.requests) > 4:
                raise ConnectionAbortedError
            return real(rows)

        server.change = dying
        server.handle_error = lambda *_: None
        report = engine.maintain(only="vectors")["vectors"]
        assert "does not answer" in report.summary
        assert report.counts["embedded"] + left(engine) == 6
        assert 0 < report.counts["embedded"] < 6


def test_two_threads_share_one_embedder(server, embedder):
    found = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: embedder.embed([f"t{n}"])})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [server.vector(f"t{n}")] for n in range(6)}
