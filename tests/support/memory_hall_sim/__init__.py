"""Hold the parts of the memory-hall test server; see `memory_hall_server` for the class a test uses."""

from __future__ import annotations

__all__: list[str] = []
