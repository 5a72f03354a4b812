"""Deliberately wrong backends: the reference with one planted fault each, and the tests that must notice it.

`FAULTS` is the mutation table. An entry without brackets stands for at least one of the parameters of that test.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import attrs
from memcore import Draft, Hit, Query, Record, Scope
from memcore.records import Page, Stored, content_hash, evolve
from reference_backend import Records, Reference

FAULTS: dict[type[Reference], tuple[str, ...]] = {}
T = TypeVar("T", bound=type[Reference])


def fails(*tests: str) -> Callable[[T], T]:
    """Enter a wrong backend into the table with the tests that must fail."""

    def enter(found: T) -> T:
        FAULTS[found] = tests
        return found

    return enter


# --- the scope of a search ---


@fails()
class LeaksNamespaces(Reference):
    """Searches all namespaces, as a vector arm without a filter does."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, namespaces=()), record)


@fails()
class IgnoresKindsInSearch(Reference):
    """Searches all kinds."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, kinds=()), record)


@fails()
class IgnoresTimesInSearch(Reference):
    """Searches all times."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, since=None, until=None), record)


@fails()
class FindsRetired(Reference):
    """Finds records that left active memory."""

    def searchable(self, scope: Scope, record: Record) -> bool:
        return self.admits(evolve(scope, statuses=()), record)


# --- the scope of everything else ---


@fails()
class IgnoresEntitiesInScan(Reference):
    """Scans records about anybody."""

    def scan(self, scope: Scope, *, after: str | None = None, limit: int = 1000) -> Page:
        return super().scan(evolve(scope, entities=()), after=after, limit=limit)


@fails()
class PurgesWholeNamespaces(Reference):
    """Looks at nothing but the namespace when it purges."""

    def purge(self, scope: Scope) -> int:
        return super().purge(Scope(namespaces=scope.namespaces))


@fails()
class PurgesActiveOnly(Reference):
    """Leaves retired records behind when it purges."""

    def purge(self, scope: Scope) -> int:
        with self.writing() as records:
            return len([records.pop(key) for key in list(records) if scope.admits(records[key])])


@fails()
class ComparesNamesLoosely(Reference):
    """Compares names without regard to case, as some collations do."""

    def admits(self, scope: Scope, record: Record) -> bool:
        lowered = {name: tuple(item.lower() for item in getattr(scope, name)) for name in ("kinds", "tags", "entities")}
        plain = {name: tuple(item.lower() for item in getattr(record, name)) for name in ("tags", "entities")}
        agent = {"agent_id": scope.agent_id and scope.agent_id.lower()}
        same = {"kind": record.kind.lower(), "agent_id": record.agent_id and record.agent_id.lower()}
        return evolve(scope, **lowered, **agent).admits(evolve(record, **plain, **same))


@fails()
class ComparesTimesAsText(Reference):
    """Compares times as they are written, whatever their zone."""

    def admits(self, scope: Scope, record: Record) -> bool:
        when = (record.occurred_at or record.created_at).isoformat()
        early = scope.since is not None and when < scope.since.isoformat()
        late = scope.until is not None and when >= scope.until.isoformat()
        return not early and not late and evolve(scope, since=None, until=None).admits(record)


@fails()
class ForgetsTheTimeOfWriting(Reference):
    """Takes a record without a time of its own as timeless."""

    def admits(self, scope: Scope, record: Record) -> bool:
        timeless = evolve(scope, since=None, until=None) if record.occurred_at is None else scope
        return timeless.admits(record)


@fails()
class LooksAtTheFirstValueOnly(Reference):
    """Reads one value of each filter, as an API that takes a single name does."""

    def admits(self, scope: Scope, record: Record) -> bool:
        return evolve(scope, kinds=scope.kinds[-1:], entities=scope.entities[-1:], ids=scope.ids[-1:]).admits(record)


@fails()
class TakesEmptyForNothing(Reference):
    """Gives nothing when no namespace is named."""

    def admits(self, scope: Scope, record: Record) -> bool:
        return bool(scope.namespaces) and scope.admits(record)


@fails()
class SwallowsKeywords(Reference):
    """Ignores keywords it does not know."""

    def search(self, query: Query, **_: object) -> Sequence[Hit]:
        return super().search(query)


# --- text ---


class Alters(Reference):
    """Store something other than was given."""

    def change(self, text: str) -> str:
        """Return what is stored instead."""
        return text

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return super().put([evolve(draft, content=self.change(draft.content) or "-") for draft in drafts])


@fails()
class Strips(Alters):
    """Trims the text."""

    def change(self, text: str) -> str:
        return text.strip()


@fails()
class Normalises(Alters):
    """Stores Unicode normal form C."""

    def change(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


@fails()
class StopsAtNul(Alters):
    """Ends a text at its first NUL."""

    def change(self, text: str) -> str:
        return text.partition("\0")[0]


@fails()
class CutsLongTexts(Alters):
    """Cuts texts to 60,000 characters."""

    def change(self, text: str) -> str:
        return text[:60_000]


@fails()
class StripsTags(Reference):
    """Trims tags."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return super().put([evolve(draft, tags=[tag.strip() for tag in draft.tags]) for draft in drafts])

    def update(self, key: str, **fields: Any) -> Record:
        return super().update(key, **{**fields, "tags": tuple(tag.strip() for tag in fields.get("tags", ()))})


@fails()
class FailsOnSurrogates(Reference):
    """Lets an encoder's error out instead of refusing a text."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        json.dumps([draft.agent_id, draft.metadata], ensure_ascii=False).encode()
        return super().put_one(records, draft)


# --- writing ---


@fails()
class DropsTheFourthWrite(Reference):
    """Answers every write and stores all but the fourth."""

    calls = 0

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        self.calls += 1
        if self.calls != 4:
            return super().put(drafts)
        with self.reading() as records:
            return [self.put_one(records, draft) for draft in drafts]


@fails()
class DeduplicatesGlobally(Reference):
    """Takes the text alone for the key."""

    def key(self, draft: Draft) -> str:
        return content_hash(draft.content)[7:39]


@fails()
class Multiplies(Reference):
    """Stores a new record for every write."""

    def key(self, draft: Draft) -> str:
        with suppress(FileNotFoundError):
            return super().key(draft)[:16] + f"{self.path.stat().st_mtime_ns:016x}"
        return super().key(draft)


@fails()
class Overwrites(Reference):
    """Replaces a known record by what is written again."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        stored = super().put_one(records, draft)
        record = records[stored.record.id] = evolve(stored.record, tags=draft.tags, confidence=draft.confidence)
        return evolve(stored, record=record)


@fails()
class AnswersInItsOwnOrder(Reference):
    """Answers known drafts after new ones."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return sorted(super().put(drafts), key=lambda stored: stored.state == "existing")


@fails()
class LosesSomeFields(Reference):
    """Has no place for agent ids."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, evolve(draft, agent_id=None))


@fails()
class InventsDefaults(Reference):
    """Takes what was not said for certain."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, evolve(draft, confidence=1.0 if draft.confidence is None else draft.confidence))


@fails()
class LooksOncePerBatch(Reference):
    """Looks up known texts before the batch, and not again."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        with self.reading() as records:
            known = set(records)
        stored = super().put(drafts)
        return [item if item.record.id in known else evolve(item, state="new") for item in stored]


@fails()
class EchoesTheDraft(Reference):
    """Answers with what it was given, and stores something rounder."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        stored = super().put_one(records, draft)
        record = stored.record
        records[record.id] = evolve(
            record, tags=sorted(record.tags), confidence=record.confidence and round(record.confidence, 1)
        )
        return evolve(stored, record=record)


@fails()
class RefusesRecords(Reference):
    """Takes the class of a draft for its layout."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, Draft(**attrs.asdict(draft)))
