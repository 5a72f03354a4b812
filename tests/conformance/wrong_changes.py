"""More wrong backends, one planted fault each: retiring, changing, deleting and searching."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from memcore import Draft, Hit, OpenContext, Query, Record, Scope
from memcore.errors import InvalidInputError
from memcore.records import Stored, evolve
from reference_backend import Records, Reference
from wrong_backends import fails

# --- retiring and changing ---


@fails(
    "a_retirement_is_as_durable_as_a_write", "deleted_text_is_gone_after_a_life_of_changes",
    "put_revives_what_was_retired",
)  # fmt: skip
class RevivesAsNew(Reference):
    """Does not recognise what was retired and stores it once more."""

    def key(self, draft: Draft) -> str:
        key, records = super().key(draft), self.load()
        while key in records and records[key].status != "active":
            key = f"{key[:-1]}{'0123456789abcdef'[(int(key[-1], 16) + 1) % 16]}"
        return key


@fails("a_retirement_is_as_durable_as_a_write", "put_revives_what_was_retired")
class LeavesRetiredRetired(Reference):
    """Answers "revived" and changes nothing."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        old = records.get(self.key(draft))
        stored = super().put_one(records, draft)
        if old is not None:
            records[old.id] = old
        return stored


@fails("retire_counts_what_it_changed")
class CountsTheIdsGiven(Reference):
    """Counts what it was asked to retire, not what it retired."""

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        super().retire(ids, reason=reason, superseded_by=superseded_by)
        return len(ids)


@fails("a_retirement_is_as_durable_as_a_write", "a_successor_marks_the_old_as_superseded")
class IgnoresSuccessors(Reference):
    """Does not tell superseded from retired."""

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        return super().retire(ids, reason=reason)


@fails(
    "a_retirement_is_as_durable_as_a_write", "a_successor_marks_the_old_as_superseded",
    "get_returns_records_of_any_status", "reopening_keeps_everything", "two_openings_see_each_other",
)  # fmt: skip
class HidesRetired(Reference):
    """Gives no record by id that is not active."""

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        return [record for record in super().get(ids) if record.status == "active"]


@fails(
    "delete_removes_a_record_from_every_answer", "deleting_a_namespace_leaves_the_same_text_of_another",
    "get_leaves_out_unknown_ids", "purge_honours_the_scope", "purge_removes_records_of_every_status",
)  # fmt: skip
class RaisesForUnknownIds(Reference):
    """Takes an unknown id for an error."""

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        found = super().get(ids)
        if len(found) < len(set(ids)):
            raise InvalidInputError("no such record")
        return found


@fails(
    "a_retirement_is_as_durable_as_a_write", "every_write_is_kept", "get_keeps_the_order_asked",
    "reopening_keeps_everything", "texts_that_look_alike_are_two_records[hangul]",
    "texts_that_look_alike_are_two_records[normal-form]", "texts_that_look_alike_are_two_records[outer-space]",
    "texts_that_look_alike_are_two_records[width]", "times_come_from_one_clock_that_may_step_back",
    "update_changes_its_fields_and_only_its_record",
)  # fmt: skip
class GetsInOrderOfIds(Reference):
    """Gives records in an order of its own."""

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        return sorted(super().get(ids), key=lambda record: record.content)


@fails("update_changes_its_fields_and_only_its_record")
class UpdatesItsTwins(Reference):
    """Changes every record of the same kind."""

    def update(self, key: str, **fields: Any) -> Record:
        changed = super().update(key, **fields)
        with self.writing() as records:
            for other in records.values():
                records[other.id] = evolve(other, **fields) if other.kind == changed.kind else other
        return changed


@fails("update_changes_its_fields_and_only_its_record", "update_reaches_every_field_it_names")
class ResetsOtherFields(Reference):
    """Forgets the tags when something else is changed."""

    def update(self, key: str, **fields: Any) -> Record:
        return super().update(key, **{"tags": (), "source": None, **fields})


@fails("update_refuses_what_cannot_change")
class UpdatesAnything(Reference):
    """Ignores fields that cannot be changed."""

    def update(self, key: str, **fields: Any) -> Record:
        known = {"tags", "entities", "summary", "confidence", "source", "metadata"}
        return super().update(key, **{name: value for name, value in fields.items() if name in known})


@fails("update_of_an_unknown_record_is_an_error")
class MakesUnknownRecords(Reference):
    """Answers an update of an unknown record as if it had worked."""

    def update(self, key: str, **fields: Any) -> Record:
        with self.reading() as records:
            known = key in records
        return super().update(key, **fields) if known else next(iter(records.values()))


# --- deleting ---


@fails(
    "a_deleted_text_can_be_written_again", "a_deletion_is_as_durable_as_a_write", "delete_counts_what_it_removed",
    "delete_removes_a_record_from_every_answer", "deleted_text_is_gone_after_a_life_of_changes",
    "deleted_text_is_gone_from_the_files", "deleting_a_namespace_leaves_the_same_text_of_another",
    "deleting_during_a_scan_skips_nothing",
)  # fmt: skip
class SaysItDeleted(Reference):
    """Counts what it should delete and keeps it."""

    def delete(self, ids: Sequence[str]) -> int:
        return len(self.get(ids))


@fails(
    "a_deleted_text_can_be_written_again", "a_deletion_is_as_durable_as_a_write",
    "deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files",
)  # fmt: skip
class DeletesInMemoryOnly(Reference):
    """Hides deleted records until it is opened again."""

    def __init__(self, context: OpenContext) -> None:
        self.hidden: set[str] = set()
        super().__init__(context)

    def load(self) -> Records:
        return {key: record for key, record in super().load().items() if key not in self.hidden}

    def save(self, records: Records) -> None:
        hidden = {key: record for key, record in super().load().items() if key in self.hidden}
        super().save({**hidden, **records})

    def delete(self, ids: Sequence[str]) -> int:
        found = {record.id for record in self.get(ids)}
        self.hidden |= found
        return len(found)


@fails("delete_counts_what_it_removed")
class CountsTwice(Reference):
    """Counts the ids it was asked to delete."""

    def delete(self, ids: Sequence[str]) -> int:
        super().delete(ids)
        return len(ids)


@fails("a_deleted_text_can_be_written_again")
class KeepsTombstones(Reference):
    """Never stores a text again that was deleted."""

    def delete(self, ids: Sequence[str]) -> int:
        with self.path.with_name("tombstones").open("a") as file:
            file.writelines(f"{key}\n" for key in ids)
        return super().delete(ids)

    def put_one(self, records: Records, draft: Draft) -> Stored:
        with suppress(FileNotFoundError):
            if self.key(draft) in self.path.with_name("tombstones").read_text().split():
                raise InvalidInputError("this text was deleted")
        return super().put_one(records, draft)


@fails("deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files")
class KeepsTheBytes(Reference):
    """Moves deleted records into a second file."""

    def delete(self, ids: Sequence[str]) -> int:
        with self.path.with_name("trash").open("a") as file:
            file.writelines(
                f"{record.content} {record.summary} {record.tags} {record.source}\n" for record in self.get(ids)
            )
        return super().delete(ids)


@fails("purged_text_is_gone_from_the_files")
class KeepsPurgedBytes(Reference):
    """Moves purged records into a second file."""

    def purge(self, scope: Scope) -> int:
        shutil.copy(self.path, self.path.with_name("before-the-purge"))
        return super().purge(scope)


@fails("deleted_text_is_gone_after_a_life_of_changes")
class KeepsHistory(Reference):
    """Writes a history of retirements that outlives the record."""

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        with self.path.with_name("history").open("a") as file:
            file.write(f"{list(ids)} {reason}\n")
        return super().retire(ids, reason=reason, superseded_by=superseded_by)


# --- searching ---


@fails(
    "a_question_with_punctuation_finds_its_memory", "a_word_among_operators_is_still_found",
    "more_matching_words_rank_first",
)  # fmt: skip
class JoinsWordsByAnd(Reference):
    """Finds only what has every word of the question."""

    def score(self, words: Sequence[str], record: Record) -> float:
        found = super().score(words, record)
        return found if found == len(set(words)) else 0.0


@fails(
    "a_cjk_word_finds_its_memory", "a_huge_limit_is_legal", "hits_are_distinct_and_best_first",
    "limit_is_kept_exactly", "limit_zero_finds_nothing",
)  # fmt: skip
class SplitsAtSpaces(Reference):
    """Knows only words between spaces."""

    def score(self, words: Sequence[str], record: Record) -> float:
        cut = record.content.lower().replace(".", " ").replace("。", " ").split()
        return float(len({word for word in words if word in cut}))


@fails("a_cjk_word_finds_its_memory", "case_makes_no_difference")
class MindsCase(Reference):
    """Tells capital from small letters."""

    def search(self, query: Query) -> Sequence[Hit]:
        words = re.findall("[A-Za-z]+", query.text)
        return [hit for hit in super().search(query) if not words or any(word in hit.record.content for word in words)]


@fails("a_cjk_word_finds_its_memory", "more_matching_words_rank_first")
class RanksWorstFirst(Reference):
    """Returns the best hit last."""

    def search(self, query: Query) -> Sequence[Hit]:
        hits = super().search(evolve(query, limit=10**9))
        return [evolve(hit, score=1 / hit.score) for hit in reversed(hits)][: query.limit]


@fails("hits_are_distinct_and_best_first")
class RepeatsHits(Reference):
    """Gives a record once for each field that matched."""

    def search(self, query: Query) -> Sequence[Hit]:
        hits = super().search(query)
        again = [hit for hit in hits if any(query.text in tag for tag in hit.record.tags)]
        return sorted([*hits, *again], key=lambda hit: -hit.score)[: query.limit]


@fails("a_stored_text_is_a_legal_query", "a_word_among_operators_is_still_found", "any_text_is_a_legal_query")
class ReadsAnExpression(Reference):
    """Takes the question for an expression and refuses what it cannot parse."""

    def search(self, query: Query) -> Sequence[Hit]:
        if query.text.count('"') % 2 or query.text.count("(") != query.text.count(")"):
            raise InvalidInputError("syntax error")
        return super().search(query)


@fails("a_word_among_operators_is_still_found")
class HidesSyntaxErrors(Reference):
    """Answers what it cannot parse with nothing."""

    def search(self, query: Query) -> Sequence[Hit]:
        broken = query.text.count('"') % 2 or query.text.count("(") != query.text.count(")")
        return [] if broken else super().search(query)


@fails("a_search_changes_nothing")
class LearnsFromQuestions(Reference):
    """Scores higher what was found before."""

    found = 0

    def search(self, query: Query) -> Sequence[Hit]:
        self.found += 1
        return [evolve(hit, score=hit.score + self.found) for hit in super().search(query)]
