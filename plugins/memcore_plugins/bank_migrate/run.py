"""One migration from start to end: identify, chunk, link, verify."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, frozen
from memcore.errors import InvalidInputError
from memcore.records import Draft, Outcome

from memcore_plugins.bank_migrate import MigrateSettings, elsewhere
from memcore_plugins.bank_migrate.chunk import Chunked, digest_of, line_of, read, reader_of
from memcore_plugins.bank_migrate.report import Result
from memcore_plugins.bank_migrate.retiring import drop_file, moved, refresh, retire_gone
from memcore_plugins.bank_migrate.schema import select_in
from memcore_plugins.bank_migrate.snapshot import Found, Skipped, snapshot
from memcore_plugins.bank_migrate.verify import read_back, totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from memcore import Engine


__all__ = ["Migration", "migrate"]


@frozen(kw_only=True)
class State:
    """What is known of a file from an earlier run."""

    id: int
    size: int
    mtime_ns: int
    digest: bytes
    reader: str
    reason: str


@define(kw_only=True)
class Pending:
    """A file that waits for its batch: the drafts that are new in it, and those it said before, by digest."""

    chunked: Chunked
    fresh: dict[bytes, Draft]
    still: dict[bytes, Draft]
    gone: list[bytes]


def migrate(
    engine: Engine,
    root: Path,
    *,
    incremental: bool = False,
    dry_run: bool = False,
    progress: Callable[[Sequence[Found]], Iterable[Found]] = lambda files: files,
) -> Result:
    """Take over a folder and return what was done.

    `incremental` trusts size and time of change of a file, otherwise its bytes decide. `progress` may wrap the files.
    """
    run = Migration(engine, root, incremental=incremental, dry_run=dry_run)
    for found in progress(run.snapshot.files):
        run.take(found)
    return run.finish()


class Migration:
    """The state of one run."""

    def __init__(self, engine: Engine, root: Path, *, incremental: bool, dry_run: bool) -> None:
        self.engine, self.settings = engine, engine.settings("bank_migrate", MigrateSettings)
        self.incremental, self.dry_run = incremental, dry_run
        self.snapshot = snapshot(root, suffixes=self.settings.suffixes, largest=self.settings.largest)
        self.result = Result(root=self.snapshot.root, dry_run=dry_run)
        self.result.skipped += self.snapshot.skipped
        self.reader, self.namespace = reader_of(engine), engine.core.namespace
        self.known = self._known()
        self.paths = {found.path for found in self.snapshot.files} | set(self.known)
        self.pending: list[Pending] = []
        self.waiting = 0

    def _known(self) -> dict[str, State]:
        statement = (
            "SELECT path, id, size, mtime_ns, digest, reader, reason FROM migrated_files WHERE namespace=? AND root=?"
        )
        rows = self.engine.workspace.connection().execute(statement, (self.namespace, self.snapshot.root))
        return {
            path: State(id=key, size=size, mtime_ns=mtime, digest=digest, reader=reader, reason=reason)
            for path, key, size, mtime, digest, reader, reason in rows
        }

    def take(self, found: Found) -> None:
        """Take over one file, at the latest when its batch is full."""
        state = self.known.get(found.path)
        same_reader = state is not None and state.reader == self.reader
        if state and same_reader and self.incremental and (state.size, state.mtime_ns) == (found.size, found.mtime_ns):
            self._unchanged(found, state)
            return
        chunked = read(self.engine, found, known=state.digest if state and same_reader else b"")
        if not chunked.digest:
            self.result.skipped.append(Skipped(path=found.path, reason=chunked.reason))
        elif chunked.error:
            self.result.errors.append(f"{found.path}: {chunked.error}")
        elif state and same_reader and chunked.digest == state.digest:
            self._unchanged(found, state)
            if not self.dry_run and chunked.mtime_ns != state.mtime_ns:
                self._touch(state, chunked.mtime_ns)
        else:
            self._queue(chunked, state)

    def _unchanged(self, found: Found, state: State) -> None:
        self.result.unchanged += 1
        if state.reason:
            self.result.skipped.append(Skipped(path=found.path, reason=state.reason))
        else:
            self.result.files += 1

    def _touch(self, state: State, mtime_ns: int) -> None:
        with self.engine.workspace.transaction() as connection:
            connection.execute("UPDATE migrated_files SET mtime_ns=? WHERE id=?", (mtime_ns, state.id))

    def _queue(self, chunked: Chunked, state: State | None) -> None:
        self.result.changed += 1
        self.result.notes += (f"{chunked.found.path}: {note}" for note in chunked.notes)
        if chunked.reason:
            self.result.skipped.append(Skipped(path=chunked.found.path, reason=chunked.reason))
        else:
            self.result.files += 1
            self.result.left_out.update(reason for *_, reason in chunked.left_out)
        drafts = {digest_of(draft): draft for draft in chunked.drafts}
        old = self._said(state)
        fresh = {digest: draft for digest, draft in drafts.items() if digest not in old}
        still = {digest: draft for digest, draft in drafts.items() if digest in old}
        gone = [digest for digest in old if digest not in drafts]
        self.pending.append(Pending(chunked=chunked, fresh=fresh, still=still, gone=gone))
        self.waiting += len(fresh) + 1
        if self.waiting >= self.settings.batch:
            self.flush()

    def _said(self, state: State | None) -> set[bytes]:
        if state is None:
            return set()
        statement = "SELECT digest FROM migrated_records WHERE file=? AND gone=0"
        return {row[0] for row in self.engine.workspace.connection().execute(statement, (state.id,))}

    def flush(self) -> None:
        """Write the waiting files in one transaction; if the backend refuses a draft, file by file, to name the one."""
        batch, self.pending, self.waiting = self.pending, [], 0
        if self.dry_run:
            self.result.states["would be new"] += sum(len(each.fresh) for each in batch)
            self.result.retired += sum(len(each.gone) for each in batch)
            return
        try:
            self._write(batch)
        except InvalidInputError:
            for each in batch:
                try:
                    self._write([each])
                except InvalidInputError as error:
                    self.result.errors.append(f"{each.chunked.found.path}: {error.what}: {error.why}")

    def _write(self, batch: list[Pending]) -> None:
        drafts = [draft for each in batch for draft in each.fresh.values()]
        with elsewhere.own_writes(), self.engine.workspace.transaction():
            outcomes = self.engine.remember(drafts) if drafts else ()
            elsewhere.add(self.engine.workspace.connection(), self._foreign(outcomes))
            at = 0
            for each in batch:
                told = outcomes[at : at + len(each.fresh)]
                at += len(each.fresh)
                self._store(each, dict(zip(each.fresh, told, strict=True)))
        self.result.states.update(outcome.state for outcome in outcomes)
        self.result.refused += (outcome.reason for outcome in outcomes if outcome.record is None)
        read_back(self.engine, outcomes, self.result)

    def _store(self, pending: Pending, told: dict[bytes, Outcome]) -> None:
        """Keep the state of one file and what it says now."""
        chunked = pending.chunked
        found = chunked.found
        with self.engine.workspace.transaction() as connection:
            key = connection.execute(
                "INSERT INTO migrated_files(namespace, root, path, size, mtime_ns, digest, reader, reason, seen_at) "
                "VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET size=excluded.size, mtime_ns=excluded.mtime_ns, "
                "digest=excluded.digest, reader=excluded.reader, reason=excluded.reason, "
                "seen_at=excluded.seen_at RETURNING id",
                (
                    self.namespace, self.snapshot.root, found.path, found.size, chunked.mtime_ns, chunked.digest,
                    self.reader, chunked.reason, self.engine.now().isoformat(),
                ),
            ).fetchone()[0]  # fmt: skip
            connection.executemany(
                "INSERT OR REPLACE INTO migrated_records VALUES(?,?,?,?,?,0)",
                [
                    (key, digest, outcome.record.id, line_of(outcome.draft), outcome.record.kind == "episode")
                    for digest, outcome in told.items()
                    if outcome.record
                ],
            )
            if pending.still:
                moved(self.engine, connection, key, found.path, pending.still)
            connection.executemany(
                "UPDATE migrated_records SET gone=1 WHERE file=? AND digest=?",
                [(key, digest) for digest in pending.gone],
            )
            refresh(self.engine, told.values())

    def _foreign(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Return the records that were there before any file of a migration said them."""
        new = {outcome.record.id for outcome in outcomes if outcome.record and outcome.state in {"new", "revived"}}
        there = {
            outcome.record.id
            for outcome in outcomes
            if outcome.record and outcome.record.id not in new and not self._ours(outcome.record.source)
        }
        connection = self.engine.workspace.connection()
        known = select_in(connection, "SELECT DISTINCT record_id FROM migrated_records WHERE record_id IN (?)", there)
        return there - {row[0] for row in known}

    def _ours(self, source: str | None) -> bool:
        return (source or "").partition("#L")[0] in self.paths

    def finish(self) -> Result:
        """Write what waits, retire what is gone, count, and return the result."""
        if self.pending:
            self.flush()
        removed = self._removed()
        self.result.removed = len(removed)
        if not self.dry_run:
            with self.engine.workspace.transaction() as connection:
                for state in removed:
                    drop_file(connection, state.id)
            self.result.retired = retire_gone(self.engine)
        totals(self.engine, self.namespace, self.snapshot.root, self.result)
        self.result.skipped.sort(key=lambda skipped: skipped.path)
        return self.result

    def _removed(self) -> list[State]:
        """Return the files that are gone; a file that is there and cannot be read now is not."""
        there = {found.path for found in self.snapshot.files}
        kept = tuple(f"{each.path}/" for each in self.snapshot.skipped)
        there |= {each.path for each in self.snapshot.skipped}
        return [state for path, state in self.known.items() if path not in there and not path.startswith(kept)]
