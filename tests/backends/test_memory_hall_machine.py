"""Random lives of two clients of one server: writes, faults, kills and recoveries in any order.

Ada and Bob write the same texts, each in a namespace and a workspace of their own. A dictionary per person says what must
be true. At every step both sides of it are asked for; in the end the server must hold each write once, with its owner.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from attrs import define
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from memcore.errors import BackendError
from memcore.records import Scope
from memcore.testing import Clock
from memcore_backends.memory_hall.wire import from_entry
from memory_hall_backend import Client, backend
from memory_hall_client import FAST
from memory_hall_server import MemoryHallServer

PEOPLE = ("ada", "bob")
WORDS = ("ferry", "harbour", "潮汐表", "등대")
KINDS = ("fact", "opinion")
QUIET = settings(
    derandomize=True, database=None, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck)
)  # fmt: skip

people = st.sampled_from(PEOPLE)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True).map(" ".join)
kinds = st.sampled_from(KINDS)
batches = st.lists(st.tuples(kinds, texts), min_size=1, max_size=3)
picks = st.integers(0, 1000)
PASSING = ("500", "500-after", "drop", "reset", "cut", "garbage", "truncate", "503", "redirect")
FAULTS = (*PASSING, "kill", "refuse", "token", "embedder")
ROUTES = (None, "write", "patch", "link", "by_hash")


class Killed(BaseException):
    """Ends a process of the test in the middle of its work."""


@define
class Expected:
    """What must be true of one record."""

    text: str
    kind: str
    status: str = "active"


class Life(RuleBasedStateMachine):
    """One history of a server and its two clients."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.server = MemoryHallServer(self.path / "hall.db", FAST)
        self.opened: dict[str, Any] = {}
        self.clients: dict[str, Client] = {}
        self.model: dict[str, dict[str, Expected]] = {name: {} for name in PEOPLE}
        self.healthy = True

    @initialize()
    def begin(self) -> None:
        """Start the server and both clients."""
        self.server.start()
        for name in PEOPLE:
            self.open(name)

    def open(self, name: str) -> None:
        """Open the client of a person on their own workspace."""
        clock = Clock()
        self.opened[name] = backend(self.path / name, self.server, clock=clock, tries=1)
        self.clients[name] = self.opened[name].__enter__()
        self.clients[name].namespace = f"project:{name}"

    def close(self, name: str) -> None:
        """Close it in good order."""
        self.opened.pop(name).__exit__(None, None, None)

    def teardown(self) -> None:
        """Bring the server back, let everything arrive, and compare."""
        try:
            if self.clients:
                self.recover()
                for name in PEOPLE:
                    assert self.clients[name].backend.courier.flush().problem is None
                    assert (self.clients[name].waiting(), self.clients[name].refused()) == (0, 0)
                self.compare()
        finally:
            for name in list(self.opened):
                self.close(name)
            self.server.close()
            self.folder.cleanup()

    def compare(self) -> None:
        """Compare the server's file with what must be true."""
        wanted = sorted(
            (f"project:{name}", record.kind, record.text, record.status)
            for name in PEOPLE
            for record in self.model[name].values()
        )
        found = [from_entry(entry) for entry in self.server.stored()]
        assert sorted((r.namespace, r.kind, r.content, r.status) for r in found if r is not None) == wanted
        for name in PEOPLE:
            scanned = {record.id: record.status for record in self.clients[name].all(statuses=())}
            assert scanned == {key: record.status for key, record in self.model[name].items()}

    # --- what people do ---

    @rule(name=people, batch=batches)
    def put(self, name: str, batch: list[tuple[str, str]]) -> None:
        """Write a batch."""
        client = self.clients[name]
        stored = client.backend.put([client.draft(text, kind=kind) for kind, text in batch])
        for (kind, text), item in zip(batch, stored, strict=True):
            known = self.model[name].get(item.record.id)
            assert (item.record.content, item.record.kind, item.record.namespace) == (text, kind, client.namespace)
            assert item.state == ("new" if known is None else "existing" if known.status == "active" else "revived")
            self.model[name][item.record.id] = Expected(text, kind)

    @precondition(lambda self: any(self.model.values()))
    @rule(name=people, number=picks, successor=st.none() | picks)
    def retire(self, name: str, number: int, successor: int | None) -> None:
        """Take a record out, perhaps for another one."""
        known = sorted(self.model[name])
        if not known:
            return
        key, new = known[number % len(known)], None if successor is None else known[successor % len(known)]
        if key == new:
            return
        active = self.model[name][key].status == "active"
        assert self.clients[name].backend.retire([key], reason="a rule", superseded_by=new) == int(active)
        if active:
            self.model[name][key].status = "superseded" if new else "retired"

    @precondition(lambda self: any(self.model.values()))
    @rule(
        name=people,
        number=picks,
        successor=st.none() | picks,
        fault=st.sampled_from(PASSING),
        times=st.sampled_from([1, None]),
    )
    def retire_into_a_fault(self, name: str, number: int, successor: int | None, fault: str, times: int | None) -> None:
        """Take a record out while changes of status go wrong."""
        self.fail(fault, times, "patch")
        self.retire(name, number, successor)

    @rule(name=people, batch=batches, fault=st.sampled_from(PASSING), times=st.sampled_from([1, None]))
    def put_into_a_fault(self, name: str, batch: list[tuple[str, str]], fault: str, times: int | None) -> None:
        """Write while writes go wrong."""
        self.fail(fault, times, "write")
        self.put(name, batch)

    @rule(name=people, word=st.sampled_from(WORDS))
    def search(self, name: str, word: str) -> None:
        """Search for a word: all of one's own and nothing else is found, whatever the state of the server."""
        wanted = sorted(r.text for r in self.model[name].values() if r.status == "active" and word in r.text.split())
        found = self.clients[name].find(word)
        assert sorted(text for text in found if word in text.split()) == wanted
        assert set(found) <= {r.text for r in self.model[name].values() if r.status == "active"}

    @rule(name=people)
    def flush(self, name: str) -> None:
        """Try to send what waits."""
        flushed = self.clients[name].backend.courier.flush()
        assert not self.healthy or flushed.problem is None

    @rule(name=people)
    def reopen(self, name: str) -> None:
        """Close a client and open it again."""
        self.close(name)
        self.open(name)

    @rule(name=people, kind=kinds, text=texts, after=st.booleans())
    def die_while_sending(self, name: str, kind: str, text: str, after: bool) -> None:
        """Kill the process between the server's commit and its own, or between its own and the request."""
        client, known = self.clients[name], dict(self.model[name])

        def die(*_: Any, **__: Any) -> None:
            raise Killed

        victim = client.backend.outbox if after else client.backend.courier
        setattr(victim, "confirm" if after else "_run_through", die)
        try:
            client.keep(text, kind=kind)
        except Killed:
            pass
        client.backend.link.transport.close()
        client.backend.courier._lease.close()
        client.backend.access.close()
        client.context.workspace.close()
        self.opened.pop(name)
        self.open(name)
        fresh = self.clients[name].backend.outbox.known([r.id for r in self.stored_drafts(name, kind, text)])
        for key in fresh:
            self.model[name][key] = Expected(text, kind)
        assert fresh or known

    def stored_drafts(self, name: str, kind: str, text: str) -> list[Any]:
        """Return the record that a draft would become."""
        from memcore_backends.memory_hall.wire import record_of

        client = self.clients[name]
        return [record_of(client.draft(text, kind=kind), client.clock())[0]]

    # --- what happens to the server ---

    @rule(fault=st.sampled_from(FAULTS), times=st.sampled_from([1, 2, None]), route=st.sampled_from(ROUTES))
    def fail(self, fault: str, times: int | None, route: str | None) -> None:
        """Let something go wrong, once, twice or until the server is brought back, with every request or one kind."""
        self.healthy = False
        server, where = self.server, {"times": times, "route": route}
        {
            "kill": server.kill, "refuse": server.refuse_connections, "500": lambda: server.fail_next(**where),
            "500-after": lambda: server.fail_next(after_commit=True, **where), "drop": lambda: server.drop_response(**where),
            "reset": lambda: server.reset_next(**where), "cut": lambda: server.reset_mid_body(**where),
            "garbage": lambda: server.garbage_json(**where), "truncate": lambda: server.truncate_json(**where),
            "503": lambda: server.fail_next(status=503, **where), "token": lambda: server.configure(token="another"),
            "redirect": lambda: server.redirect_next(**where), "embedder": server.embedder.down,
        }[fault]()  # fmt: skip

    @rule()
    def recover(self) -> None:
        """Bring the server back, with all it had committed."""
        self.server.clear_faults()
        self.server.configure(token=FAST.token)
        self.server.embedder.up()
        self.server.restart()
        self.healthy = True

    # --- what must hold ---

    @invariant()
    def everyone_reads_their_own(self) -> None:
        """Every record that was accepted is readable, with its status, whatever the state of the server."""
        for name, client in self.clients.items():
            known = sorted(self.model[name])
            found = {record.id: record for record in client.backend.get(known)}
            assert sorted(found) == known
            for key, expected in self.model[name].items():
                assert (found[key].content, found[key].kind, found[key].status) == (
                    expected.text,
                    expected.kind,
                    expected.status,
                )
                assert found[key].namespace == client.namespace

    @invariant()
    def a_scan_is_whole_or_refused(self) -> None:
        """A scan gives everything or an error."""
        for name, client in self.clients.items():
            try:
                found = {record.id for record in client.all(statuses=())}
            except BackendError:
                assert not self.healthy
                continue
            assert found == set(self.model[name])
            assert all(
                record.namespace == client.namespace
                for record in client.backend.scan(Scope(namespaces=(client.namespace,))).records
            )


def test_any_life_of_two_clients_and_a_server_ends_well() -> None:
    run_state_machine_as_test(Life, settings=settings(QUIET, max_examples=25, stateful_step_count=25))
