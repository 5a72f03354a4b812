"""What a model expects of its texts and how its states become one vector: as its own files say, else by its family.

A library must not decide this: mlx-embeddings 0.1.0 takes the mean for every model, and a bge-m3 pooled by the mean has
a cosine of 0.78 to the right vector. A question without the prefix that an e5 or nomic model was trained with is
likewise a different question.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from attrs import frozen
from memcore.errors import UnavailableError

__all__ = ["AUTO", "Conventions", "conventions", "digest", "family", "read_json"]

AUTO = "auto"
"""The setting that means: as the model says."""

_INSTRUCTION = "Represent this sentence for searching relevant passages: "
_FAMILIES = (  # pattern of the name, pooling, prefix of a question, prefix of a record; from the models' cards
    (r"\be5\b(?!.*instruct)", "mean", "query: ", "passage: "),
    (r"\bnomic-embed-text\b", "mean", "search_query: ", "search_document: "),
    (r"\barctic-embed\b.*v2", "cls", "query: ", ""),
    (r"\barctic-embed\b", "cls", _INSTRUCTION, ""),
    (r"\bmxbai-embed\b", "cls", _INSTRUCTION, ""),
    (r"\bbge\b", "cls", "", ""),
)
_NO_LIMIT = 1_000_000  # tokenizer files say 1e30 where they mean none
_ROBERTA_OFFSET = 2  # RoBERTa counts positions from pad_token_id + 1


@frozen(kw_only=True)
class Conventions:
    """How to use one model: `pooling` is cls or mean, the prefixes go before the text, longer texts are cut."""

    pooling: str
    query_prefix: str
    passage_prefix: str
    max_tokens: int

    def sign(self) -> str:
        """Return what of these belongs into the fingerprint of a model: all that changes its vectors."""
        return f"{self.pooling}:{self.max_tokens}:{self.query_prefix}|{self.passage_prefix}"


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or an empty one if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def family(name: str) -> tuple[str, str, str]:
    """Return pooling and the prefixes of question and record of the family that a model's name belongs to."""
    folded = name.casefold().replace("_", "-")
    return next((found[1:] for found in _FAMILIES if re.search(found[0], folded)), ("mean", "", ""))


def conventions(
    folder: Path,
    name: str,
    *,
    pooling: str = AUTO,
    query_prefix: str = AUTO,
    passage_prefix: str = AUTO,
    max_tokens: int = 512,
) -> Conventions:
    """Return how to use the model in a folder; what is not AUTO is taken as it is, and the model's own limit holds.

    Raises UnavailableError for a model that pools in a way unknown here.
    """
    config = read_json(folder / "config.json")
    of_family = family(f"{name} {config.get('_name_or_path', '')}")
    prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    queries = prompts.get("query", of_family[1])
    passages = next((prompts[key] for key in ("document", "passage") if key in prompts), of_family[2])
    return Conventions(
        pooling=(_pooling_file(folder) or of_family[0]) if pooling == AUTO else pooling,
        query_prefix=queries if query_prefix == AUTO else query_prefix,
        passage_prefix=passages if passage_prefix == AUTO else passage_prefix,
        max_tokens=min([max_tokens, *_limits(folder, config)]),
    )


def _pooling_file(folder: Path) -> str:
    found = read_json(folder / "1_Pooling" / "config.json")
    if found.get("pooling_mode_cls_token"):
        return "cls"
    if found.get("pooling_mode_mean_tokens"):
        return "mean"
    if other := next((key for key, value in found.items() if key.startswith("pooling_mode") and value is True), ""):
        what, cure = (
            f"the model in {folder} pools by {other.removeprefix('pooling_mode_')}",
            "choose one that pools by cls or mean",
        )
        raise UnavailableError(what, why="only cls and mean are known here", cure=cure)
    return ""


def _limits(folder: Path, config: dict[str, Any]) -> list[int]:
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and "roberta" in str(config.get("model_type", "")):
        positions -= _ROBERTA_OFFSET
    said = [
        positions,
        read_json(folder / "sentence_bert_config.json").get("max_seq_length"),
        read_json(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    return [int(limit) for limit in said if isinstance(limit, int | float) and 0 < limit < _NO_LIMIT]


def digest(path: Path) -> str:
    """Return 12 hex digits that tell this file from another: its size, first and last megabyte."""
    size, part = path.stat().st_size, 1_000_000
    with path.open("rb") as file:
        head = file.read(part)
        file.seek(max(0, size - part))
        return hashlib.sha256(b"%d" % size + head + file.read(part)).hexdigest()[:12]
