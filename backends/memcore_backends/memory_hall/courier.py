"""Sends what waits: in order, one operation at a time, by one thread of one process at a time.

The server's queue of writes is serial: several connections would gain little (measured: nothing with an embedder that
takes 0 ms, 7 % with one that takes 20) and lose the order of the outbox. What keeps the server busy is that
confirmations are written to the outbox in batches: after a kill in between, the operations of the last batch are sent
again and recognised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen
from memcore.errors import BusyError, MemcoreError
from memcore.records import Record

from memcore_backends.memory_hall.delivery import Delivery
from memcore_backends.memory_hall.directory import Directory
from memcore_backends.memory_hall.failures import RejectedError, TroubledError
from memcore_backends.memory_hall.lease import Lease
from memcore_backends.memory_hall.link import PROBE, Link
from memcore_backends.memory_hall.outbox import Op, Outbox, State
from memcore_backends.memory_hall.settings import MemoryHallSettings

__all__ = ["Courier", "Flushed"]

BATCH = 50  # operations confirmed with one transaction
INLINE = 20  # operations in front of a write that it still waits for
SUSPECT = (
    3  # rounds after which a write that makes the server fail may be overtaken: it could be the only one that does
)
HOPELESS = 10  # rounds after which it is set aside, if the server took others of its kind
MOST_STUCK = 3  # writes that are overtaken; more mean that the server takes none
LONGEST_TURN = 3600.0  # seconds waited for another thread of this process
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two tries of the thread

_log = logging.getLogger("memcore.memory_hall")


@frozen(kw_only=True)
class Flushed:
    """What one flush did: operations confirmed and set aside, what stopped it, and whether nothing is left to send."""

    sent: int = 0
    refused: int = 0
    problem: MemcoreError | None = None
    whole: bool = False


class Courier:
    """Flushes the outbox, in the calling thread or in one of its own that ends when there is nothing left to do."""

    def __init__(
        self, link: Link, directory: Directory, outbox: Outbox, settings: MemoryHallSettings, lease: Lease
    ) -> None:
        self._link, self._directory, self._outbox, self._settings = link, directory, outbox, settings
        self._lease, self._guard = lease, threading.Lock()
        self._turn = threading.Lock()
        self._expected: dict[int, tuple[State, Record] | None] = {}
        self._thread: threading.Thread | None = None
        self._closing, self._more = threading.Event(), False
        self.problem: MemcoreError | None = None
        self._clear = False

    # --- from the thread that writes ---

    def expect(self, seq: int) -> None:
        """Keep the outcome of an operation until it is asked for."""
        self._expected[seq] = None

    def outcome(self, seq: int | None) -> tuple[State, Record] | None:
        """Return what the server made of an operation that was expected; None if it was not sent from here."""
        return self._expected.pop(seq, None) if seq is not None else None

    def settle(self, seqs: Sequence[int]) -> None:
        """Send these operations now, if the server is there and not much waits in front of them; else see to it later."""
        if not seqs:
            return
        if (
            (not self._clear and (self._lags() or self._outbox.ahead(seqs[0], INLINE + 1) > INLINE))
            or not self._link.ready(self._settings.patience)
            or not self.flush(self._settings.put_wait).whole
        ):
            self.nudge()

    def _lags(self) -> bool:
        return self.problem is not None and self._settings.background

    # --- flushing ---

    def flush(self, seconds: float | None = None) -> Flushed:
        """Send what waits, in order, until nothing is left, something stops it, or the time is up.

        The problem that stopped it is kept in `problem` until a flush ends well.
        """
        limit = float("inf") if seconds is None else time.monotonic() + seconds
        try:
            if not self._link.ready(PROBE):
                raise self._link.absent()
            with self._my_turn(limit):
                run = self._run_through(limit)
                flushed = Flushed(sent=run.sent, refused=run.refused, problem=run.problem, whole=run.whole)
        except MemcoreError as error:  # another one is sending, or the workspace is full: everything stays where it is
            flushed = Flushed(problem=error)
        if flushed.problem is not None and self.problem is None:
            _log.warning("writes wait in the outbox: %s", type(flushed.problem).__name__)
        self.problem, self._clear = flushed.problem, flushed.whole
        return flushed

    @contextmanager
    def _my_turn(self, limit: float) -> Iterator[None]:
        """Have the right to send, which one thread of one process has at a time; raises BusyError if the time was up."""
        if not self._turn.acquire(timeout=max(0.0, min(limit - time.monotonic(), LONGEST_TURN))):
            raise BusyError("another thread is sending what waits", cure="it goes on by itself")
        try:
            with self._lease.held(limit) as held:
                if not held:
                    raise BusyError("another process is sending what waits", cure="it goes on by itself")
                yield
        finally:
            self._turn.release()

    def _run_through(self, limit: float) -> _Run:
        run = _Run(self._outbox, self._expected)
        try:
            more, after = True, 0
            while more and (ops := self._outbox.waiting(after, BATCH)):
                more, after = len(ops) == BATCH, ops[-1].seq
                if not self._send(run, ops, limit):
                    return run
            run.end()
            run.whole = run.problem is None
        except MemcoreError as error:
            run.problem = error
        return run

    def _send(self, run: _Run, ops: Sequence[Op], limit: float) -> bool:
        """Send a batch and write down what was confirmed; return False if the time was up before its end."""
        delivery = Delivery(self._link, self._directory, self._outbox, ops, agent=self._settings.agent, until=limit)
        try:
            for op in ops:
                if time.monotonic() > limit or self._closing.is_set():
                    return False
                run.send(delivery, op)
        finally:
            run.confirm(delivery)
        return True

    # --- the thread ---

    def nudge(self) -> None:
        """Start the thread, or wake it, unless it is not wanted."""
        if not self._settings.background or self._closing.is_set() or self._outbox.read_only:
            return
        with self._guard:
            self._more = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="memory-hall-courier", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        pause = FIRST_PAUSE
        try:
            while not self._closing.is_set():
                self._more = False
                if self.flush().whole:
                    pause = FIRST_PAUSE
                    if self._is_done():
                        return
                else:
                    self._closing.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            with self._guard:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _is_done(self) -> bool:
        """Give the thread up, unless more came in meanwhile."""
        with self._guard:
            if not self._more:
                self._thread = None
            return not self._more

    def close(self) -> None:
        """Let the thread go on for as long as closing may take, if it gets on; then end it."""
        thread = self._thread
        if thread is not None and self.problem is None and not self._link.away:
            thread.join(self._settings.close_wait)
        self._closing.set()
        if thread is not None:
            thread.join(PROBE)
        self._lease.close()


class _Run:
    """One flush: what was confirmed and set aside so far, and the writes that make the server fail."""

    def __init__(self, outbox: Outbox, expected: dict[int, tuple[State, Record] | None]) -> None:
        self._outbox, self._expected = outbox, expected
        self._stuck: list[tuple[Op, MemcoreError]] = []
        self._taken: dict[str, int] = {}  # kind of operation -> number of the last one the server took
        self.sent = self.refused = 0
        self.problem: MemcoreError | None = None
        self.whole = False

    def send(self, delivery: Delivery, op: Op) -> None:
        """Deliver one operation, leave it behind, or set it aside; raises what stops the flush."""
        if any(op.id == stuck.id for stuck, _ in self._stuck):
            return  # what is said of one record stays in order
        try:
            delivery.deliver(op)
        except RejectedError as error:
            self._refuse(op, error)
        except MemcoreError as error:
            self._outbox.note(op.seq, _said(error), seen=isinstance(error, TroubledError))
            failed_alone = isinstance(error, TroubledError) and error.status == 500 and op.rounds + 1 >= SUSPECT
            if not failed_alone or len(self._stuck) == MOST_STUCK:
                raise
            self._stuck.append((op, error))
        else:
            if delivery.wrote(op):
                self._taken[op.op] = op.seq

    def _refuse(self, op: Op, error: MemcoreError) -> None:
        self._outbox.note(op.seq, _said(error), refused=True)
        self.refused += 1

    def confirm(self, delivery: Delivery) -> None:
        """Write down what a batch achieved."""
        if delivery.done:
            self._outbox.confirm(delivery.done)
            self.sent += len(delivery.done)
        for seq, outcome in delivery.states.items():
            if seq in self._expected:
                self._expected[seq] = outcome

    def end(self) -> None:
        """Set aside what will never be taken; raise the failure of what was left behind, so that it is tried again."""
        for op, error in self._stuck:
            if op.rounds + 1 >= HOPELESS and self._taken.get(op.op, 0) > op.seq:
                self._refuse(op, error)
            else:
                self.problem = error


def _said(error: MemcoreError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
