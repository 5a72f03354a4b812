"""More wrong backends, one planted fault each: altered text, and writes that do something else."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

import attrs
from memcore import Draft, Record
from memcore.records import Stored, content_hash, evolve
from reference_backend import Records, Reference
from wrong_backends import fails

# --- text ---


class Alters(Reference):
    """Store something other than was given."""

    def change(self, text: str) -> str:
        """Return what is stored instead."""
        return text

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return super().put([evolve(draft, content=self.change(draft.content) or "-") for draft in drafts])


@fails(
    "names_are_compared_exactly", "text_is_stored_unchanged_or_refused[controls]",
    "text_is_stored_unchanged_or_refused[line-ends]", "text_is_stored_unchanged_or_refused[outer-space]",
    "texts_that_look_alike_are_two_records[line-end]", "texts_that_look_alike_are_two_records[outer-space]",
)  # fmt: skip
class Strips(Alters):
    """Trims the text."""

    def change(self, text: str) -> str:
        return text.strip()


@fails(
    "text_is_stored_unchanged_or_refused[combining]", "text_is_stored_unchanged_or_refused[jamo]",
    "texts_that_look_alike_are_two_records[hangul]", "texts_that_look_alike_are_two_records[normal-form]",
)  # fmt: skip
class Normalises(Alters):
    """Stores Unicode normal form C."""

    def change(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


@fails("text_is_stored_unchanged_or_refused[nul]", "texts_that_look_alike_are_two_records[nul]")
class StopsAtNul(Alters):
    """Ends a text at its first NUL."""

    def change(self, text: str) -> str:
        return text.partition("\0")[0]


@fails(
    "text_is_stored_unchanged_or_refused[64-kib-in-one-word]",
    "text_is_stored_unchanged_or_refused[64-kib-of-words]",
)  # fmt: skip
class CutsLongTexts(Alters):
    """Cuts texts to 60,000 characters."""

    def change(self, text: str) -> str:
        return text[:60_000]


@fails(
    "names_are_compared_exactly", "the_other_fields_are_stored_unchanged_or_refused",
    "update_reaches_every_field_it_names", "updated_fields_are_stored_unchanged",
)  # fmt: skip
class StripsTags(Reference):
    """Trims tags."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return super().put([evolve(draft, tags=[tag.strip() for tag in draft.tags]) for draft in drafts])

    def update(self, key: str, **fields: Any) -> Record:
        return super().update(key, **{**fields, "tags": tuple(tag.strip() for tag in fields.get("tags", ()))})


@fails("half_a_surrogate_pair_is_refused_or_kept[agent_id]", "half_a_surrogate_pair_is_refused_or_kept[metadata]")
class FailsOnSurrogates(Reference):
    """Lets an encoder's error out instead of refusing a text."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        json.dumps([draft.agent_id, draft.metadata], ensure_ascii=False).encode()
        return super().put_one(records, draft)


# --- writing ---


@fails(
    "any_scope_gives_what_the_definition_says", "every_write_is_kept", "names_are_compared_exactly",
    "neighbours_are_those_of_the_same_session_in_order", "the_other_fields_are_stored_unchanged_or_refused",
    "the_same_text_from_three_threads_is_one_record?", "three_threads_write_and_read",
)  # fmt: skip
class DropsTheFourthWrite(Reference):
    """Answers every write and stores all but the fourth."""

    calls = 0

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        self.calls += 1
        if self.calls != 4:
            return super().put(drafts)
        with self.reading() as records:
            return [self.put_one(records, draft) for draft in drafts]


@fails(
    "deleting_a_namespace_leaves_the_same_text_of_another", "same_text_in_two_kinds_is_two_records",
    "same_text_in_two_namespaces_is_two_records",
)  # fmt: skip
class DeduplicatesGlobally(Reference):
    """Takes the text alone for the key."""

    def key(self, draft: Draft) -> str:
        return content_hash(draft.content)[7:39]


@fails(
    "a_deleted_text_can_be_written_again", "deleted_text_is_gone_after_a_life_of_changes", "put_again_is_existing",
    "put_answers_in_the_order_of_the_batch", "put_of_a_repetition_inside_one_batch", "put_revives_what_was_retired",
    "reopening_keeps_everything", "text_is_stored_unchanged_or_refused",
    "the_same_text_from_three_threads_is_one_record", "two_openings_see_each_other",
)  # fmt: skip
class CallsEverythingNew(Reference):
    """Does not tell a known text from a new one."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return evolve(super().put_one(records, draft), state="new")


@fails("put_again_changes_nothing")
class Overwrites(Reference):
    """Replaces a known record by what is written again."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        stored = super().put_one(records, draft)
        record = records[stored.record.id] = evolve(stored.record, tags=draft.tags, confidence=draft.confidence)
        return evolve(stored, record=record)


@fails("put_answers_in_the_order_of_the_batch")
class AnswersInItsOwnOrder(Reference):
    """Answers known drafts after new ones."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return sorted(super().put(drafts), key=lambda stored: stored.state == "existing")


@fails(
    "every_field_is_kept", "half_a_surrogate_pair_is_refused_or_kept[agent_id]", "names_are_compared_exactly",
    "purge_honours_the_scope[agent_id-missing]", "purge_honours_the_scope[agent_id]",
    "scan_honours_the_scope[agent_id-missing]", "scan_honours_the_scope[agent_id]",
    "search_honours_the_scope[agent_id-missing]", "search_honours_the_scope[agent_id]",
    "several_values_widen_and_several_filters_narrow", "the_other_fields_are_stored_unchanged_or_refused",
)  # fmt: skip
class LosesSomeFields(Reference):
    """Has no place for agent ids."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, evolve(draft, agent_id=None))


@fails("a_bare_draft_comes_back_bare")
class InventsDefaults(Reference):
    """Takes what was not said for certain."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, evolve(draft, confidence=1.0 if draft.confidence is None else draft.confidence))


@fails("put_of_a_repetition_inside_one_batch", "the_same_text_from_three_threads_is_one_record?")
class LooksOncePerBatch(Reference):
    """Looks up known texts before the batch, and not again."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        with self.reading() as records:
            known = set(records)
        stored = super().put(drafts)
        return [item if item.record.id in known else evolve(item, state="new") for item in stored]


@fails(
    "every_field_is_kept", "put_returns_what_get_returns", "the_other_fields_are_stored_unchanged_or_refused",
)  # fmt: skip
class EchoesTheDraft(Reference):
    """Answers with what it was given, and stores something tidier."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        stored = super().put_one(records, draft)
        record = stored.record
        records[record.id] = evolve(record, tags=sorted(record.tags))
        return evolve(stored, record=record)


@fails("a_whole_record_is_a_legal_draft")
class RefusesRecords(Reference):
    """Takes the class of a draft for its layout."""

    def put_one(self, records: Records, draft: Draft) -> Stored:
        return super().put_one(records, Draft(**attrs.asdict(draft)))
