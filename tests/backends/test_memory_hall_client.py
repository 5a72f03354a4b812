"""Who we say we are, where the token goes and where it does not, and how long a dead server may cost."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from memcore.errors import BackendError, ConfigError, InvalidInputError
from memcore.records import Query, Scope
from memcore.testing import Clock
from memcore_backends.memory_hall.settings import MemoryHallSettings
from memory_hall_backend import Client, backend, contents_of
from memory_hall_client import FAST, TOKEN, until, without_waits
from memory_hall_server import MemoryHallServer, Settings

TEXT = "The ferry leaves at nine."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: MemoryHallServer) -> Iterator[Client]:
    with backend(tmp_path / "home", server) as client:
        yield client


def token_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    """Return a file with a token in it."""
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


# --- credentials ---


def test_a_token_file_is_stripped(server: MemoryHallServer, tmp_path: Path) -> None:
    path = token_file(tmp_path, f"  {TOKEN}\r\n\n")
    with backend(tmp_path / "home", server, token="", token_file=str(path)) as client:
        client.keep(TEXT)
        assert client.waiting() == 0
    assert server.requests("write")[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_changed_token_file_is_read_again(server: MemoryHallServer, tmp_path: Path) -> None:
    path = token_file(tmp_path, "old-token")
    with backend(tmp_path / "home", server, token="", token_file=str(path)) as client:
        client.keep(TEXT)
        assert client.waiting() == 1
        path.write_text(TOKEN)
        assert client.backend.courier.flush().problem is None
    assert contents_of(server) == [TEXT]


def test_a_server_without_a_token_is_sent_some_bearer(server: MemoryHallServer, tmp_path: Path) -> None:
    server.configure(token=None)
    with backend(tmp_path / "home", server, token="") as client:
        client.keep(TEXT)
        assert (client.waiting(), client.find("ferry")) == (0, [TEXT])
        server.configure(token=TOKEN)
        client.keep("Another text.")
        assert "no token is configured" in str(client.backend.courier.problem)


@pytest.mark.parametrize("text", ["", "\n", "two words", "tokén", "line\nbreak", "\x07bell"])
def test_a_token_that_cannot_be_sent_is_explained_and_not_shown(
    server: MemoryHallServer, tmp_path: Path, text: str
) -> None:
    path = token_file(tmp_path, text)
    with backend(tmp_path / "home", server, token="", token_file=str(path)) as client:
        client.keep(TEXT)
        problem = client.backend.courier.problem
        assert isinstance(problem, ConfigError)
        assert str(path) in str(problem)
        assert not text.strip() or text not in str(problem)
        assert client.waiting() == 1


def test_a_missing_token_file_is_explained(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, token="", token_file=str(tmp_path / "nowhere")) as client:
        health = client.backend.health()
        assert not health.ok
        assert "cannot read the secret" in health.detail


def test_a_token_file_that_others_can_read_is_reported(server: MemoryHallServer, tmp_path: Path) -> None:
    path = token_file(tmp_path, TOKEN, mode=0o644)
    with backend(tmp_path / "home", server, token="", token_file=str(path)) as client:
        assert client.backend.link.transport.credentials.open_files() == [path]
        path.chmod(0o600)
        assert client.backend.link.transport.credentials.open_files() == []


def test_a_signature_covers_the_exact_bytes(tmp_path: Path) -> None:
    secret = token_file(tmp_path, "a-shared-secret\n")
    server_settings = Settings(hmac_secret="a-shared-secret", embed_timeout=0.2, search_embed_timeout=0.1)
    with MemoryHallServer(tmp_path / "hall.db", server_settings) as server:
        with backend(tmp_path / "home", server, token="", hmac_secret_file=str(secret), hmac_key_id="ada") as client:
            client.keep("潮 and é", metadata={"list": [1, 2.5]})
            assert (client.waiting(), client.find("潮")) == (0, ["潮 and é"])
            client.backend.retire([client.keep("Another text.").id], reason="wrong")
        assert server.stored()[0]["created_by_principal"] == "ada"
        writes = server.requests("write")
        nonces = {request.headers["x-nonce"] for request in server.requests()}
    for request in writes:
        signature = hmac.new(b"a-shared-secret", request.body, hashlib.sha256).hexdigest()
        assert request.headers["authorization"] == f"HMAC ada:{signature}"
    assert len(nonces) >= len(writes)


def test_a_server_with_a_token_takes_no_signature_and_says_so(server: MemoryHallServer, tmp_path: Path) -> None:
    secret = token_file(tmp_path, "a-shared-secret")
    with backend(tmp_path / "home", server, token="", hmac_secret_file=str(secret)) as client:
        client.keep(TEXT)
        assert "takes no signature" in str(client.backend.courier.problem)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"endpoint": ""}, "VIRTUALME_MEMHALL_ENDPOINT"),
        ({"endpoint": "127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ({"endpoint": "ftp://host"}, "http://127.0.0.1:9000"),
        ({"endpoint": "http://host:port"}, "http://127.0.0.1:9000"),
        ({"endpoint": "http://user:secret@host"}, "password"),
        ({"endpoint": "http://host?x=1"}, "http://127.0.0.1:9000"),
        ({"hmac_secret_file": "/somewhere"}, "keep one of them"),
        ({"token": "", "hmac_secret_file": "/somewhere", "hmac_key_id": "a:b"}, "colon"),
        ({"keep_alive": 5.0}, "5 seconds"),
        ({"tries": 0}, "tries from 1"),
        ({"write_timeout": 0.0}, "write_timeout"),
    ],
)
def test_wrong_settings_are_explained(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught, backend(tmp_path / "home", "http://127.0.0.1:9", **changes):
        pass
    assert said in str(caught.value)
    assert "user:secret" not in str(caught.value)


def test_every_setting_says_what_it_is() -> None:
    import attrs

    assert all(item.metadata["help"] for item in attrs.fields(MemoryHallSettings))


# --- where requests go ---


def test_redirects_are_not_followed_and_explained(server: MemoryHallServer, tmp_path: Path, client: Client) -> None:
    with MemoryHallServer(tmp_path / "elsewhere.db", without_waits(token="other")) as elsewhere:
        server.redirect_next(None, location=f"{elsewhere.url}/v1/memory?private=1")
        client.keep(TEXT)
        assert elsewhere.count() == 0
        problem = str(client.backend.courier.problem)
        assert elsewhere.url in problem
        assert "redirects are not followed" in problem
        assert "private" not in problem
        with pytest.raises(BackendError, match="redirects"):
            client.backend.scan(Scope())


def test_proxies_are_ignored_for_this_machine(
    server: MemoryHallServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        with backend(tmp_path / url[-5:], url) as client:
            client.keep(TEXT)
            assert client.waiting() == 0


def test_proxies_are_used_for_others(server: MemoryHallServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with backend(tmp_path / "home", "http://memory-hall.invalid:9000") as client:
        client.keep(TEXT)
    assert server.requests()[0].target.startswith("http://memory-hall.invalid:9000/v1/memory/write")


@pytest.fixture
def tls(tmp_path: Path, server: MemoryHallServer) -> Iterator[tuple[str, Path]]:
    """Put TLS with a certificate of our own in front of the server; give its address and the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("not applicable: no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        "-days",
        "1",
    ]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_front, args=(listener, context, server.port), daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _front(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            inner, _ = listener.accept()
            with (
                context.wrap_socket(inner, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", port)) as plain,
            ):
                plain.sendall(_request(secure).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                while chunk := plain.recv(65_536):
                    secure.sendall(chunk)
        except ssl.SSLError:
            continue
        except OSError:
            return


def _request(secure: ssl.SSLSocket) -> bytes:
    data = secure.recv(65_536)
    while b"\r\n\r\n" not in data:
        data += secure.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += secure.recv(65_536)
    return head + b"\r\n\r\n" + body


def test_a_certificate_nobody_vouches_for_is_refused(
    tls: tuple[str, Path], server: MemoryHallServer, tmp_path: Path
) -> None:
    with backend(tmp_path / "home", tls[0]) as client:
        client.keep(TEXT)
        assert client.waiting() == 1
        assert "ca_file" in str(client.backend.courier.problem)
    assert server.count() == 0


def test_a_certificate_of_our_own_authority_is_accepted(
    tls: tuple[str, Path], server: MemoryHallServer, tmp_path: Path
) -> None:
    with backend(tmp_path / "home", tls[0], ca_file=str(tls[1])) as client:
        client.keep(TEXT)
        assert client.waiting() == 0
    assert contents_of(server) == [TEXT]


def test_a_missing_certificate_file_is_explained(tmp_path: Path) -> None:
    with backend(tmp_path / "home", "https://127.0.0.1:9", ca_file=str(tmp_path / "nowhere.pem")) as client:
        assert "nowhere.pem" in client.backend.health().detail


# --- what is sent ---


@pytest.mark.parametrize(
    "metadata",
    [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}, {"x": b"bytes"}, {"x": "\ud800"}, {"\ud800": 1}],
    ids=["nan", "infinity", "object", "bytes", "surrogate", "surrogate-key"],
)
def test_metadata_the_server_would_choke_on_is_refused_before_it_is_sent(
    server: MemoryHallServer, client: Client, metadata: dict[str, object]
) -> None:
    with pytest.raises(InvalidInputError):
        client.backend.put([client.draft("Fine."), client.draft(TEXT, metadata=metadata)])
    assert (server.count(), client.waiting()) == (0, 0)


def test_nesting_is_allowed_up_to_two_hundred_levels(server: MemoryHallServer, client: Client) -> None:
    def nested(levels: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for _ in range(levels - 1):
            found = {"deeper": found}
        return found

    record = client.keep(TEXT, metadata=nested(200))
    assert client.backend.get([record.id])[0].metadata == nested(200)
    for levels in (201, 300, 100_000):
        with pytest.raises(InvalidInputError, match="nested"):
            client.keep("Another text.", metadata=nested(levels))
    assert len(client.all()) == 1


def test_a_text_above_the_limit_is_refused_before_it_is_sent(server: MemoryHallServer, client: Client) -> None:
    client.keep("潮" * 21_845)
    with pytest.raises(InvalidInputError, match="65536"):
        client.keep("潮" * 21_846)
    assert server.count("write") == 1


def test_a_reason_that_cannot_be_stored_is_refused(client: Client) -> None:
    record = client.keep(TEXT)
    with pytest.raises(InvalidInputError):
        client.backend.retire([record.id], reason="half \ud800")
    assert client.find("ferry") == [TEXT]


def test_callers_keys_that_the_server_reserves_come_back(client: Client) -> None:
    metadata = {
        "amh_status": "revoked", "memcore": {"line": "nine."}, "upstream_ids": 3, "provenance_tier": None, "supersedes": [],
        "revoked_reason": "x", "own": 1,
    }  # fmt: skip
    record = client.keep(TEXT, metadata=metadata)
    (found,) = client.backend.get([record.id])
    assert (found.metadata, found.status, found.content) == (metadata, "active", TEXT)


def test_nothing_the_server_drops_is_sent_at_the_top(server: MemoryHallServer, client: Client) -> None:
    client.keep(TEXT, confidence=0.5, source="a.md#L1", entities=("Mina",), upstream_ids=("m1",), provenance="observed")
    body = json.loads(server.requests("write")[0].body)
    assert set(body) <= {"agent_id", "namespace", "type", "content", "summary", "tags", "references", "metadata"}
    assert (body["metadata"]["upstream_ids"], body["metadata"]["provenance_tier"]) == (["m1"], "observed")


# --- a dead server ---


def test_a_dead_server_is_asked_once_and_then_left_alone(server: MemoryHallServer, tmp_path: Path) -> None:
    clock = Clock()
    with backend(tmp_path / "home", server, clock=clock, cooldown=30.0) as client:
        client.keep(TEXT)
        server.kill()
        assert client.find("ferry") == [TEXT]
        assert client.backend.link.away
        server.start()
        server.clear_requests()
        assert client.find("ferry") == [TEXT]
        assert server.count() == 0
        clock.move(31)
        until(lambda: client.find("ferry") == [TEXT] and not client.backend.link.away)
        assert server.count("search") >= 1


def test_the_next_process_knows_that_the_server_is_away(server: MemoryHallServer, tmp_path: Path) -> None:
    clock = Clock()
    with backend(tmp_path / "home", server, clock=clock, cooldown=30.0) as client:
        client.keep(TEXT)
        server.kill()
        client.find("ferry")
    with backend(tmp_path / "home", server, clock=clock, cooldown=30.0) as client:
        assert client.backend.link.away
        assert client.find("ferry") == [TEXT]
    with MemoryHallServer(tmp_path / "other.db", FAST) as other:
        with backend(tmp_path / "home", other, clock=clock, cooldown=30.0) as client:
            assert not client.backend.link.away


def test_a_clock_set_back_does_not_lock_the_server_out(server: MemoryHallServer, tmp_path: Path) -> None:
    clock = Clock()
    with backend(tmp_path / "home", server, clock=clock, cooldown=30.0) as client:
        client.keep(TEXT)
        server.kill()
        client.find("ferry")
        server.start()
        clock.move(-7200)
        until(lambda: client.find("ferry") == [TEXT] and not client.backend.link.away)


def test_a_server_that_hangs_costs_one_search_a_timeout_and_the_next_nothing(
    server: MemoryHallServer, tmp_path: Path
) -> None:
    with backend(tmp_path / "home", server, cooldown=30.0, search_timeout=0.3) as client:
        client.keep(TEXT)
        server.hang()
        assert client.find("ferry") == [TEXT]
        asked = server.count()
        assert [client.find("ferry") for _ in range(5)] == [[TEXT]] * 5
        assert server.count() == asked


def test_a_write_does_not_wait_for_others_that_wait(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, background=True) as client:
        server.fail_next(None, status=503, route="write")
        client.backend.put([client.draft(f"ferry {number}") for number in range(3)])
        sent = server.count("write")
        client.keep(TEXT)
        assert client.waiting() == 4
        assert server.count("write") - sent <= 3, "the put itself sent nothing"
        server.clear_faults()


def test_a_connection_that_died_after_a_500_is_not_used_again(server: MemoryHallServer, client: Client) -> None:
    client.keep("A text before.")
    server.fail_next(1)
    client.keep(TEXT)
    assert [request.status for request in server.requests("write")] == [201, 500, 201]


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(
    server: MemoryHallServer, tmp_path: Path
) -> None:
    server.configure(idle_close=0.1)
    with backend(tmp_path / "home", server, tries=1) as client:
        client.keep("A text before.")
        until(lambda: not [thread for thread in threading.enumerate() if "process_request" in thread.name])
        client.keep(TEXT)
        assert client.waiting() == 0


# --- health ---


def test_health_tells_what_doctor_needs(server: MemoryHallServer, client: Client) -> None:
    client.keep(TEXT)
    server.embedder.down()
    client.keep("Another text.")
    server.skew_clock(3600)
    server.expire_health()
    health = client.backend.health()
    facts = health.facts
    assert health.ok
    assert (facts["reachable"], facts["authorised"], facts["embedder"]) == (True, True, "degraded")
    assert (facts["not_embedded_yet"], facts["never_embedded"], facts["waiting"], facts["refused"]) == (1, 0, 0, 0)
    assert "embedder does not work" in health.detail
    assert "clock is" in health.detail


def test_health_of_a_dead_or_locked_server_says_which(server: MemoryHallServer, client: Client) -> None:
    server.configure(token="changed")
    client.keep(TEXT)
    health = client.backend.health()
    assert (health.ok, health.facts["reachable"], health.facts["authorised"], health.facts["waiting"]) == (
        False,
        True,
        False,
        1,
    )
    server.kill()
    health = client.backend.health()
    assert (health.ok, health.facts["reachable"]) == (False, False)
    assert "cannot be reached" in health.detail


def test_health_asks_although_the_server_was_away(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, cooldown=300.0) as client:
        server.kill()
        client.find("ferry")
        server.start()
        assert client.backend.health().ok
        assert not client.backend.link.away


def test_closing_ends_every_thread(server: MemoryHallServer, tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with backend(tmp_path / "home", server, background=True) as client:
        server.kill()
        client.keep(TEXT)
        client.find("ferry")
        client.backend.close()
        with pytest.raises(BackendError):
            client.backend.search(Query(text="ferry"))
    until(lambda: not [t for t in threading.enumerate() if t.name not in before and t.name.startswith("memory-hall-")])


def test_the_lease_file_is_private(server: MemoryHallServer, client: Client, tmp_path: Path) -> None:
    client.keep(TEXT)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}
    assert os.name != "posix" or modes["memory.db-outbox"] == 0o600
