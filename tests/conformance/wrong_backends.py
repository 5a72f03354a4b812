"""Deliberately wrong backends: the reference with one planted fault each, and the tests that must notice it.

`FAULTS` is the mutation table: wrong backend -> the tests of the suite that fail, and no others do. An entry without
brackets stands for at least one of the parameters of that test; one with a question mark for a test that fails if the
threads happen to meet. This module plants faults in scopes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from memcore import Hit, Query, Record, Scope
from memcore.records import Page, evolve
from reference_backend import Reference

FAULTS: dict[type[Reference], tuple[str, ...]] = {}
T = TypeVar("T", bound=type[Reference])


def fails(*tests: str) -> Callable[[T], T]:
    """Enter a wrong backend into the table with the tests that must fail, named without `test_`."""

    def enter(found: T) -> T:
        FAULTS[found] = tuple(f"test_{test}" for test in tests)
        return found

    return enter


# --- the scope of a search ---


@fails(
    "any_scope_gives_what_the_definition_says", "any_text_is_a_legal_query",
    "same_text_in_two_namespaces_is_two_records", "search_honours_the_scope[namespaces]",
    "the_limit_counts_what_is_in_scope",
)  # fmt: skip
class LeaksNamespaces(Reference):
    """Searches all namespaces, as a vector arm without a filter does."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, namespaces=()), record)


@fails(
    "any_scope_gives_what_the_definition_says", "names_are_compared_exactly", "search_honours_the_scope[kinds]",
    "several_values_widen_and_several_filters_narrow",
)  # fmt: skip
class IgnoresKindsInSearch(Reference):
    """Searches all kinds."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, kinds=()), record)


@fails(
    "a_record_without_its_own_time_counts_from_its_writing", "any_scope_gives_what_the_definition_says",
    "search_honours_the_scope[since]", "search_honours_the_scope[until]", "times_are_compared_as_instants",
)  # fmt: skip
class IgnoresTimesInSearch(Reference):
    """Searches all times."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, since=None, until=None), record)


@fails(
    "a_retirement_is_as_durable_as_a_write", "a_successor_marks_the_old_as_superseded",
    "any_scope_gives_what_the_definition_says", "put_revives_what_was_retired",
    "retire_takes_a_record_out_of_active_memory", "search_honours_the_scope[statuses]",
    "two_openings_see_each_other",
)  # fmt: skip
class FindsRetired(Reference):
    """Finds records that left active memory."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, statuses=()), record)


# --- the scope of everything else ---


@fails(
    "any_scope_gives_what_the_definition_says", "names_are_compared_exactly",
    "scan_honours_the_scope[entities-any]", "update_reaches_every_field_it_names",
)  # fmt: skip
class IgnoresEntitiesInScan(Reference):
    """Scans records about anybody."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return super().scan(evolve(scope, entities=()), after=after, limit=limit)


@fails("purge_honours_the_scope", "purged_text_is_gone_from_the_files")
class PurgesWholeNamespaces(Reference):
    """Looks at nothing but the namespace when it purges."""

    def purge(self, scope: Scope) -> int:
        return super().purge(Scope(namespaces=scope.namespaces))


@fails("purge_removes_records_of_every_status")
class PurgesActiveOnly(Reference):
    """Leaves retired records behind when it purges."""

    def purge(self, scope: Scope) -> int:
        with self.writing() as records:
            return len([records.pop(key) for key in list(records) if scope.admits(records[key])])


@fails("names_are_compared_exactly")
class ComparesNamesLoosely(Reference):
    """Compares names without regard to case, as some collations do."""

    def admits(self, scope: Scope, record: Record) -> bool:
        lowered = {name: tuple(item.lower() for item in getattr(scope, name)) for name in ("kinds", "tags", "entities")}
        plain = {name: tuple(item.lower() for item in getattr(record, name)) for name in ("tags", "entities")}
        agent = {"agent_id": scope.agent_id and scope.agent_id.lower()}
        same = {"kind": record.kind.lower(), "agent_id": record.agent_id and record.agent_id.lower()}
        return evolve(scope, **lowered, **agent).admits(evolve(record, **plain, **same))


@fails("times_are_compared_as_instants")
class ComparesTimesAsText(Reference):
    """Compares times as they are written, whatever their zone."""

    def admits(self, scope: Scope, record: Record) -> bool:
        when = (record.occurred_at or record.created_at).isoformat()
        early = scope.since is not None and when < scope.since.isoformat()
        late = scope.until is not None and when >= scope.until.isoformat()
        return not early and not late and evolve(scope, since=None, until=None).admits(record)


@fails("a_record_without_its_own_time_counts_from_its_writing")
class ForgetsTheTimeOfWriting(Reference):
    """Takes a record without a time of its own as timeless."""

    def admits(self, scope: Scope, record: Record) -> bool:
        timeless = evolve(scope, since=None, until=None) if record.occurred_at is None else scope
        return timeless.admits(record)


@fails(
    "any_scope_gives_what_the_definition_says", "purge_honours_the_scope[entities-any]",
    "purge_honours_the_scope[ids]", "purge_honours_the_scope[kinds]", "scan_honours_the_scope[entities-any]",
    "scan_honours_the_scope[ids]", "scan_honours_the_scope[kinds]", "search_honours_the_scope[entities-any]",
    "search_honours_the_scope[ids]", "search_honours_the_scope[kinds]",
    "several_values_widen_and_several_filters_narrow",
)  # fmt: skip
class LooksAtTheFirstValueOnly(Reference):
    """Reads one value of each filter, as an API that takes a single name does."""

    def admits(self, scope: Scope, record: Record) -> bool:
        return evolve(scope, kinds=scope.kinds[-1:], entities=scope.entities[-1:], ids=scope.ids[-1:]).admits(record)


@fails("an_empty_scope_sets_no_limit", "the_limit_counts_what_is_in_scope")
class TakesEmptyForNothing(Reference):
    """Gives nothing when no namespace is named."""

    def admits(self, scope: Scope, record: Record) -> bool:
        return bool(scope.namespaces) and scope.admits(record)


@fails("unknown_filters_and_keywords_are_refused")
class SwallowsKeywords(Reference):
    """Ignores keywords it does not know."""

    def search(self, query: Query, **_: object) -> Sequence[Hit]:
        return super().search(query)
