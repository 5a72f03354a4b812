"""What this workspace knows of its records on the server, and the writes that wait for the server's word.

Every method is one transaction. A write is first entered here; it leaves only when the server has confirmed it. What the
server refuses is set aside, with its reason, and holds nothing up.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Any, Literal, TypeVar

from attrs import frozen
from memcore.records import Record, Scope, Status

from memcore_backends.memory_hall.access import Access
from memcore_backends.memory_hall.wire import decode, encode, retired, revived

__all__ = ["Done", "Entered", "Known", "Op", "Outbox", "State"]

State = Literal["new", "existing", "revived"]
T = TypeVar("T")
CHUNK = 500  # ids bound to one statement
SEARCHED = 5000  # local copies that a search reads, in about 10 ms


@frozen(kw_only=True)
class Known:
    """What is known of one record: where it lies on the server (`confirmed` is None until it does), and its local copy."""

    id: str
    namespace: str
    status: Status
    entry_id: str | None = None
    content_hash: str | None = None
    record: str | None = None
    born: int = 0
    confirmed: int | None = None

    def copy(self) -> Record | None:
        """Return the record as this workspace remembers it."""
        return decode(self.record, self.status) if self.record is not None else None


@frozen(kw_only=True)
class Op:
    """One operation that waits: put or retire (with its status, reason and successor), how often it was tried, and why it
    still waits or was refused.
    """

    seq: int
    id: str
    op: str
    detail: Mapping[str, Any]
    queued_at: datetime
    rounds: int
    problem: str
    refused: bool


@frozen(kw_only=True)
class Entered:
    """The local answer to one put; `seq` is its operation, None if an earlier one will do."""

    id: str
    state: State
    seq: int | None


@frozen(kw_only=True)
class Done:
    """An operation that the server has confirmed, for a put where the record lies, and what it is there if not what is here."""

    op: Op
    entry_id: str | None = None
    content_hash: str | None = None
    record: Record | None = None


_NOW = "max(coalesce((SELECT max(born) FROM hall_entries), 0), coalesce((SELECT max(confirmed) FROM hall_entries), 0))"
_LAST = "NOT EXISTS (SELECT 1 FROM outbox WHERE id=:id)"
_CONFIRM = f"""
    UPDATE hall_entries SET confirmed=coalesce(confirmed, {_NOW} + 1),
    entry_id=coalesce(:entry_id, entry_id), content_hash=coalesce(:content_hash, content_hash),
    status=CASE WHEN {_LAST} THEN coalesce(:status, status) ELSE status END,
    record=CASE WHEN NOT {_LAST} THEN record WHEN :copy THEN coalesce(:record, record) END
    WHERE id=:id"""
"""What the server said becomes what is known, unless more waits for the record: then what is here is newer."""
_KNOWN = "id, namespace, status, entry_id, content_hash, record, born, confirmed"
_OP = "seq, id, op, detail, queued_at, rounds, problem, refused"


class Outbox:
    """The tables `outbox` and `hall_entries` of one workspace; safe to use from several threads, engines and processes."""

    def __init__(self, access: Access, clock: Callable[[], datetime], *, copy: bool) -> None:
        self._access, self._clock, self._copy = access, clock, copy
        self.exists = "outbox" in access.tables()
        self.read_only = access.read_only

    def adopt(self, endpoint: str) -> None:
        """Forget where records lie if the server is another one than last time; what waits goes to the new one."""
        key = "memory-hall:server"
        if not self.exists or self._access.get_meta(key) == endpoint:
            return
        with self._access.transaction() as connection:
            connection.execute("DELETE FROM hall_entries WHERE id NOT IN (SELECT id FROM outbox)")
            connection.execute("UPDATE hall_entries SET entry_id=NULL, content_hash=NULL")
            self._access.set_meta("memory-hall:seen", None)
            self._access.set_meta(key, endpoint)

    # --- writes ---

    def enter(self, prepared: Sequence[tuple[Record, str]], expect: Callable[[int], None]) -> list[Entered]:
        """Keep records and queue their puts, in order; `expect` is told each number before anybody can see it."""
        with self._access.transaction() as connection:
            keys = [record.id for record, _ in prepared]
            rows = self._rows(keys)
            last, tick = self._last_ops(list(rows)), self._tick()
            entered = []
            for record, text in prepared:
                row = rows.get(record.id)
                state: State = "new" if row is None else "existing"
                if row is None:
                    row = Known(id=record.id, namespace=record.namespace, status=record.status, record=text, born=tick)
                    values = (row.id, row.namespace, row.status, row.record, tick)
                    sql = "INSERT INTO hall_entries(id, namespace, status, record, born) VALUES(?,?,?,?,?)"
                    connection.execute(sql, values)
                    tick += 1
                elif row.status != "active" and record.status == "active":
                    state, old = "revived", row.copy()
                    row = _with(row, status="active", record=encode(revived(old)) if old else text)
                    self._update(connection, row)
                elif row.record is None:
                    row = _with(row, record=text)
                    self._update(connection, row)
                rows[record.id] = row
                seq = None
                if last.get(record.id) != "put":
                    seq, last[record.id] = self._queue(connection, record.id, "put", None), "put"
                    expect(seq)
                entered.append(Entered(id=record.id, state=state, seq=seq))
        return entered

    def retire(
        self, ids: Iterable[str], elsewhere: Mapping[str, Known], status: Status, reason: str, successor: str | None
    ) -> list[int]:
        """Take active records out and queue it; `elsewhere` knows records of the server that have no row yet."""
        seqs = []
        with self._access.transaction() as connection:
            tick, asked = self._tick(), list(dict.fromkeys(ids))
            rows = self._rows(asked)
            for key in asked:
                row = rows.get(key) or elsewhere.get(key)
                if row is None or row.status != "active":
                    continue
                if key not in rows:
                    sql = "INSERT INTO hall_entries(id, namespace, status, entry_id, content_hash, born, confirmed) VALUES(?,?,?,?,?,?,?)"
                    connection.execute(sql, (key, row.namespace, status, row.entry_id, row.content_hash, tick, tick))
                else:
                    copy = row.copy()
                    text = encode(retired(copy, status, reason, successor)) if copy else None
                    self._update(connection, _with(row, status=status, record=text))
                seqs.append(
                    self._queue(connection, key, "retire", {"status": status, "reason": reason, "successor": successor})
                )
        return seqs

    def _queue(self, connection: Connection, key: str, op: str, detail: Mapping[str, Any] | None) -> int:
        sql = "INSERT INTO outbox(id, op, detail, queued_at) VALUES(?,?,?,?)"
        values = (key, op, json.dumps(detail) if detail else None, self._clock().isoformat())
        return int(connection.execute(sql, values).lastrowid or 0)

    def _update(self, connection: Connection, row: Known) -> None:
        sql = "UPDATE hall_entries SET status=?, record=? WHERE id=?"
        connection.execute(sql, (row.status, row.record, row.id))

    def _tick(self) -> int:
        return self.now() + 1

    # --- the server's word ---

    def waiting(self, after: int, limit: int, *, refused: bool = False) -> list[Op]:
        """Return the next operations to send, in order; with `refused`, those that were set aside."""
        sql = f"SELECT {_OP} FROM outbox WHERE seq > ? AND refused=? ORDER BY seq LIMIT ?"
        return [_op(row) for row in self._select(sql, (after, int(refused), limit))]

    def confirm(self, done: Sequence[Done]) -> None:
        """Take confirmed operations out, and note where their records lie and what they are there."""
        with self._access.transaction() as connection:
            for item in done:
                connection.execute("DELETE FROM outbox WHERE seq=?", (item.op.seq,))
                connection.execute(_CONFIRM, {
                    "id": item.op.id, "entry_id": item.entry_id, "content_hash": item.content_hash, "copy": self._copy,
                    "status": item.record.status if item.record else None,
                    "record": encode(item.record) if item.record else None,
                })  # fmt: skip

    def note(self, seq: int, problem: str, *, refused: bool = False, seen: bool = True) -> None:
        """Note why an operation was not confirmed; a refused one is set aside. `seen`: the server may have got it."""
        with self._access.transaction() as connection:
            sql = "UPDATE outbox SET rounds=rounds+?, problem=?, refused=? WHERE seq=?"
            connection.execute(sql, (int(seen), problem, int(refused), seq))

    def again(self) -> int:
        """Put everything that was set aside back in line, and return how many."""
        with self._access.transaction() as connection:
            return connection.execute("UPDATE outbox SET refused=0, problem='' WHERE refused=1").rowcount

    def drop(self, seqs: Sequence[int]) -> int:
        """Give up refused operations, with the records that exist nowhere else; return how many."""
        with self._access.transaction() as connection:
            count = 0
            for seq in seqs:
                count += connection.execute("DELETE FROM outbox WHERE seq=? AND refused=1", (seq,)).rowcount
            lost = "SELECT id FROM hall_entries WHERE confirmed IS NULL AND id NOT IN (SELECT id FROM outbox WHERE op='put')"
            connection.execute(
                f"DELETE FROM outbox WHERE id IN ({lost})"
            )  # what was to be retired is not there any more
            connection.execute(f"DELETE FROM hall_entries WHERE id IN ({lost})")
        return count

    def learn(self, rows: Iterable[Known], seen: str | None) -> None:
        """Note where records lie that others wrote, and up to which time of the server all are noted."""
        with self._access.transaction() as connection:
            tick = self._tick()
            sql = "INSERT INTO hall_entries(id, namespace, status, entry_id, content_hash, born, confirmed) VALUES(?,?,?,?,?,?,?)"
            values = ((row.id, row.namespace, row.status, row.entry_id, row.content_hash, tick, tick) for row in rows)
            connection.executemany(f"{sql} ON CONFLICT DO NOTHING", values)
            if seen:
                self._access.set_meta("memory-hall:seen", seen)

    def observe(self, key: str, status: Status | None) -> None:
        """Note a status the server reports for a record with nothing waiting; None: it is no longer there."""
        with self._access.transaction() as connection:
            sql = "DELETE FROM hall_entries WHERE" if status is None else "UPDATE hall_entries SET status=? WHERE"
            values = (key,) if status is None else (status, key)
            connection.execute(f"{sql} id=? AND id NOT IN (SELECT id FROM outbox)", values)

    # --- removing ---

    def withdraw(self, ids: Sequence[str]) -> set[str]:
        """Remove those of these records that the server does not have, with everything that waits for them."""
        with self._access.transaction() as connection:
            gone = {key for key, row in self._rows(ids).items() if row.confirmed is None}
            self._remove(connection, sorted(gone))
        return gone

    def drop_copies(self, ids: Sequence[str]) -> None:
        """Remove the local text of these records; that they exist, and what waits for them, is kept."""
        with self._access.transaction() as connection:
            for chunk in _chunks(ids):
                marks = ",".join("?" * len(chunk))
                connection.execute(f"UPDATE hall_entries SET record=NULL WHERE id IN ({marks})", chunk)

    def forget(self, ids: Sequence[str], scope: Scope) -> int:
        """Remove everything about these records and about every record of the scope, and return how many rows that were."""
        with self._access.transaction() as connection:
            rows = self._select(f"SELECT {_KNOWN} FROM hall_entries")
            inside = {row.id for row in map(_known, rows) if (copy := row.copy()) and scope.admits(copy)}
            return self._remove(connection, sorted(inside.union(ids)))

    def _remove(self, connection: Connection, ids: Sequence[str]) -> int:
        count = 0
        for chunk in _chunks(ids):
            marks = ",".join("?" * len(chunk))
            for table in ("outbox", "hall_entries"):
                count += connection.execute(f"DELETE FROM {table} WHERE id IN ({marks})", chunk).rowcount
        return count

    # --- looking ---

    def now(self) -> int:
        """Return the tick of the last change."""
        (row,) = self._select(f"SELECT {_NOW}") or [(0,)]
        return int(row[0])

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return what is known of these records, by id."""
        return self._rows(ids)

    def overlay(self) -> dict[str, Status]:
        """Return the status of every record with something waiting: the server does not know it yet."""
        return dict(self._select("SELECT e.id, e.status FROM hall_entries e WHERE e.id IN (SELECT id FROM outbox)"))

    def unsent(self, at: int, after: int = 0) -> list[Known]:
        """Return what the server did not have at a tick, in the order of writing; up to the tick `after` it is left out."""
        where = "born > ? AND born <= ? AND (confirmed IS NULL OR confirmed > ?)"
        rows = self._select(f"SELECT {_KNOWN} FROM hall_entries WHERE {where} ORDER BY born", (after, at, at))
        return [_known(row) for row in rows]

    def matching(self, words: Sequence[str], *, everywhere: bool, limit: int) -> list[Record]:
        """Return the local copies that hold most of the words, the newest first; without `everywhere`, of unsent ones.

        The newest five thousand copies are looked at. (Python finds words faster than SQLite, and knows all alphabets.)
        """
        where = "record IS NOT NULL" if everywhere else "record IS NOT NULL AND confirmed IS NULL"
        newest = self._select(f"SELECT id, record FROM hall_entries WHERE {where} ORDER BY born DESC LIMIT {SEARCHED}")
        counted = ((sum(word in low for word in words), key) for key, record in newest if (low := record.lower()))
        best = heapq.nlargest(limit, (pair for pair in counted if pair[0]), key=lambda pair: pair[0])
        rows = self._rows([key for _, key in best])
        return [copy for row in rows.values() if (copy := row.copy()) is not None]

    def ahead(self, seq: int, limit: int) -> int:
        """Return how many operations wait in front of one, counting no further than `limit`."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE seq < ? AND refused=0 LIMIT ?)"
        return int(self._select(sql, (seq, limit))[0][0])

    def still(self, seqs: Sequence[int]) -> list[Op]:
        """Return those of the operations that the server has not confirmed, refused ones included."""
        found = []
        for chunk in _chunks(seqs):
            sql = f"SELECT {_OP} FROM outbox WHERE seq IN ({','.join('?' * len(chunk))}) ORDER BY seq"
            found += [_op(row) for row in self._select(sql, chunk)]
        return found

    def depth(self) -> tuple[int, int, datetime | None]:
        """Return how many operations wait, how many were refused, and since when the oldest waits."""
        rows = self._select("SELECT refused, count(*), min(queued_at) FROM outbox GROUP BY refused")
        found = {bool(refused): (int(count), oldest) for refused, count, oldest in rows}
        waiting, oldest = found.get(False, (0, None))
        return waiting, found.get(True, (0, None))[0], datetime.fromisoformat(oldest) if oldest else None

    def seen(self) -> str | None:
        """Return up to which time of the server all its entries are known."""
        return self._access.get_meta("memory-hall:seen")

    def _rows(self, ids: Sequence[str]) -> dict[str, Known]:
        found = {}
        for chunk in _chunks(ids):
            sql = f"SELECT {_KNOWN} FROM hall_entries WHERE id IN ({','.join('?' * len(chunk))})"
            found.update({row[0]: _known(row) for row in self._select(sql, chunk)})
        return found

    def _last_ops(self, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for chunk in _chunks(ids):
            sql = f"SELECT id, op FROM outbox WHERE id IN ({','.join('?' * len(chunk))}) ORDER BY seq"
            found.update(dict(self._select(sql, chunk)))
        return found

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        if not self.exists:
            return []
        return self._access.select(sql, values)


def _chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _known(row: Sequence[Any]) -> Known:
    key, namespace, status, entry_id, digest, record, born, confirmed = row
    return Known(
        id=key, namespace=namespace, status=status, entry_id=entry_id, content_hash=digest, record=record, born=born,
        confirmed=confirmed,
    )  # fmt: skip


def _with(row: Known, *, status: Status | None = None, record: str | None) -> Known:
    return _known(
        (row.id, row.namespace, status or row.status, row.entry_id, row.content_hash, record, row.born, row.confirmed)
    )


def _op(row: Sequence[Any]) -> Op:
    seq, key, op, detail, queued_at, rounds, problem, refused = row
    when = datetime.fromisoformat(queued_at)
    return Op(
        seq=seq, id=key, op=op, detail=json.loads(detail) if detail else {}, queued_at=when, rounds=rounds,
        problem=problem, refused=bool(refused),
    )  # fmt: skip
