"""The plugin in an engine and on the command line: outbox, revoke, doctor, upkeep, and what others say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from memcore import Draft, Engine, Scope
from memcore.cli import cli
from memcore.errors import BackendError, CapabilityError, ConfigError, InvalidInputError, MemcoreError
from memory_hall_backend import contents_of, engine_settings
from memory_hall_client import FAST, TOKEN
from memory_hall_server import MemoryHallServer

TEXT = "The ferry leaves at nine."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MemoryHallServer]:
    with MemoryHallServer(tmp_path / "hall.db", FAST) as server:
        yield server


class Program:
    """Runs memcore commands on one home."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url

    def __call__(self, *words: str, backend: str = "memory-hall", code: int = 0) -> str:
        given = [f"--set={key}={value}" for key, value in engine_settings(self.url).items() if key != "backend"]
        options = ["--home", str(self.home), "--set=plugins=memory-hall,sqlite", f"--backend={backend}", *given]
        result = CliRunner().invoke(cli, [*options, *words])
        if isinstance(result.exception, MemcoreError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    def json(self, *words: str, **more: Any) -> Any:
        """Run a command with --json."""
        return json.loads(self(*words, "--json", **more))


@pytest.fixture
def memcore(tmp_path: Path, server: MemoryHallServer) -> Program:
    return Program(tmp_path / "home", server.url)


@pytest.fixture
def engine(tmp_path: Path, server: MemoryHallServer) -> Iterator[Engine]:
    settings = engine_settings(server.url, plugins="memory-hall,sqlite")
    with Engine.open(home=tmp_path / "home", environ={}, settings=settings) as engine:
        yield engine


def test_the_environment_of_virtualme_is_understood(server: MemoryHallServer, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    environ = {
        "VIRTUALME_BACKEND": "memory-hall", "VIRTUALME_MEMHALL_ENDPOINT": server.url, "VIRTUALME_MEMHALL_TOKEN_FILE": str(path),
    }  # fmt: skip
    with Engine.open(home=tmp_path / "home", environ=environ, settings={"plugins": "memory-hall"}) as engine:
        outcome = engine.remember(Draft(content=TEXT))[0]
        assert (outcome.state, engine.backend.name) == ("new", "memory-hall")
        assert [hit.record.content for hit in engine.search(_query("ferry"))] == [TEXT]
    assert contents_of(server) == [TEXT]


def _query(text: str) -> Any:
    from memcore.records import Query

    return Query(text=text)


def test_without_an_endpoint_the_engine_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no endpoint"):
        Engine.open(home=tmp_path, environ={}, settings={"backend": "memory-hall", "plugins": "memory-hall"})


def test_the_engine_retires_and_supersedes_while_the_server_is_away(server: MemoryHallServer, engine: Engine) -> None:
    old, other = (engine.remember(Draft(content=text))[0].record for text in (TEXT, "The bakery opens at six."))
    assert old is not None and other is not None
    server.kill()
    outcome = engine.supersede([old.id], Draft(content="The ferry leaves at ten."))
    assert outcome.record is not None
    assert engine.retire([other.id], reason="closed") == 1
    server.start()
    report = engine.maintain()["memory-hall"]
    assert report.counts == {"sent": 3, "waiting": 0, "refused": 0}
    statuses = [record.status for record in engine.get([old.id, outcome.record.id, other.id])]
    assert statuses == ["superseded", "active", "retired"]


def test_upkeep_that_only_looks_sends_nothing(server: MemoryHallServer, engine: Engine) -> None:
    server.kill()
    engine.remember(Draft(content=TEXT))
    server.start()
    assert engine.maintain(dry_run=True)["memory-hall"].counts["waiting"] == 1
    assert contents_of(server) == []


def test_upkeep_says_that_the_server_is_away(server: MemoryHallServer, engine: Engine) -> None:
    server.kill()
    engine.remember(Draft(content=TEXT))
    assert "1 wait" in engine.maintain()["memory-hall"].summary
    assert engine.stats()["memory-hall"]["waiting"] == 1


def test_checks_find_what_is_old_refused_or_stranded(server: MemoryHallServer, tmp_path: Path) -> None:
    from memcore.testing import Clock

    clock, home = Clock(), tmp_path / "home"
    settings = engine_settings(server.url, plugins="memory-hall,sqlite")
    with Engine.open(home=home, environ={}, settings=settings, clock=clock) as engine:
        server.configure(max_content_bytes=20)
        engine.remember(Draft(content=TEXT))
        server.kill()
        engine.remember(Draft(content="short"))
        assert [finding.code for _, finding in engine.check("memory-hall")] == ["outbox.refused"]
        clock.move(7200)
        codes = {finding.code: finding for _, finding in engine.check("memory-hall")}
        assert set(codes) == {"outbox.old", "outbox.refused"}
        assert TEXT not in str(codes)
    with Engine.open(home=home, environ={}, settings={**settings, "backend": "sqlite"}, clock=clock) as engine:
        assert "outbox.stranded" in [finding.code for _, finding in engine.check("memory-hall")]


def test_forgetting_is_refused_with_the_count_and_what_to_do(engine: Engine) -> None:
    engine.remember([Draft(content=TEXT), Draft(content="Another text.")])
    with pytest.raises(CapabilityError):
        engine.forget(Scope(namespaces=("default",)))
    with pytest.raises(CapabilityError, match="2 records") as caught:
        engine.backend.purge(Scope(namespaces=("default",)))  # type: ignore[attr-defined]
    assert "operator" in str(caught.value)
    assert len(list(engine.scan(Scope()))) == 2


def test_forgetting_on_another_backend_removes_what_waited_here(server: MemoryHallServer, tmp_path: Path) -> None:
    settings = engine_settings(server.url, plugins="memory-hall,sqlite")
    with Engine.open(home=tmp_path / "home", environ={}, settings=settings) as engine:
        server.kill()
        engine.remember(Draft(content="The secret is zwiebelkuchen.", namespace="trial"))
        engine.remember(Draft(content=TEXT))
    with Engine.open(home=tmp_path / "home", environ={}, settings={**settings, "backend": "sqlite"}) as engine:
        assert engine.forget(Scope(namespaces=("trial",)))["memory-hall"] > 0
    files = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("memory.db*"))
    assert b"zwiebelkuchen" not in files
    assert TEXT.encode() in files


def test_a_reader_opens_the_memory_without_changing_it(
    server: MemoryHallServer, engine: Engine, tmp_path: Path
) -> None:
    record = engine.remember(Draft(content=TEXT))[0].record
    assert record is not None
    settings = engine_settings(server.url, plugins="memory-hall,sqlite")
    with Engine.open(home=tmp_path / "home", environ={}, settings=settings, read_only=True) as reader:
        assert reader.get([record.id]) == [record]
        assert [found.id for found in reader.scan(Scope())] == [record.id]
        assert reader.backend.health().ok
        server.kill()
        assert [hit.record.id for hit in reader.backend.search(_query("ferry"))] == [record.id]


def test_a_reader_of_an_empty_file_asks_the_server(server: MemoryHallServer, engine: Engine, tmp_path: Path) -> None:
    record = engine.remember(Draft(content=TEXT))[0].record
    assert record is not None
    with Engine.open(home=tmp_path / "empty", environ={}, settings={"plugins": "sqlite"}) as other:
        assert list(other.scan(Scope())) == []
    settings = engine_settings(server.url, plugins="memory-hall,sqlite")
    with Engine.open(home=tmp_path / "empty", environ={}, settings=settings, read_only=True) as reader:
        assert reader.get([record.id]) == [record]


def test_outbox_show_tells_what_waits_and_why(server: MemoryHallServer, engine: Engine, memcore: Program) -> None:
    assert "0 writes wait" in memcore("outbox", "show")
    server.configure(max_content_bytes=20)
    engine.remember(Draft(content=TEXT, namespace="project:ada"))
    server.kill()
    engine.remember(Draft(content="short"))
    shown = memcore.json("outbox", "show")
    assert (shown["waiting"], shown["refused"]) == (1, 1)
    assert [(each["state"], each["what"], each["namespace"]) for each in shown["writes"]] == [
        ("refused", "put", "project:ada"), ("waiting", "put", "default"),
    ]  # fmt: skip
    text = memcore("outbox", "show")
    assert "longer than the server takes" in text
    assert "memcore outbox flush --refused" in text
    assert TEXT not in text


def test_outbox_flush_sends_and_tells(server: MemoryHallServer, engine: Engine, memcore: Program) -> None:
    server.kill()
    engine.remember([Draft(content=TEXT), Draft(content="short")])
    with pytest.raises(BackendError, match="cannot be reached"):
        memcore("outbox", "flush")
    server.configure(max_content_bytes=20)
    server.start()
    assert memcore.json("outbox", "flush", "--dry-run") == {"dry_run": True, "would_send": 2}
    assert memcore.json("outbox", "flush", code=1)["refused"] == 1
    server.configure(max_content_bytes=65_536)
    assert memcore.json("outbox", "flush", code=1)["sent"] == 0
    assert memcore.json("outbox", "flush", "--refused")["sent"] == 1
    assert contents_of(server) == ["short", TEXT]


def test_outbox_drop_gives_up_what_was_refused_and_nothing_else(
    server: MemoryHallServer, engine: Engine, memcore: Program
) -> None:
    server.configure(max_content_bytes=20)
    engine.remember(Draft(content=TEXT))
    server.kill()
    engine.remember(Draft(content="short"))
    refused, waiting = (str(each["number"]) for each in memcore.json("outbox", "show")["writes"])
    with pytest.raises(InvalidInputError, match="cannot be dropped"):
        memcore("outbox", "drop", waiting, "--yes")
    with pytest.raises(InvalidInputError, match="nothing was changed"):
        memcore("outbox", "drop", refused)
    assert memcore.json("outbox", "drop", refused, "--dry-run") == {"dry_run": True, "dropped": 1}
    assert memcore.json("outbox", "drop", refused, "--yes") == {"dry_run": False, "dropped": 1}
    shown = memcore.json("outbox", "show")
    assert (shown["waiting"], shown["refused"]) == (1, 0)


def test_commands_explain_that_another_backend_is_chosen(memcore: Program) -> None:
    for words in (["outbox", "show"], ["outbox", "flush"], ["revoke", "--namespace", "x", "--yes"]):
        with pytest.raises(InvalidInputError, match="no server to talk to"):
            memcore(*words, backend="sqlite")


def test_revoke_hides_and_says_what_stays(
    server: MemoryHallServer, engine: Engine, memcore: Program, tmp_path: Path
) -> None:
    engine.remember([Draft(content=TEXT, namespace="project:ada"), Draft(content="Of Bob.", namespace="project:bob")])
    server.fail_next(None, status=503, route="write")
    engine.remember(Draft(content="The secret is zwiebelkuchen.", namespace="project:ada"))
    server.clear_faults()
    assert memcore.json("revoke", "--namespace", "project:ada", "--dry-run") == {"dry_run": True, "revoked": 2}
    said = memcore("revoke", "--namespace", "project:ada", "--yes", "--reason", "left the study")
    assert "2 records revoked; their text stays on" in said
    assert [entry["metadata"]["amh_status"] for entry in server.stored()] == ["revoked", "active"]
    assert contents_of(server) == [TEXT, "Of Bob."], "what was not sent yet never is"
    assert list(engine.scan(Scope(namespaces=("project:ada",)))) == []
    with Engine.open(
        home=tmp_path / "home", environ={}, settings=engine_settings(server.url, plugins="memory-hall")
    ) as again:
        again.workspace.scrub()
    files = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("memory.db*"))
    assert b"zwiebelkuchen" not in files
    assert TEXT.encode() not in files


def test_every_command_shows_examples(memcore: Program) -> None:
    for words in (["outbox", "show"], ["outbox", "flush"], ["outbox", "drop"], ["revoke"]):
        assert "Examples:" in memcore(*words, "--help")


def test_doctor_and_the_list_of_plugins_tell_of_the_server(server: MemoryHallServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = engine_settings(server.url, plugins="core,memory-hall,sqlite")
    with Engine.open(home=home, environ={}, settings=settings) as engine:
        engine.remember(Draft(content=TEXT))
        server.kill()
        engine.remember(Draft(content="Another text."))
    given = [f"--set={key}={value}" for key, value in settings.items()]
    doctor = json.loads(CliRunner().invoke(cli, ["--home", str(home), *given, "doctor", "--json"]).output)
    (found,) = [check for check in doctor["checks"] if check["name"] == "backend"]
    assert found["state"] == "error"
    assert "cannot be reached" in found["detail"]
    assert "waiting: 1" in found["detail"]
    listed = json.loads(CliRunner().invoke(cli, ["--home", str(home), *given, "plugins", "list", "--json"]).output)
    (plugin,) = [each for each in listed["plugins"] if each["name"] == "memory-hall"]
    assert "1 writes wait" in plugin["reason"] or "away" in plugin["reason"]


def test_mem0_is_listed_as_a_placeholder_and_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        Engine.open(home=tmp_path, environ={}, settings={"backend": "mem0", "plugins": "mem0,sqlite"})
    assert "placeholder" in str(caught.value)
    assert "docs/how-to/write-a-backend.md" in str(caught.value)
