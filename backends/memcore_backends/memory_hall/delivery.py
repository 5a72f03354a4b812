"""What one waiting operation means to the server: a write that ends as exactly one entry, or a change of status.

The server keeps a text once for all namespaces. A write of a text it has is answered with the entry it has, which may
be another owner's; then the text is written again with a line that makes it distinct. Repeating a write is safe for the
same reason: what an earlier try stored is found and recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve
from memcore.records import Record, content_hash

from memcore_backends.memory_hall.directory import Directory
from memcore_backends.memory_hall.failures import MissingError, RejectedError, TroubledError
from memcore_backends.memory_hall.identity import scope_line
from memcore_backends.memory_hall.link import Link
from memcore_backends.memory_hall.outbox import Done, Known, Op, Outbox, State
from memcore_backends.memory_hall.transport import Answer
from memcore_backends.memory_hall.wire import MOST_BYTES, from_entry, revived, status_patch, to_body

__all__ = ["Delivery"]


class Delivery:
    """Delivers a batch of operations one by one; `done` grows, and is not written to the outbox here."""

    def __init__(
        self, link: Link, directory: Directory, outbox: Outbox, ops: Sequence[Op], *, agent: str, until: float
    ) -> None:
        self._link, self._directory, self._outbox = link, directory, outbox
        self._agent, self._until = agent, until
        self._rows = outbox.known(list({op.id for op in ops}))
        self._replaced: dict[str, list[str]] = {}
        for op in ops:
            if op.detail.get("successor"):
                self._replaced.setdefault(op.detail["successor"], []).append(op.id)
        self._sent: dict[str, str] = {}
        self.done: list[Done] = []
        self.states: dict[int, tuple[State, Record]] = {}

    def deliver(self, op: Op) -> None:
        """Deliver one operation; raises what keeps it from being delivered."""
        row = self._rows.get(op.id)
        if row is None:  # somebody gave it up meanwhile
            self.done.append(Done(op=op))
        elif op.op == "put":
            self._put(op, row)
        else:
            self._retire(op, row)

    def wrote(self, op: Op) -> bool:
        """Return whether the server changed something for this operation, so that it can be said to take writes."""
        return op.op == "retire" or (op.seq in self.states and self.states[op.seq][0] != "existing")

    # --- writes ---

    def _put(self, op: Op, row: Known) -> None:
        record = row.copy()
        if row.confirmed is not None:
            try:
                if self._recognise(op, self._directory.entry_of(row), record, ours=False):
                    return None
            except MissingError:
                self._rows[op.id] = row = evolve(row, confirmed=None)  # the server was emptied: write it again
        if record is None:
            raise RejectedError("the text is no longer here", why="it was confirmed once, and the server has lost it")
        for line in ("", scope_line(record.id)):
            answer = self._write(record, line)
            digest = content_hash(record.content + line)
            if answer.part("created"):
                return self._take(op, "new", answer.part("entry_id"), digest, record)
            if self._recognise(op, self._shown(digest), record, ours=answer.repeated or op.rounds > 0):
                return None
        raise RejectedError(
            "the server gives this text to another owner", why="even with the line that makes it distinct"
        )

    def _write(self, record: Record, line: str) -> Answer:
        if line and len((record.content + line).encode()) > MOST_BYTES:
            why = "it is kept for another namespace or kind, and with a line that makes it distinct it is too long"
            raise RejectedError("the server cannot keep this text", why=why)
        body = to_body(
            record, agent=self._agent, line=line, references=self._entry_ids(record.upstream_ids),
            supersedes=self._entry_ids(self._replaced.get(record.id, ())),
        )  # fmt: skip
        return self._link.write("POST", "/v1/memory/write", body, until=self._until)

    def _shown(self, digest: str) -> Mapping[str, Any]:
        try:
            return self._directory.by_hash(digest)
        except MissingError as error:
            raise TroubledError("memory-hall knows a text and cannot show it", cure="look at its log") from error

    def _recognise(self, op: Op, entry: Mapping[str, Any], record: Record | None, *, ours: bool) -> bool:
        """Take an entry of the server for this record if it is one; bring it back if it had left active memory.

        `ours` says that an earlier try may have stored it: then an entry like ours in everything is new.
        """
        found = from_entry(entry)
        if found is None or found.id != op.id:
            return False
        state: State = "new" if ours and found == record else "existing"
        if found.status != "active" and (record is None or record.status == "active"):
            self._change(entry["entry_id"], status_patch("active"))
            state, found = "revived", revived(found)
        self._take(op, state, entry["entry_id"], entry["content_hash"], found)
        return True

    def _take(self, op: Op, state: State, entry_id: str, digest: str, record: Record) -> None:
        self._sent[op.id] = entry_id
        there = None if state == "new" else record
        self.done.append(Done(op=op, entry_id=entry_id, content_hash=digest, record=there))
        self.states[op.seq] = (state, record)

    # --- leaving active memory ---

    def _retire(self, op: Op, row: Known) -> None:
        if row.confirmed is None and op.id not in self._sent:
            raise RejectedError("its record is not on the server", why="the write of the record was refused")
        entry_id = self._sent.get(op.id) or row.entry_id or self._looked_up(row)
        successor = op.detail["successor"]
        try:
            self._change(entry_id, status_patch(op.detail["status"], op.detail["reason"], successor))
        except MissingError as error:
            raise RejectedError("its record is no longer on the server") from error
        if successor:
            self._link_to(successor, entry_id)
        self.done.append(Done(op=op))

    def _looked_up(self, row: Known) -> str:
        try:
            return str(self._directory.entry_of(row)["entry_id"])
        except MissingError as error:
            raise RejectedError("its record is not on the server") from error

    def _change(self, entry_id: str, metadata: Mapping[str, Any]) -> None:
        """Change the status of an entry and see that it was changed: the server drops silently what it does not like."""
        answer = self._link.write("PATCH", f"/v1/memory/{entry_id}", {"metadata": metadata}, until=self._until)
        stored = answer.part("entry")["metadata"]
        if any(stored.get(key) != value for key, value in metadata.items()):
            raise RejectedError("the server took a change of status and did not keep it", why="is it another version?")

    def _link_to(self, successor: str, entry_id: str) -> None:
        """Let the successor refer to the entry it replaced; one that is not there, or not yet, is named in the entry."""
        body = {"target_entry_id": entry_id, "relation": "supersedes"}
        for found in self._entry_ids([successor]):
            try:
                self._link.write("POST", f"/v1/memory/{found}/link", body, until=self._until)
            except MissingError:
                return

    def _entry_ids(self, keys: Sequence[str]) -> list[str]:
        """Return the server's ids of those of these records that it has."""
        rows = self._outbox.known(keys) if keys else {}
        found = [self._sent.get(key) or (rows[key].entry_id if key in rows else None) for key in keys]
        return [entry_id for entry_id in found if entry_id]
