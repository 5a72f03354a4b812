"""More wrong backends, one planted fault each: what they claim, and how they behave when nobody looks."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from memcore import Capability, Draft, Health, OpenContext, Record, Scope
from memcore.errors import CapabilityError, UnavailableError
from memcore.records import Stored, content_hash
from reference_backend import ALL, Records, Reference, decoded, encoded
from wrong_backends import fails

# --- capabilities ---


@fails(
    "advertised_is_reachable_and_nothing_else_is[purge]", "purge_honours_the_scope",
    "purge_removes_records_of_every_status", "purged_text_is_gone_from_the_files",
)  # fmt: skip
class ClaimsToPurge(Reference):
    """Declares a power it does not have."""

    def purge(self, scope: Scope) -> int:
        raise CapabilityError("this backend cannot purge")


@fails("advertised_is_reachable_and_nothing_else_is[update]")
class PretendsToUpdate(Reference):
    """Accepts updates without declaring them."""

    capabilities = ALL - {Capability.UPDATE}


@fails("advertised_is_reachable_and_nothing_else_is[delete]")
class PretendsToDelete(Reference):
    """Answers a power it does not declare with a number."""

    capabilities = ALL - {Capability.DELETE}

    def delete(self, ids: Sequence[str]) -> int:
        return len(ids)


@fails("a_rolled_back_transaction_leaves_nothing")
class ClaimsTransactions(Reference):
    """Says that its writes join the transaction of the workspace."""

    capabilities = ALL | {Capability.TRANSACTIONAL}


@fails("writes_outside_of_a_transaction_of_the_workspace_stay")
class JoinsTransactions(Reference):
    """Keeps its records in the workspace and does not say so."""

    def load(self) -> Records:
        return {fields["id"]: decoded(fields) for fields in json.loads(self.workspace.get_meta("records") or "[]")}

    def save(self, records: Records) -> None:
        self.workspace.set_meta("records", json.dumps([encoded(record) for record in records.values()]))


@fails(
    "a_text_is_found_by_a_part_of_it", "a_vector_search_finds_a_text_by_itself",
    "deleted_text_is_gone_after_a_life_of_changes", "deleted_text_is_gone_from_the_files",
    "purged_text_is_gone_from_the_files",
)  # fmt: skip
class RanksByHash(Reference):
    """Takes hashes for vectors when it has no model."""

    capabilities = ALL - {Capability.TEXT_SEARCH} | {Capability.VECTOR_SEARCH}

    def score(self, words: Sequence[str], record: Record) -> float:
        return 1 + int(content_hash(" ".join([*words, record.content]))[7:11], 16) / 65536


@fails("neighbours_are_those_of_the_same_session_in_order")
class MixesSessions(Reference):
    """Takes everything in a namespace for one conversation."""

    def session(self, record: Record) -> tuple[str, str]:
        return record.namespace, ""


@fails("the_offer_matches_the_backend")
class AnnouncesLess(Reference):
    """Has a power its plugin does not announce."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.capabilities = ALL

    capabilities = ALL - {Capability.PURGE}


@fails("it_says_what_it_is", "the_offer_matches_the_backend")
class SaysTooLittle(Reference):
    """Gives its capabilities as a list of words."""

    capabilities = list(map(str, ALL))  # type: ignore[assignment]


# --- manners ---


@fails("it_uses_no_network", "its_import_uses_no_network")
class PhonesHome(Reference):
    """Reports every write to somebody, and hides that it could not."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        with suppress(OSError), socket.socket() as line:
            line.connect(("203.0.113.7", 443))
        return super().put(drafts)


@fails("it_uses_no_network")
class PhonesHomeInTheBackground(Reference):
    """Asks for the address of a collector in a thread of its own."""

    def close(self) -> None:
        def report() -> None:
            with suppress(OSError):
                socket.getaddrinfo("telemetry.invalid", 443)

        super().close()
        threading.Thread(target=report).start()


@fails("private_text_is_not_logged")
class LogsText(Reference):
    """Writes what it stores into the log."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        logging.getLogger("acme").debug("storing %s", [draft.content for draft in drafts])
        return super().put(drafts)


@fails("the_hash_and_the_time_of_a_record")
class UsesItsOwnClock(Reference):
    """Takes the time from the system."""

    def __init__(self, context: OpenContext) -> None:
        super().__init__(context)
        self.clock = lambda: datetime.now(UTC)


@fails("health_of_a_closed_backend_is_bad_and_never_an_error")
class RaisesFromHealth(Reference):
    """Lets an error out of health."""

    def health(self) -> Health:
        with self.reading() as records:
            return Health(ok=True, detail=f"{len(records)} records")


@fails("health_of_a_closed_backend_is_bad_and_never_an_error")
class IsAlwaysWell(Reference):
    """Says that all is well without looking."""

    def health(self) -> Health:
        return Health(ok=True, detail="fine")


@fails("health_of_a_closed_backend_is_bad_and_never_an_error", "health_of_an_open_backend_is_good")
class IsNeverWell(Reference):
    """Says that something is wrong while it works."""

    def health(self) -> Health:
        return Health(ok=False, detail="unknown")


@fails("close_twice_is_legal")
class ClosesOnce(Reference):
    """Does not expect to be closed again."""

    def close(self) -> None:
        if self.closed:
            raise UnavailableError("the backend is closed already")
        super().close()


@fails("empty_batches_are_legal")
class NeedsSomething(Reference):
    """Cannot do nothing."""

    def put(self, drafts: Sequence[Draft]) -> Sequence[Stored]:
        return [super().put([drafts[0]])[0], *super().put(drafts[1:])] if len(drafts) != 1 else super().put(drafts)
