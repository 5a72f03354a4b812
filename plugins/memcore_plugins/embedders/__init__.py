"""Embedders, each a plugin of its own: `http` (any server), `onnx` (local, portable), `mlx` (Apple silicon)."""

from __future__ import annotations

__all__: list[str] = []
