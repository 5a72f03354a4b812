"""The suite keeps its own rules: nothing is hidden, everything is explained, and newer tests do not surprise anybody."""

from __future__ import annotations

import inspect
import socket
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import field, frozen
from memcore import Capability, PluginInfo, Scope
from memcore.contracts import Migration
from memcore.testing import CONTRACT, BackendSuite, Clock, Harness, NetworkGuard, Store, child, open_context, since
from reference_backend import Plugin, Reference

HERE = Path(__file__).parent
TESTS = sorted(name for name in dir(BackendSuite) if name.startswith("test_"))


HEADER = """
import pytest
from memcore.testing import BackendSuite, since
from reference_backend import Plugin
"""

Outcomes = Callable[[str, str], dict[str, list[str]]]
pytest_plugins = "pytester"


class Suite(BackendSuite):
    plugin = Plugin


@pytest.fixture
def outcomes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """Give a function that runs pytest on a suite with some body and returns the lines of its summary by outcome."""
    monkeypatch.setenv("COLUMNS", "300")

    def run(body: str, chosen: str) -> dict[str, list[str]]:
        pytester.makeini(f"[pytest]\npythonpath = {HERE}\n")
        pytester.makepyfile(HEADER + textwrap.dedent(body))
        result = pytester.runpytest_subprocess("-rA", "-p", "no:cacheprovider", "-k", chosen)
        found: dict[str, list[str]] = {"PASSED": [], "FAILED": [], "SKIPPED": [], "XFAIL": []}
        for outcome, _, text in (line.partition(" ") for line in result.outlines):
            found.get(outcome, []).append(text)
        return found

    return run


@pytest.mark.parametrize("name", TESTS)
def test_every_test_says_what_it_means_and_what_to_check(name: str) -> None:
    test = getattr(BackendSuite, name)
    said = inspect.getdoc(test) or ""
    assert said.partition("\n")[0].endswith(".")
    assert "\nIf this fails, " in said
    assert 1 <= test.since <= CONTRACT


def test_replacing_a_test_is_noticed(outcomes: Outcomes) -> None:
    found = outcomes(
        """
        class TestCheat(BackendSuite):
            contract = 1
            plugin = Plugin

            def test_every_write_is_kept(self):
                pass

            test_limit_zero_finds_nothing = None
        """,
        "test_no_test_is_overridden",
    )
    assert len(found["FAILED"]) == 1
    assert "test_every_write_is_kept, test_limit_zero_finds_nothing" in found["FAILED"][0]


def test_a_known_deviation_can_be_told(outcomes: Outcomes) -> None:
    found = outcomes(
        """
        class TestHonest(BackendSuite):
            contract = 1
            plugin = Plugin

            @pytest.mark.xfail(reason="the server keeps one record per text")
            def test_same_text_in_two_kinds_is_two_records(self, store):
                raise AssertionError
        """,
        "test_no_test_is_overridden or test_same_text_in_two_kinds",
    )
    assert len(found["PASSED"]) == 1
    assert "the server keeps one record per text" in found["XFAIL"][0]


def test_a_newer_test_is_reported_as_not_claimed(outcomes: Outcomes) -> None:
    found = outcomes(
        """
        class Newer(BackendSuite):
            @since(2)
            def test_of_the_next_release(self, store):
                raise AssertionError

        class TestOld(Newer):
            contract = 1
            plugin = Plugin

        class TestNew(Newer):
            contract = 2
            plugin = Plugin
        """,
        "test_of_the_next_release",
    )
    assert len(found["FAILED"]) == 1
    assert "TestNew" in found["FAILED"][0]
    assert "not claimed: of contract 2, this suite claims 1" in found["SKIPPED"][0]


def test_a_power_that_is_not_offered_is_a_visible_skip(outcomes: Outcomes) -> None:
    found = outcomes(
        """
        from reference_backend import Reference

        class Modest(Reference):
            capabilities = frozenset()
            update = delete = purge = neighbours = property()

        class Offer(Plugin):
            store = Modest

        class TestModest(BackendSuite):
            contract = 1
            plugin = Offer
            across_processes = False
        """,
        "advertised or delete_counts or purge_removes or update_of or neighbours or case_makes or vector or rolled or import_uses",
    )
    assert (len(found["PASSED"]), found["FAILED"]) == (4, [])
    said = "\n".join(found["SKIPPED"])
    for capability in Capability:
        assert f"not offered by this backend: {capability}" in said
    assert "cannot be opened by another process" in said


def test_a_backend_kept_by_a_server_spares_itself_the_byte_search(outcomes: Outcomes) -> None:
    found = outcomes(
        """
        class TestRemote(BackendSuite):
            contract = 1
            plugin = Plugin
            durable_in_files = False
        """,
        "gone or damaged or keeps_to_its_folder",
    )
    assert (found["PASSED"], found["FAILED"]) == ([], [])
    assert all("a server keeps the records" in line for line in found["SKIPPED"])


def test_a_suite_without_a_backend_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="must set `plugin` or override `open_backend`"):
        Store(Harness(), tmp_path)


def test_a_suite_that_no_other_process_can_import_says_so(tmp_path: Path) -> None:
    class Local(Suite):
        pass

    with pytest.raises(TypeError, match="top level"), child.started(Local(), tmp_path, "write"):
        pass


def test_the_guard_sees_addresses_names_and_datagrams_and_lets_the_allowed_pass() -> None:
    with NetworkGuard(("127.0.0.1",)) as guard:
        with pytest.raises(OSError, match=r"192\.0\.2\.1"), socket.socket() as line:
            line.connect_ex(("192.0.2.1", 9))
        with pytest.raises(OSError, match=r"collector\.invalid"):
            socket.getaddrinfo("collector.invalid", 443)
        with pytest.raises(OSError, match=r"192\.0\.2\.1"), socket.socket(type=socket.SOCK_DGRAM) as line:
            line.sendto(b"x", ("192.0.2.1", 9))
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            pass
    assert guard.attempts == [
        "socket.connect 192.0.2.1",
        "socket.getaddrinfo collector.invalid",
        "socket.sendto 192.0.2.1",
    ]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert len(guard.attempts) == 3


def test_a_context_brings_tables_settings_and_a_clock(tmp_path: Path) -> None:
    @frozen(kw_only=True)
    class Settings:
        depth: int = field(default=1, metadata={"help": "levels"})

    class WithTables(Plugin):
        info = PluginInfo(summary="tables", tables=("acme",), settings=Settings)

        def memcore_migrations(self) -> list[Migration]:
            return [Migration.sql(1, "CREATE TABLE acme(x)")]

    clock = Clock()
    context = open_context(tmp_path, WithTables, settings={"depth": 3}, clock=clock)
    assert context.workspace.path == tmp_path / "memory.db"
    assert "acme" in context.workspace.tables()
    assert context.settings == Settings(depth=3)
    clock.move(60)
    assert context.clock() == clock.now
    context.workspace.close()
    bare = open_context(tmp_path)
    assert bare.settings is None
    bare.workspace.close()


def test_namespaces_of_two_tests_differ(tmp_path: Path) -> None:
    one, two = Store(Suite(), tmp_path / "one"), Store(Suite(), tmp_path / "two")
    assert one.namespace != two.namespace
    assert one.scope(kinds=("fact",)) == Scope(namespaces=(one.namespace,), kinds=("fact",))
    one.close()
    two.close()


def test_a_backend_that_does_not_open_leaves_no_open_file(tmp_path: Path) -> None:
    class Broken(Reference):
        def __init__(self, context: object) -> None:
            raise RuntimeError("no server")

    class BrokenPlugin(Plugin):
        store = Broken

    class BrokenSuite(BackendSuite):
        plugin = BrokenPlugin

    with pytest.raises(RuntimeError, match="no server"):
        Store(BrokenSuite(), tmp_path)


def test_marking_a_class_does_not_age_its_newer_tests() -> None:
    @since(1)
    class Part:
        def old(self) -> None:
            """Stay."""

        @since(2)
        def new(self) -> None:
            """Come."""

    assert (Part.old.since, Part.new.since) == (1, 2)  # type: ignore[attr-defined]
