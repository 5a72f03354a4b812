"""The contract VirtualMe programs against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from memcore_plugins.virtualme.types import Entry, Feedback, PersonaTriple, Reflection, Turn

__all__ = ["MemoryBackend"]


@runtime_checkable
class MemoryBackend(Protocol):
    """Seven async methods; every save returns the id of what was kept, and saving the same again returns the same id."""

    async def save_episode(self, interviewee_id: str, turn: Turn) -> str:
        """Keep a turn of an interview."""

    async def save_observation(self, triple: PersonaTriple, source_session_id: str) -> str:
        """Keep what a session shows of a person."""

    async def save_fact(self, content: str, upstream_observation_ids: Sequence[str]) -> str:
        """Keep what several observations of one person say together."""

    async def save_reflection(self, reflection: Reflection) -> str:
        """Keep what a look at the whole shows."""

    async def save_feedback(self, feedback: Feedback) -> str:
        """Keep how an answer of the agent was judged."""

    async def search(self, query: str, namespace: str, types: Sequence[str], k: int) -> list[Entry]:
        """Return at most k entries of these types (empty: of all) in exactly this namespace, best first."""

    async def hard_delete(self, namespace: str) -> int:
        """Delete everything in a namespace for good and return how many entries that were."""
