"""Hermes Agent: the provider it loads, and the command that installs it."""

from __future__ import annotations

__all__: list[str] = []
