"""What a backend says of itself, what it does behind the scenes, and whether this suite was run whole."""

from __future__ import annotations

import logging
import socket
import threading

import pytest

from memcore.contracts import BackendSpec, Capability, PluginInfo
from memcore.records import Query
from memcore.testing import child
from memcore.testing.guard import NetworkGuard
from memcore.testing.harness import Harness, Store, since

__all__ = ["AuditTests"]

PATIENCE = 60.0  # seconds until a thread that hangs is given up
NEEDLE = "zwiebelkuchenrezept"


@since(1)
class AuditTests(Harness):
    """What nobody asks a backend, and everybody relies on."""

    def test_it_says_what_it_is(self, store: Store) -> None:
        """A backend has a name and a fixed set of known capabilities.

        If this fails, check that `capabilities` is a frozenset of memcore.contracts.Capability.
        """
        assert isinstance(store.backend.name, str)
        assert store.backend.name
        assert isinstance(store.backend.capabilities, frozenset)
        assert store.backend.capabilities <= frozenset(Capability)

    def test_the_offer_matches_the_backend(self, store: Store) -> None:
        """What the plugin offers before opening is what was opened: same name, and no power it had not announced.

        If this fails, compare BackendSpec(name=..., capabilities=...) with the open backend.
        """
        if self.plugin is None:
            pytest.skip("not applicable: this suite opens its backend without a plugin")
        assert isinstance(self.plugin.info, PluginInfo)  # type: ignore[attr-defined]
        spec = self.plugin().memcore_backend()
        assert isinstance(spec, BackendSpec)
        assert spec.name == store.backend.name
        assert store.backend.capabilities <= spec.capabilities

    def test_it_uses_no_network(self, store: Store) -> None:
        """No call reaches for the network, neither for its work nor for telemetry, not even in a background thread.

        If this fails, the message names the hosts; list those your backend needs in `hosts`, and remove the others.
        """
        with NetworkGuard(self.hosts) as guard:
            with pytest.raises(OSError), socket.socket() as control:
                control.connect(("192.0.2.1", 9))  # an address reserved for documentation: the guard must see it
            assert guard.attempts.pop() == "socket.connect 192.0.2.1"
            before = set(threading.enumerate())
            store.reopen()
            record = store.keep("The ferry leaves at nine.")
            store.find("ferry")
            store.all()
            store.backend.retire([record.id], reason="sold")
            store.backend.health()
            store.close()
            for thread in set(threading.enumerate()) - before:
                thread.join(PATIENCE)
        assert guard.attempts == []

    def test_its_import_uses_no_network(self, store: Store) -> None:
        """Importing and opening it in a fresh process does not reach for the network either.

        If this fails, the message names the hosts; look for telemetry that starts on import.
        """
        if not self.across_processes:
            pytest.skip("not applicable: this memory cannot be opened by another process")
        store.close()
        with child.started(self, store.folder, "use", *self.hosts) as (output, _):
            attempts = output.read().split("\n")
        assert attempts == ["done", ""], "what was tried, or an error of the other process that stands on stderr"
        store.open()
        assert len(store.find("ferry")) == 1

    def test_private_text_is_not_logged(
        self, store: Store, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Neither the log nor the terminal shows what was written or asked.

        If this fails, log ids and counts, never text, queries or the payload of a request.
        """
        caplog.set_level(logging.DEBUG)
        logging.getLogger("memcore.testing").debug("control")
        assert "control" in caplog.text
        record = store.keep(f"The secret is {NEEDLE}.", summary=NEEDLE, tags=(NEEDLE,))
        assert store.find(NEEDLE)
        store.backend.retire([record.id], reason=NEEDLE)
        store.keep(record.content)
        store.backend.health()
        store.reopen()
        output = capfd.readouterr()
        assert NEEDLE not in caplog.text + output.out + output.err

    def test_it_keeps_to_its_folder(self, store: Store) -> None:
        """Two memories in two folders know nothing of each other.

        If this fails, check paths outside of the workspace's folder, and state kept in a module or a class.
        """
        kept = store.keep("The ferry leaves at nine.")
        if not self.durable_in_files:
            pytest.skip("not applicable: a server keeps the records")
        other = Store(self, store.folder.parent / "other")
        try:
            assert store.found("ferry") == [kept.id]
            assert other.backend.search(Query(text="ferry", now=store.clock())) == []
            assert other.put("The ferry leaves at nine.", namespace=store.namespace)[0].state == "new"
        finally:
            other.close()

    def test_no_test_is_overridden(self) -> None:
        """Every test of this suite runs as it was shipped.

        If this fails, mark your version with pytest.mark.xfail(reason="..."): a known deviation is told, not hidden.
        """
        changed = []
        for owner in (base for base in type(self).__mro__ if base.__module__.startswith("memcore.testing.")):
            for name, test in vars(owner).items():
                found = getattr(type(self), name)
                marks = getattr(found, "pytestmark", [])
                told = any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
                if name.startswith("test_") and found is not test and not told:
                    changed.append(name)
        assert not changed, f"overridden without xfail(reason=...): {', '.join(changed)}"
