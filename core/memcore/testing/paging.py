"""How many: limits of a search and the pages of a scan."""

from __future__ import annotations

import sys

import pytest

from memcore.contracts import Capability
from memcore.records import Query
from memcore.testing.harness import Harness, Store, since

__all__ = ["PagingTests"]

GULLS = tuple(f"One gull, ringed with number {number}, was seen at the harbour." for number in range(7))


@since(1)
class PagingTests(Harness):
    """What limits and cursors promise."""

    def test_limit_zero_finds_nothing(self, store: Store) -> None:
        """A limit of 0 is legal and gives an empty list.

        If this fails, check that 0 is not taken for "no limit".
        """
        store.put(*GULLS)
        assert store.find("gull")
        assert store.find("gull", limit=0) == []

    @pytest.mark.parametrize("limit", [1, 3, 6])
    def test_limit_is_kept_exactly(self, store: Store, limit: int) -> None:
        """With more matches than the limit, exactly that many come back.

        If this fails, check an off-by-one, or a limit that is applied before the scope is.
        """
        store.put(*GULLS)
        everything = store.found("gull")
        assert len(everything) == len(GULLS)
        found = store.found("gull", limit=limit)
        assert len(found) == limit
        assert set(found) <= set(everything)

    @pytest.mark.parametrize("limit", [10_000, 10**12, sys.maxsize])
    def test_a_huge_limit_is_legal(self, store: Store, limit: int) -> None:
        """A limit beyond every count gives all matches.

        If this fails, check arithmetic on the limit that overflows, or a server maximum that must be paged.
        """
        store.put(*GULLS)
        assert len(store.find("gull", limit=limit)) == len(GULLS)

    def test_the_limit_counts_what_is_in_scope(self, store: Store) -> None:
        """Better matches outside of the scope do not use up the limit.

        If this fails, check that the scope is applied before the cut, not to the hits that are left after it.
        """
        store.put(*(f"gull gull gull {number}" for number in range(30)), namespace=store.namespace + "-other")
        mine = store.keep("At the harbour nobody had yet seen a gull that could count.")
        assert len(store.find("gull", scope=store.scope(namespaces=()), limit=5)) == 5
        assert store.found("gull", limit=5) == [mine.id]

    def test_hits_are_distinct_and_best_first(self, store: Store) -> None:
        """No record comes twice, and scores do not rise along the list.

        If this fails, check joins that repeat a record, and the direction of your score.
        """
        store.put(*GULLS, "Two of them: a gull and one more gull.", summary="gull", tags=("gull", "gulls"))
        hits = store.backend.search(Query(text="gull", scope=store.scope(), limit=50, now=store.clock()))
        assert len(hits) == len({hit.record.id for hit in hits}) == len(GULLS) + 1
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

    @pytest.mark.parametrize("limit", [1, 3, 7, 1000, sys.maxsize])
    def test_pages_of_a_scan_are_complete_and_distinct(self, store: Store, limit: int) -> None:
        """The pages together hold every record once, whatever their size, and no page is too long.

        If this fails, check the cursor: it must exclude what was given and include what comes next.
        """
        ids = {item.record.id for item in store.put(*GULLS)}
        page = store.backend.scan(store.scope(), limit=limit)
        assert len(page.records) == min(limit, len(GULLS))
        found = store.listed(limit=limit)
        assert len(found) == len(set(found))
        assert set(found) == ids

    def test_a_scan_of_nothing_ends_at_once(self, store: Store) -> None:
        """An empty scope is one empty page without a cursor.

        If this fails, check that the end is told by next=None.
        """
        store.put(*GULLS)
        assert store.all()
        page = store.backend.scan(store.scope(namespaces=(store.namespace + "-empty",)))
        assert (list(page.records), page.next) == ([], None)

    def test_a_scan_keeps_its_order(self, store: Store) -> None:
        """Two scans of the same memory give the same order, with small pages and with large ones.

        If this fails, check that the order ends in something unique, such as the id.
        """
        store.put(*GULLS)
        once = store.all(limit=2)
        assert len(once) == len(GULLS)
        assert store.all(limit=2) == once
        assert store.all() == once

    def test_writing_during_a_scan_repeats_and_loses_nothing(self, store: Store) -> None:
        """Records written between two pages repeat no page and push nothing out.

        If this fails, check cursors that count rows (OFFSET) instead of naming the last record.
        """
        ids = {item.record.id for item in store.put(*GULLS)}
        found: list[str] = []
        after: str | None = None
        for step in range(30):
            page = store.backend.scan(store.scope(), after=after, limit=2)
            found.extend(record.id for record in page.records)
            if (after := page.next) is None:
                break
            if step < 4:
                store.put(f"A cormorant dived, time {step}.")
        assert after is None
        assert len(found) == len(set(found))
        assert ids <= set(found)

    def test_retiring_during_a_scan_skips_nothing(self, store: Store) -> None:
        """Upkeep that retires each page it reads still sees every record.

        If this fails, check cursors that count rows (OFFSET): the rows behind a retired page move up.
        """
        ids = {item.record.id for item in store.put(*GULLS)}
        found: set[str] = set()
        after: str | None = None
        for _ in range(30):
            page = store.backend.scan(store.scope(), after=after, limit=2)
            found.update(record.id for record in page.records)
            store.backend.retire([record.id for record in page.records], reason="seen")
            if (after := page.next) is None:
                break
        assert found == ids
        assert store.all() == []

    def test_deleting_during_a_scan_skips_nothing(self, store: Store) -> None:
        """A cursor goes on although its record was deleted.

        If this fails, check cursors that look up the last record to find their place.
        """
        self.need(store, Capability.DELETE)
        ids = {item.record.id for item in store.put(*GULLS)}
        found: set[str] = set()
        after: str | None = None
        for _ in range(30):
            page = store.backend.scan(store.scope(), after=after, limit=2)
            found.update(record.id for record in page.records)
            store.full.delete([record.id for record in page.records])
            if (after := page.next) is None:
                break
        assert found == ids
        assert store.ids() == set()
