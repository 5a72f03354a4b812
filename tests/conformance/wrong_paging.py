"""More wrong backends, one planted fault each: limits and pages, what lasts, and what is shared."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from memcore import Hit, OpenContext, Query, Scope
from memcore.errors import CorruptError
from memcore.records import Page, evolve
from reference_backend import Records, Reference
from wrong_backends import fails

# --- limits and pages ---


@fails(
    "any_text_is_a_legal_query", "limit_is_kept_exactly", "limit_zero_finds_nothing",
    "the_limit_counts_what_is_in_scope",
)  # fmt: skip
class FindsOneTooMany(Reference):
    """Is off by one at the limit."""

    def search(self, query: Query) -> Sequence[Hit]:
        return super().search(evolve(query, limit=query.limit + 1))


@fails("limit_zero_finds_nothing")
class TakesZeroForNoLimit(Reference):
    """Reads a limit of 0 as no limit."""

    def search(self, query: Query) -> Sequence[Hit]:
        return super().search(evolve(query, limit=query.limit or 10**9))


@fails("a_huge_limit_is_legal")
class OverflowsAtHugeLimits(Reference):
    """Multiplies the limit into a number its database cannot hold."""

    def search(self, query: Query) -> Sequence[Hit]:
        (query.limit * 5).to_bytes(8, signed=True)
        return super().search(query)


@fails("the_limit_counts_what_is_in_scope")
class LimitsBeforeTheScope(Reference):
    """Cuts the list first and looks at the scope afterwards."""

    def search(self, query: Query) -> Sequence[Hit]:
        hits = super().search(evolve(query, scope=Scope(statuses=())))
        return [hit for hit in hits if query.scope.admits(hit.record)]


@fails(
    "a_scan_keeps_its_order", "pages_of_a_scan_are_complete_and_distinct",
    "times_come_from_one_clock_that_may_step_back", "writing_during_a_scan_repeats_and_loses_nothing",
)  # fmt: skip
class RepeatsPages(Reference):
    """Starts a page with the last record of the page before."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        page = super().scan(scope, after=after, limit=limit)
        return evolve(page, records=[*self.get([after or ""]), *page.records])


@fails(
    "a_scan_keeps_its_order", "deleting_during_a_scan_skips_nothing", "pages_of_a_scan_are_complete_and_distinct",
    "retiring_during_a_scan_skips_nothing", "times_come_from_one_clock_that_may_step_back",
    "writing_during_a_scan_repeats_and_loses_nothing",
)  # fmt: skip
class ScansOnePage(Reference):
    """Ends every scan after its first page."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return evolve(super().scan(scope, after=after, limit=limit), next=None)


@fails(
    "deleting_during_a_scan_skips_nothing", "retiring_during_a_scan_skips_nothing",
    "writing_during_a_scan_repeats_and_loses_nothing",
)  # fmt: skip
class CountsRows(Reference):
    """Takes the number of rows already given for a cursor."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        start = int(after or 0)
        rest = super().scan(scope, limit=10**9).records[start:]
        return Page(records=rest[:limit], next=str(start + limit) if len(rest) > limit else None)


@fails("deleting_during_a_scan_skips_nothing")
class LooksUpItsCursor(Reference):
    """Cannot go on behind a record that is gone."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return super().scan(scope, after=after, limit=limit) if after is None or self.get([after]) else Page(records=[])


@fails("a_scan_keeps_its_order")
class ScansInAnyOrder(Reference):
    """Gives no two scans the same order."""

    turns = 0

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        self.turns += after is None
        page = super().scan(scope, after=after, limit=limit)
        return evolve(page, records=page.records[::-1] if self.turns % 2 else page.records)


@fails("a_scan_of_nothing_ends_at_once")
class NeverEnds(Reference):
    """Names a next page when there is nothing in this one."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        page = super().scan(scope, after=after, limit=limit)
        return page if page.records or after else evolve(page, next="0")


@fails(
    "a_scan_keeps_its_order", "deleting_during_a_scan_skips_nothing", "pages_of_a_scan_are_complete_and_distinct",
    "retiring_during_a_scan_skips_nothing", "writing_during_a_scan_repeats_and_loses_nothing",
)  # fmt: skip
class PagesByTime(Reference):
    """Takes the time of writing for a cursor, as if no two records shared one."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        found = sorted(super().scan(scope, limit=10**9).records, key=lambda record: record.created_at)
        rest = [record for record in found if after is None or record.created_at.isoformat() > after]
        page = rest[:limit]
        return Page(records=page, next=page[-1].created_at.isoformat() if len(rest) > limit else None)


# --- lasting ---


@fails(
    "a_damaged_file_is_reported", "a_deletion_is_as_durable_as_a_write", "a_retirement_is_as_durable_as_a_write",
    "deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files",
    "half_a_surrogate_pair_is_refused_or_kept", "its_import_uses_no_network", "purged_text_is_gone_from_the_files",
    "reopening_keeps_everything", "text_is_stored_unchanged_or_refused",
    "the_other_fields_are_stored_unchanged_or_refused", "three_threads_write_and_read",
    "two_processes_write_at_the_same_time", "update_changes_its_fields_and_only_its_record",
)  # fmt: skip
class ForgetsOnClose(Reference):
    """Keeps records in a file it removes when it is closed."""

    def close(self) -> None:
        super().close()
        self.path.unlink(missing_ok=True)


@fails(
    "deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files",
    "purged_text_is_gone_from_the_files", "two_openings_see_each_other", "two_processes_write_at_the_same_time",
    "what_was_accepted_survives_a_kill",
)  # fmt: skip
class WritesOnClose(Reference):
    """Keeps everything in memory until it is closed."""

    memory: Records | None = None

    def load(self) -> Records:
        if self.memory is None:
            self.memory = super().load()
        return dict(self.memory)

    def save(self, records: Records) -> None:
        self.memory = dict(records)

    def close(self) -> None:
        if not self.closed:
            super().save(self.load())
        super().close()


@fails("two_openings_see_each_other")
class ReadsOnlyAtOpening(Reference):
    """Never looks again at what others wrote."""

    memory: Records | None = None

    def load(self) -> Records:
        if self.memory is None:
            self.memory = super().load()
        return dict(self.memory)

    def save(self, records: Records) -> None:
        self.memory = dict(records)
        super().save(records)


@fails("a_retirement_is_as_durable_as_a_write", "reopening_keeps_everything", "two_openings_see_each_other")
class RetiresInMemoryOnly(Reference):
    """Forgets on closing what was retired."""

    def __init__(self, context: OpenContext) -> None:
        self.states: dict[str, Any] = {}
        super().__init__(context)

    def load(self) -> Records:
        return {key: evolve(record, status=self.states.get(key, "active")) for key, record in super().load().items()}

    def save(self, records: Records) -> None:
        self.states = {key: record.status for key, record in records.items()}
        super().save(records)


@fails("a_damaged_file_is_reported")
class StartsAfresh(Reference):
    """Takes a file it cannot read for an empty one."""

    def load(self) -> Records:
        with suppress(CorruptError):
            return super().load()
        return {}


# --- sharing ---


class Unguarded(Reference):
    """Wait a little between reading and writing, so that a missing lock shows."""

    def save(self, records: Records) -> None:
        time.sleep(0.002)
        super().save(records)


@fails("the_same_text_from_three_threads_is_one_record", "three_threads_write_and_read")
class LocksProcessesOnly(Unguarded):
    """Uses a lock that belongs to the process, so its threads do not see it."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.usable()
        with self.path.with_suffix(".lock").open("a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield


@fails("two_processes_write_at_the_same_time")
class LocksThreadsOnly(Unguarded):
    """Uses a lock that other processes do not see."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.usable()
        with self.threads:
            yield


@fails("the_same_text_from_three_threads_is_one_record", "three_threads_write_and_read")
class BelongsToOneThread(Reference):
    """Works in the thread that opened it only."""

    def __init__(self, context: OpenContext) -> None:
        self.owner = threading.get_ident()
        super().__init__(context)

    def load(self) -> Records:
        if threading.get_ident() != self.owner:
            raise RuntimeError("objects created in a thread can only be used in that same thread")
        return super().load()


@fails(
    "deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files", "it_keeps_to_its_folder",
    "purged_text_is_gone_from_the_files",
)  # fmt: skip
class LivesOutsideItsFolder(Reference):
    """Keeps its file beside the folder it was given."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.path = self.path.parent.with_name("records.json")
