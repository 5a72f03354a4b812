"""The chores, one function each: what there is to do, and whether it was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from attrs import frozen
from memcore import Capability, Report, Scope
from memcore.errors import MemcoreError

from memcore_plugins.housekeeping.disk import free_pages, leftovers, write_ahead_log

if TYPE_CHECKING:
    from memcore import Engine, Record

    from memcore_plugins.housekeeping import HousekeepingSettings

__all__ = ["Chore", "chores", "report", "retired_at"]


@frozen(kw_only=True)
class Chore:
    """One chore: how much there was, how much was (or with a dry run would be) tidied, and a line that says so."""

    name: str
    found: int
    tidied: int
    line: str
    details: tuple[str, ...] = ()


def chores(engine: Engine, settings: HousekeepingSettings, now: datetime, *, dry_run: bool = False) -> list[Chore]:
    """Do all chores in a fixed order, or only look; a chore that has nothing to do leaves no trace."""
    done = [
        _retired(engine, settings, now, dry_run),
        _episodes(engine, settings, now, dry_run),
        _orphans(engine, dry_run),
        _leftovers(engine, dry_run),
        _pages(engine, settings, dry_run),
        _wal(engine, settings, dry_run),
    ]
    return [chore for chore in done if chore.found]


def report(done: Sequence[Chore]) -> Report:
    """Return the chores as one report."""
    return Report(
        summary="; ".join(chore.line for chore in done) or "tidy",
        counts={chore.name: chore.tidied for chore in done},
        lines=tuple(line for chore in done for line in chore.details),
    )


def _retired(engine: Engine, settings: HousekeepingSettings, now: datetime, dry_run: bool) -> Chore:
    """Delete retired records past their grace, if told to; one whose backend keeps no date is never past it."""
    limit = now - timedelta(days=settings.grace)
    dates = ((record.id, retired_at(record)) for record in engine.scan(Scope(statuses=("retired",))))
    past = tuple(key for key, date in dates if date is not None and date < limit)
    able = Capability.DELETE in engine.backend.capabilities
    if not (settings.delete and able):
        why = "set housekeeping.delete to remove them" if able else f"the backend {engine.backend.name} cannot delete"
        line = f"{len(past)} retired records past {settings.grace} days ({why})"
        return Chore(name="retired", found=len(past), tidied=0, line=line)
    if past and not dry_run:
        engine.forget(Scope(ids=past, statuses=("retired",)))
    line = f"{len(past)} retired records deleted after {settings.grace} days"
    return Chore(name="retired", found=len(past), tidied=len(past), line=line)


def retired_at(record: Record) -> datetime | None:
    """Return when a record was retired, as its backend noted in `metadata["retired_at"]`; None if it did not."""
    try:
        noted = datetime.fromisoformat(str(record.metadata.get("retired_at")))
    except ValueError:
        return None
    return noted if noted.tzinfo else noted.replace(tzinfo=UTC)


def _episodes(engine: Engine, settings: HousekeepingSettings, now: datetime, dry_run: bool) -> Chore:
    """Retire raw conversation that is older than the settings allow in recall; its text stays."""
    old: list[str] = []
    if settings.episodes > 0:
        limit = now - timedelta(days=settings.episodes)
        old = [record.id for record in engine.scan(Scope(kinds=("episode",), until=limit))]
        if old and not dry_run:
            engine.retire(old, reason=f"a conversation of more than {settings.episodes} days ago")
    return Chore(name="episodes", found=len(old), tidied=len(old), line=f"{len(old)} old turns retired from recall")


def _orphans(engine: Engine, dry_run: bool) -> Chore:
    """Remove missed deliveries of records that are gone; those of a plugin that is not installed here are kept."""
    stale = [key for key, _, ids in engine.missed() if not engine.get(ids)]
    for key in [] if dry_run else stale:
        engine.workspace.set_meta(key, None)
    line = f"{len(stale)} missed deliveries of records that are gone removed"
    return Chore(name="orphans", found=len(stale), tidied=len(stale), line=line)


def _leftovers(engine: Engine, dry_run: bool) -> Chore:
    found = leftovers(engine.config.home, engine.workspace.path.parent)
    for path in [] if dry_run else found:
        path.unlink(missing_ok=True)
    line = f"{len(found)} temporary files of broken runs removed"
    return Chore(name="leftovers", found=len(found), tidied=len(found), line=line, details=tuple(map(str, found)))


def _pages(engine: Engine, settings: HousekeepingSettings, dry_run: bool) -> Chore:
    free, share = free_pages(engine.workspace)
    if share <= settings.free_share or free <= settings.free_mb * 1e6:
        return Chore(name="pages", found=0, tidied=0, line="")
    problem = ""
    if not dry_run:
        try:
            engine.workspace.scrub()
        except MemcoreError as error:  # another process holds the file, or the disk is full: the next run tries again
            problem = error.what
    line = f"not rewritten: {problem}" if problem else f"{free / 1e6:.0f} MB of free pages given back"
    return Chore(name="pages", found=free, tidied=0 if problem else free, line=line)


def _wal(engine: Engine, settings: HousekeepingSettings, dry_run: bool) -> Chore:
    size = write_ahead_log(engine.workspace)
    if size <= settings.wal_mb * 1e6:
        return Chore(name="wal", found=0, tidied=0, line="")
    with engine.workspace.errors():
        connection = engine.workspace.connection()
        busy = 0 if dry_run else connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    line = f"{size / 1e6:.0f} MB of WAL {'in use by a reader, not emptied' if busy else 'emptied'}"
    return Chore(name="wal", found=size, tidied=0 if busy else size, line=line)
