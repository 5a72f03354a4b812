"""How a model turns the states of its tokens into one vector: as its own files say, never as a library assumes.

A bge-m3 pooled by the mean, which mlx-embeddings 0.1.0 does, has a cosine of 0.78 to the right vector.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["METHODS", "pooling_of", "read_json"]

METHODS = ("cls", "mean")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or an empty one if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def pooling_of(folder: Path, chosen: str = "auto") -> str:
    """Return `cls` or `mean`: what is chosen, else what the model's pooling file says, else by its family."""
    if chosen in METHODS:
        return chosen
    found = read_json(folder / "1_Pooling" / "config.json")
    if found.get("pooling_mode_cls_token"):
        return "cls"
    if found.get("pooling_mode_mean_tokens"):
        return "mean"
    name = f"{folder.name} {read_json(folder / 'config.json').get('_name_or_path', '')}".casefold()
    return "cls" if "bge" in name or "arctic" in name else "mean"
