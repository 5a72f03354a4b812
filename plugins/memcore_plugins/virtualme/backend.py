"""The seven methods over one engine. Everything is done by one worker thread, in the order in which it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from memcore.contracts import Capability
from memcore.errors import BackendError, CapabilityError, InvalidInputError, RefusedError, UnavailableError
from memcore.records import Draft, Query, Record, Scope

from memcore_plugins.virtualme import mapping
from memcore_plugins.virtualme.isolation import prove
from memcore_plugins.virtualme.types import Entry, Feedback, PersonaTriple, Reflection, Turn, namespace_of

if TYPE_CHECKING:
    from memcore.engine import Engine

__all__ = ["EngineMemoryBackend"]

T = TypeVar("T")


class EngineMemoryBackend:
    """A `MemoryBackend` on an open engine, which stays open when this is closed.

    Before the first call the isolation of namespaces is proved. A call that is cancelled before its turn does nothing;
    one that has begun is finished in the background, so nothing is half saved.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="memcore-virtualme")
        self._proved = self._closed = False

    async def __aenter__(self) -> EngineMemoryBackend:
        try:
            await self.validate_namespace_isolation()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- the seven methods ---

    async def save_episode(self, interviewee_id: str, turn: Turn) -> str:
        """Keep a turn. The same words said again, at another time or to another question, are another turn."""
        draft = mapping.turn(interviewee_id, turn)
        return await self._do(lambda: self._save(draft))

    async def save_observation(self, triple: PersonaTriple, source_session_id: str) -> str:
        """Keep a triple, with the questions of its turns; raises InvalidInputError if a turn belongs to somebody else.

        The same triple seen in other turns is another observation.
        """
        namespace = namespace_of(triple.interviewee_id)

        def save() -> str:
            turns = self._own(triple.source_turn_ids, namespace)
            return self._save(mapping.observation(triple, source_session_id, turns))

        return await self._do(save)

    async def save_fact(self, content: str, upstream_observation_ids: Sequence[str]) -> str:
        """Keep a fact in the namespace of its observations; a fact that is known keeps its first evidence.

        Raises InvalidInputError if there are no observations, one is unknown, or they are not of one person.
        """
        ids = list(dict.fromkeys(upstream_observation_ids))
        return await self._do(lambda: self._save(mapping.fact(content, self._observations(ids))))

    async def save_reflection(self, reflection: Reflection) -> str:
        """Keep a reflection; with a resolution it takes the place of the open one.

        Raises InvalidInputError if a piece of its evidence belongs to somebody else.
        """
        namespace = namespace_of(reflection.interviewee_id)

        def save() -> str:
            draft = mapping.reflection(reflection, self._own(reflection.evidence, namespace))
            return self._save(draft, instead=True)

        return await self._do(save)

    async def save_feedback(self, feedback: Feedback) -> str:
        """Keep feedback on an answer of the agent."""
        draft = mapping.feedback(feedback)
        return await self._do(lambda: self._save(draft))

    async def search(self, query: str, namespace: str, types: Sequence[str], k: int) -> list[Entry]:
        """Return at most k active entries of these types (empty: of all) in exactly this namespace, best first.

        Equally good entries are ordered by text and questions, so that the order does not depend on the backend. Turns may
        still rank better where the backend knows what was said around them.
        """
        _named(namespace)
        scope = Scope(namespaces=(namespace,), kinds=types)

        def find() -> list[Entry]:
            hits = self._engine.search(Query(text=query, scope=scope, limit=k, now=self._engine.now()))
            ranked = [(-round(hit.score, 9), mapping.entry_of(hit.record)) for hit in hits if scope.admits(hit.record)]
            ranked.sort(
                key=lambda pair: (pair[0], pair[1].content, pair[1].metadata.get("question_ids", ()), pair[1].id)
            )
            return [entry for _, entry in ranked][:k]

        return await self._do(find)

    async def hard_delete(self, namespace: str) -> int:
        """Delete everything in a namespace, and all that plugins know of it, for good; return how many entries.

        Raises CapabilityError where the backend cannot delete, with the count and what its operator must do.
        """
        _named(namespace)
        return await self._do(lambda: self._delete(Scope(namespaces=(namespace,), statuses=())))

    # --- life ---

    async def validate_namespace_isolation(self) -> None:
        """Prove that nothing of one person comes up for another; raises BackendError if it does.

        Runs by itself before the first call. A server that is away is asked again before the next one.
        """
        await self._submit(self._prove)

    async def aclose(self) -> None:
        """Finish what was asked for, then end the worker thread; a second call does nothing."""
        if not self._closed:
            self._closed = True
            try:
                await asyncio.get_running_loop().run_in_executor(self._worker, lambda: None)
            except BaseException:
                self._worker.shutdown(wait=False)
                raise
            self._worker.shutdown()

    async def _do(self, work: Callable[[], T]) -> T:
        def job() -> T:
            if not self._proved:
                self._prove()
            return work()

        return await self._submit(job)

    async def _submit(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise BackendError("this memory is closed", cure="make a new EngineMemoryBackend")
        return await asyncio.get_running_loop().run_in_executor(self._worker, job)

    # --- on the worker thread ---

    def _prove(self) -> None:
        try:
            prove(self._engine)
            self._proved = True
        except UnavailableError:
            self._proved = False  # nothing can leak from a server that does not answer; it is asked again

    def _save(self, draft: Draft, *, instead: bool = False) -> str:
        """Keep a draft; the same text in another place is another record, beside the first or instead of it."""
        record, place = self._kept(draft), mapping.place_of(draft)
        if not place or record.metadata.get(mapping.PLACE) == place:
            return record.id
        other = self._kept(mapping.distinct(draft))
        if instead:
            self._engine.retire([record.id], reason="replaced", superseded_by=other.id)
        return other.id

    def _kept(self, draft: Draft) -> Record:
        outcome = self._engine.remember([draft], approved=True)[0]
        if outcome.record is None:
            raise RefusedError(
                f"this {draft.kind} was not kept", why=outcome.reason, cure="see the settings of the gate"
            )
        return outcome.record

    def _own(self, ids: Sequence[str], namespace: str) -> list[Record]:
        """Return those of the records that are there; raises InvalidInputError if one belongs to another namespace."""
        found = list(self._engine.get(list(dict.fromkeys(ids))))
        for record in found:
            if record.namespace != namespace:
                why = f"{record.id} belongs to another namespace than {namespace}"
                raise InvalidInputError("memories of two people cannot be mixed", why=why)
        return found

    def _observations(self, ids: Sequence[str]) -> list[Record]:
        if not ids:
            raise InvalidInputError(
                "a fact needs the observations it stands on", cure="save_observation returns their ids"
            )
        found = list(self._engine.get(ids))
        if unknown := sorted(set(ids) - {record.id for record in found if record.kind == "observation"}):
            raise InvalidInputError("a fact stands on observations only", why=f"{unknown[0]} is none that is known")
        return self._own(ids, found[0].namespace)

    def _delete(self, scope: Scope) -> int:
        backend = self._engine.backend
        if Capability.DELETE in backend.capabilities:
            return self._engine.forget(scope)["records"]
        if hasattr(backend, "purge"):
            backend.purge(scope)  # raises, and knows best what can be done instead
        count = sum(1 for _ in self._engine.scan(scope))
        what = f"{count} entries in {scope.namespaces[0]} cannot be deleted; nothing was changed"
        raise CapabilityError(what, why=f"the backend {backend.name} has no deletion", cure="ask its operator")


def _named(namespace: str) -> None:
    if not namespace or not namespace.strip():
        raise InvalidInputError("name the namespace", why="an empty one would mean everybody's memory")
