"""Helpers that several plugins and backends need: text analysis, markdown, dates, secrets, console output.

Import the module you need (``from memcore_toolkit.text import index_terms``). Nothing here imports a plugin, a backend
or an optional dependency at module level, so a command pays only for what it uses.
"""

from __future__ import annotations

__all__: list[str] = []
