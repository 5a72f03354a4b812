"""The outbox: what is accepted is here, leaves in order and only when confirmed, and is part of every answer meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from memcore.errors import InvalidInputError, UnavailableError
from memcore.records import Record, Scope, content_hash
from memcore.testing import Clock
from memory_hall_backend import QUICK, Client, backend, contents_of
from memory_hall_client import FAST, TOKEN, connect, until, write
from memory_hall_server import MemoryHallProcess, MemoryHallServer

TEXTS = [f"The ferry {number} leaves at nine." for number in range(30)]


class Undo(Exception):
    """Undoes a transaction."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: MemoryHallServer) -> Iterator[Client]:
    with backend(tmp_path / "home", server) as client:
        yield client


def test_a_write_is_committed_before_the_server_hears_of_it(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, write_timeout=30.0, deadline=30.0, put_wait=30.0) as client:
        server.hang(route="write")
        writing = threading.Thread(target=client.keep, args=(TEXTS[0],))
        writing.start()
        server.wait_for(lambda: server.count("write") == 1)
        with backend(tmp_path / "home", server) as other:
            assert (other.waiting(), other.find("ferry")) == (1, [TEXTS[0]])
        server.clear_faults()
        writing.join()
        assert client.waiting() == 0


def test_what_was_written_offline_arrives_in_order(server: MemoryHallServer, client: Client) -> None:
    server.kill()
    states = [item.state for item in client.backend.put([client.draft(text) for text in TEXTS[:20]])]
    for text in TEXTS[20:]:
        client.keep(text)
    assert states == ["new"] * 20
    assert client.waiting() == len(TEXTS)
    server.start()
    assert client.backend.courier.flush().sent == len(TEXTS)
    assert contents_of(server) == TEXTS
    assert client.waiting() == 0


def test_ids_are_the_same_before_and_after_the_server_knows(server: MemoryHallServer, client: Client) -> None:
    server.kill()
    offline = client.keep(TEXTS[0], tags=("sea",), metadata={"depth": [1]})
    server.start()
    client.backend.courier.flush()
    assert client.backend.get([offline.id]) == [offline]
    assert [record.id for record in client.all()] == [offline.id]
    assert client.backend.put([client.draft(TEXTS[0])])[0].state == "existing"
    assert client.backend.retire([offline.id], reason="sold") == 1


def test_a_life_lived_offline_ends_the_same_on_the_server(server: MemoryHallServer, client: Client) -> None:
    server.kill()
    old, new, gone = (client.keep(text) for text in TEXTS[:3])
    client.backend.retire([old.id], reason="renamed", superseded_by=new.id)
    client.backend.retire([gone.id], reason="sold")
    back = client.backend.put([client.draft(gone.content)])[0]
    assert back.state == "revived"
    assert [record.status for record in client.backend.get([old.id, new.id, gone.id])] == [
        "superseded",
        "active",
        "active",
    ]
    server.start()
    assert client.backend.courier.flush().problem is None
    entries = server.stored()
    assert [entry["metadata"]["amh_status"] for entry in entries] == ["superseded", "active", "active"]
    assert entries[1]["references"] == [entries[0]["entry_id"]]
    assert entries[0]["metadata"]["revoked_reason"] == "renamed"
    assert [record.status for record in client.backend.get([old.id, new.id, gone.id])] == [
        "superseded",
        "active",
        "active",
    ]
    assert client.backend.get([old.id])[0].metadata == {"retired_reason": "renamed", "superseded_by": new.id}


def test_a_successor_names_what_it_replaced(server: MemoryHallServer, client: Client) -> None:
    old = client.keep(TEXTS[0])
    server.kill()
    new = client.keep(TEXTS[1])
    client.backend.retire([old.id], reason="new timetable", superseded_by=new.id)
    server.start()
    client.backend.courier.flush()
    parent, child = server.stored()
    assert child["metadata"]["supersedes"] == [parent["entry_id"]]
    assert child["references"] == [parent["entry_id"]]
    assert client.backend.get([new.id])[0].metadata == {}


def test_upstream_ids_become_references(server: MemoryHallServer, client: Client) -> None:
    server.kill()
    seen = [client.keep(text, kind="observation") for text in TEXTS[:2]]
    fact = client.keep("Ferries leave at nine.", upstream_ids=[*(record.id for record in seen), "elsewhere"])
    server.start()
    client.backend.courier.flush()
    *observations, entry = server.stored()
    assert entry["references"] == [found["entry_id"] for found in observations]
    assert client.backend.get([fact.id])[0].upstream_ids == fact.upstream_ids


def test_what_the_server_refuses_is_kept_aside_and_holds_nothing_up(server: MemoryHallServer, client: Client) -> None:
    server.configure(max_content_bytes=60)
    long = client.keep("A harbour " * 12)
    short = client.keep(TEXTS[0])
    assert (client.waiting(), client.refused()) == (0, 1)
    assert contents_of(server) == [TEXTS[0]]
    (op,) = client.backend.outbox.waiting(0, 10, refused=True)
    assert (op.id, "longer than the server takes" in op.problem) == (long.id, True)
    assert client.find("harbour") == [long.content]
    assert {record.id for record in client.all()} == {long.id, short.id}
    assert client.backend.get([long.id]) == [long]
    server.configure(max_content_bytes=65_536)
    assert client.backend.outbox.again() == 1
    client.backend.courier.flush()
    assert contents_of(server) == [TEXTS[0], long.content]
    assert (client.waiting(), client.refused()) == (0, 0)


def test_the_reason_of_a_refusal_holds_no_private_text(
    server: MemoryHallServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.fail_next(1, status=422)
    client.keep("The secret is zwiebelkuchen.")
    server.configure(max_content_bytes=10)
    client.keep("Another zwiebelkuchen.")
    problems = [op.problem for op in client.backend.outbox.waiting(0, 10, refused=True)]
    assert len(problems) == 2
    assert "zwiebelkuchen" not in caplog.text + "".join(problems)


def test_a_retirement_of_a_refused_write_waits_with_it(server: MemoryHallServer, client: Client) -> None:
    server.configure(max_content_bytes=10)
    record = client.keep(TEXTS[0])
    assert client.backend.retire([record.id], reason="sold") == 1
    assert (client.waiting(), client.refused(), client.find("ferry")) == (0, 2, [])
    server.configure(max_content_bytes=65_536)
    client.backend.outbox.again()
    client.backend.courier.flush()
    assert (client.refused(), server.stored()[0]["metadata"]["amh_status"]) == (0, "revoked")


def test_a_dropped_write_is_gone_with_all_that_waits_for_it(server: MemoryHallServer, client: Client) -> None:
    server.configure(max_content_bytes=10)
    record = client.keep(TEXTS[0])
    client.backend.retire([record.id], reason="sold")
    (put, _) = client.backend.outbox.waiting(0, 10, refused=True)
    assert client.backend.outbox.drop([put.seq]) == 1
    assert (client.refused(), client.backend.get([record.id]), client.all(statuses=())) == (0, [], [])


def test_a_write_that_makes_the_server_fail_is_overtaken_and_then_set_aside(
    server: MemoryHallServer, tmp_path: Path
) -> None:
    with backend(tmp_path / "home", server, tries=1) as client:
        server.kill()
        bad, good = client.keep(TEXTS[0]), client.keep(TEXTS[1])
        server.start()
        assert client.backend.link.ready(1.0)
        for number in range(10):
            assert (client.refused(), good.content in contents_of(server)) == (0, number > 2)
            server.fail_next(1, route="write")
            client.keep(f"Written in round {number}.")
        assert [op.id for op in client.backend.outbox.waiting(0, 10, refused=True)] == [bad.id]
        assert client.waiting() == 0
        assert len(client.all()) == 12


def test_a_retirement_that_fails_alone_waits_and_holds_nothing_up(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, tries=1) as client:
        old = client.keep(TEXTS[0])
        server.fail_next(None, route="patch")
        client.backend.retire([old.id], reason="sold")
        for number in range(12):
            client.keep(f"Written in round {number}.")
        assert (client.waiting(), client.refused()) == (1, 0)
        assert client.find("ferry") == []
        server.clear_faults()
        assert client.backend.courier.flush().problem is None
        assert server.stored()[0]["metadata"]["amh_status"] == "revoked"


def test_a_poisoned_server_sets_nothing_aside(server: MemoryHallServer, client: Client) -> None:
    client.keep("A text before.")
    server.poison()
    for text in TEXTS[:2]:
        client.keep(text)
    for _ in range(4):
        assert client.backend.courier.flush().problem is not None
    assert (client.waiting(), client.refused()) == (2, 0)
    assert client.find("ferry") != []
    server.restart()
    client.backend.courier.flush()
    assert contents_of(server)[1:] == TEXTS[:2]


def test_a_wrong_token_lets_everything_wait_with_a_clear_message(server: MemoryHallServer, client: Client) -> None:
    server.configure(token="changed")
    client.keep(TEXTS[0])
    problem = client.backend.courier.problem
    assert problem is not None
    assert "does not accept our credentials" in str(problem)
    assert "correct the token" in str(problem)
    assert (client.waiting(), client.refused()) == (1, 0)


def test_a_scan_gives_a_record_once_though_it_is_sent_meanwhile(server: MemoryHallServer, client: Client) -> None:
    sent = [client.keep(text) for text in TEXTS[:3]]
    server.fail_next(None, status=503, route="write")
    waiting = [client.keep(text) for text in TEXTS[3:7]]
    page = client.backend.scan(Scope(), limit=2)
    found = [record.id for record in page.records]
    server.clear_faults()
    client.backend.courier.flush()
    assert client.waiting() == 0
    while page.next:
        page = client.backend.scan(Scope(), after=page.next, limit=2)
        found += [record.id for record in page.records]
    assert sorted(found) == sorted(record.id for record in [*sent, *waiting])


def test_a_cursor_of_another_kind_is_refused(client: Client) -> None:
    for cursor in ("nonsense", "MTIz", "!!"):
        with pytest.raises(InvalidInputError):
            client.backend.scan(Scope(), after=cursor)


def test_a_killed_client_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from memory_hall_backend import backend
with backend(Path(sys.argv[1]), sys.argv[2], token="test-token") as client:
    for number in range(100_000):
        print(client.keep(f"The ferry {number} leaves at nine.").id, flush=True)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with MemoryHallProcess(tmp_path / "hall.db", embed_delay=0.002) as server:
        ids: list[str] = []
        for _ in range(3):
            command = [sys.executable, "-c", program, str(tmp_path / "home"), server.url]
            with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    ids += [line.strip()]
                    if len(ids) % 15 == 0:
                        process.send_signal(signal.SIGKILL)
                        break
        with backend(tmp_path / "home", server.url, token="test-token") as client:
            client.backend.courier.flush()
            assert client.waiting() == 0
            assert [record.id for record in client.backend.get(ids)] == ids
        contents = [entry["content"] for entry in server.stored()]
    assert len(contents) == len(set(contents)) >= len(set(ids))


def test_a_client_killed_in_the_middle_of_a_flush_repeats_what_it_must(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from memory_hall_backend import backend
with backend(Path(sys.argv[1]), sys.argv[2], token="test-token") as client:
    print("ready", flush=True)
    client.backend.courier.flush()
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    texts = [f"The ferry {number} leaves at nine." for number in range(150)]
    with MemoryHallProcess(tmp_path / "hall.db", embed_delay=0.002) as server:
        url = server.url
        server.kill()
        with backend(tmp_path / "home", url, token="test-token") as client:
            client.backend.put([client.draft(text) for text in texts])
        server.start()
        for wanted in (20, 60, 100):
            command = [sys.executable, "-c", program, str(tmp_path / "home"), url]
            with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
                until(lambda wanted=wanted: len(server.stored()) >= wanted)
                process.send_signal(signal.SIGKILL)
        with backend(tmp_path / "home", url, token="test-token") as client:
            assert 0 < client.waiting() < len(texts)
            assert client.backend.courier.flush().problem is None
            assert client.waiting() == 0
        assert [entry["content"] for entry in server.stored()] == texts


def test_two_engines_share_one_outbox(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server) as one, backend(tmp_path / "home", server) as two:
        server.kill()
        for number, text in enumerate(TEXTS):
            (one, two)[number % 2].keep(text)
        assert one.waiting() == two.waiting() == len(TEXTS)
        server.start()
        threads = [threading.Thread(target=client.backend.courier.flush) for client in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.waiting() == two.waiting() == 0
        assert contents_of(server) == TEXTS
        assert server.count("write", status=200) == 0, "nothing was sent twice"
        assert {record.content for record in one.all()} == {record.content for record in two.all()} == set(TEXTS)


def test_a_put_inside_a_transaction_survives_its_undoing(server: MemoryHallServer, client: Client) -> None:
    with pytest.raises(Undo), client.context.workspace.transaction():
        kept = client.keep(TEXTS[0])
        client.backend.retire([client.keep(TEXTS[1]).id], reason="sold")
        raise Undo
    assert client.backend.get([kept.id]) == [kept]
    assert [record.status for record in client.all(statuses=())] == ["retired", "active"]


def test_a_put_inside_a_transaction_is_refused_while_the_server_is_away(
    server: MemoryHallServer, client: Client
) -> None:
    server.kill()
    with client.context.workspace.transaction(), pytest.raises(UnavailableError):
        client.keep(TEXTS[0])
    assert (client.waiting(), client.find("ferry")) == (0, [])
    server.start()
    assert client.keep(TEXTS[0]).content == TEXTS[0]


def test_an_emptied_server_gets_the_text_again(server: MemoryHallServer, client: Client) -> None:
    client.keep(TEXTS[0])
    server.kill()
    for path in server.db.parent.glob("hall.db*"):
        path.unlink()
    server.start()
    assert client.backend.put([client.draft(TEXTS[0])])[0].state == "new"
    assert contents_of(server) == TEXTS[:1]


def test_another_endpoint_gets_what_waits_and_is_asked_for_the_rest(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server) as client:
        first = client.keep(TEXTS[0])
        server.kill()
        client.keep(TEXTS[1])
    with MemoryHallServer(tmp_path / "second.db", FAST) as second, backend(tmp_path / "home", second) as client:
        assert client.waiting() == 1
        client.backend.courier.flush()
        assert contents_of(second) == [TEXTS[1]]
        assert client.backend.get([first.id]) == []
        assert client.backend.put([client.draft(TEXTS[0])])[0].state == "new"


def test_without_copies_no_text_stays_in_the_workspace(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, copy=False) as client:
        server.kill()
        client.keep("The secret is zwiebelkuchen.")
        assert client.find("zwiebelkuchen")
        server.start()
        client.backend.courier.flush()
        assert client.find("zwiebelkuchen")
        client.context.workspace.scrub()
        files = b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir())
        assert b"zwiebelkuchen" not in files
        server.kill()
        assert client.find("zwiebelkuchen") == []


def test_with_copies_memory_answers_while_the_server_is_away(server: MemoryHallServer, client: Client) -> None:
    records = [client.keep(text) for text in (TEXTS[0], "우리는 기억을 파일에 저장한다.", "她說計畫撞牆了。")]
    server.kill()
    assert client.find("which ferry leaves?") == [TEXTS[0]]
    assert client.find("기억") == [records[1].content]
    assert client.find("撞牆") == [records[2].content]
    assert client.find("harbour") == []
    assert client.backend.get([record.id for record in records]) == records
    assert client.backend.searcher.degraded.startswith("the server is away")


def test_an_import_keeps_time_status_and_reason(server: MemoryHallServer, client: Client) -> None:
    old = Record(
        id="elsewhere", content=TEXTS[0], namespace=client.namespace, created_at=Clock()().replace(year=2020),
        content_hash=content_hash(TEXTS[0]), status="superseded", metadata={"retired_reason": "renamed", "superseded_by": "m1"},
    )  # fmt: skip
    stored = client.backend.put([old])[0]
    (found,) = client.backend.get([stored.record.id])
    assert (found.created_at, found.status, found.metadata) == (old.created_at, "superseded", old.metadata)
    assert server.stored()[0]["metadata"]["amh_status"] == "superseded"
    assert client.find("ferry") == []


def test_the_thread_sends_what_waits_once_the_server_is_back(server: MemoryHallServer, tmp_path: Path) -> None:
    with backend(tmp_path / "home", server, background=True) as client:
        server.kill()
        client.backend.put([client.draft(text) for text in TEXTS])
        assert client.waiting() == len(TEXTS)
        server.start()
        until(lambda: client.waiting() == 0)
        assert contents_of(server) == TEXTS
        client.keep("A text after.")
        until(lambda: client.waiting() == 0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("memory-hall-courier")]


def test_what_a_killed_process_left_is_sent_by_the_next_one(server: MemoryHallServer, tmp_path: Path) -> None:
    server.kill()
    with backend(tmp_path / "home", server) as client:
        client.keep(TEXTS[0])
    server.start()
    with backend(tmp_path / "home", server, background=True) as client:
        until(lambda: client.waiting() == 0)
    assert contents_of(server) == TEXTS[:1]


def test_a_record_of_another_client_of_the_server_can_be_retired(server: MemoryHallServer, client: Client) -> None:
    with connect(server) as http:
        write(http, "A note by somebody else.", namespace=client.namespace, type="note")
    (record,) = client.all()
    assert (record.provenance, record.agent_id, record.kind) == ("untrusted", "scribe", "note")
    assert client.backend.retire([record.id], reason="wrong") == 1
    assert client.all() == []
    assert server.stored()[0]["metadata"]["amh_status"] == "revoked"


def test_the_settings_of_the_tests_are_those_of_the_backend() -> None:
    assert QUICK["token"] == TOKEN
