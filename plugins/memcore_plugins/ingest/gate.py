"""What is not stored: secrets and junk, each refused with its reason and place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memcore.records import Draft, Verdict, evolve

if TYPE_CHECKING:
    from memcore_plugins.ingest import IngestSettings

__all__ = ["FENCE", "redacted", "refusal", "without_fences"]

FENCE = re.compile(r"<(memory-context|recalled-memory)\b[^>]*>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
"""A block of recalled text as hosts put it into a prompt: kept again, memory would feed on itself."""

_OPENING = re.compile(r"\s*(?:[\w@.-]{1,60}:\s+)?<(?:memory-context|recalled-memory)\b", re.IGNORECASE)


def refusal(draft: Draft, settings: IngestSettings) -> Verdict | None:
    """Return why a draft is refused, None if it may be stored."""
    if _letters(draft.content) < settings.shortest:
        return _refused(draft, "it says nothing: too few letters or digits")
    if "<" in draft.content and _OPENING.match(draft.content) and not without_fences(draft.content).strip():
        return _refused(draft, "it is recalled memory, not something new")
    if settings.secrets == "refuse":
        from memcore_toolkit.secrets import find_secrets

        if found := find_secrets(draft.content):
            kinds = ", ".join(sorted({secret.kind for secret in found}))
            return _refused(
                draft,
                f"it holds a secret ({kinds}); write it without the value, or set ingest.secrets to redact or allow",
            )
    return None


def redacted(draft: Draft) -> Draft:
    """Return a draft with every secret replaced by its kind."""
    from memcore_toolkit.secrets import redact

    clean = redact(draft.content)
    return draft if clean == draft.content else evolve(draft, content=clean)


def without_fences(text: str) -> str:
    """Return a text without the blocks of recalled memory in it."""
    return FENCE.sub("", text) if "<" in text else text


def _letters(text: str) -> int:
    """Count letters and digits, up to three: more do not matter."""
    count = 0
    for character in text:
        count += character.isalnum()
        if count > 2:
            break
    return count


def _refused(draft: Draft, why: str) -> Verdict:
    return Verdict(word="refuse", reason=f"{draft.source}: {why}" if draft.source else why)
