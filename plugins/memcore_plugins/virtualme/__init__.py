"""VirtualMe's memory: seven async methods over any memcore engine, whatever backend keeps the records.

    async with EngineMemoryBackend(engine) as memory:
        turn_id = await memory.save_episode("ada", Turn(role="interviewee", content="…", session_id="s1", timestamp=now))

It is a library, not a plugin: no entry point names it, and nothing else in memcore imports asyncio.
"""

from __future__ import annotations

from memcore_plugins.virtualme.backend import EngineMemoryBackend
from memcore_plugins.virtualme.protocol import MemoryBackend
from memcore_plugins.virtualme.types import Entry, Feedback, PersonaTriple, Reflection, Turn, namespace_of, triangulated

__all__ = [
    "EngineMemoryBackend", "Entry", "Feedback", "MemoryBackend", "PersonaTriple", "Reflection", "Turn", "namespace_of",
    "triangulated",
]  # fmt: skip
