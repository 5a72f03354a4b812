"""What is not stored: secrets and junk, each refused with its reason and place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore.records import Draft, Verdict, evolve

if TYPE_CHECKING:
    from memcore_plugins.ingest import IngestSettings

__all__ = ["redacted", "refusals", "without_fences"]

_FENCE = re.compile(r"<(memory-context|recalled-memory)\b[^>]*>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_SPEAKER = re.compile(r"[\w@.-]{1,60}:\s+")


def refusals(drafts: Sequence[Draft], settings: IngestSettings) -> dict[int, Verdict]:
    """Return the drafts that are refused, by their index, with the reason."""
    words = re.compile(rf"(?:[\W_]*[^\W_]){{{settings.shortest}}}")
    refused = {i: _refused(draft, why) for i, draft in enumerate(drafts) if (why := _junk(draft.content, words))}
    if settings.secrets == "refuse":
        from memcore_toolkit.secrets import find_secrets

        for i, draft in enumerate(drafts):
            if secrets := find_secrets(draft.content):
                why = f"it holds a secret ({', '.join(sorted({secret.kind for secret in secrets}))})"
                cure = "write it without the value, or set ingest.secrets to redact or allow"
                refused[i] = _refused(draft, f"{why}; {cure}")
    return refused


def redacted(draft: Draft) -> Draft:
    """Return a draft with every secret replaced by its kind."""
    from memcore_toolkit.secrets import redact

    clean = redact(draft.content)
    return draft if clean == draft.content else evolve(draft, content=clean)


def without_fences(text: str) -> str:
    """Return a text without blocks of recalled memory: kept again, memory would feed on itself."""
    return _FENCE.sub("", text) if "<" in text else text


def _junk(text: str, words: re.Pattern[str]) -> str:
    """Return why a text is not worth a record, an empty string if it is; `words` finds enough letters or digits."""
    if not words.match(text):
        return "it says nothing: too few letters or digits"
    if "<" in text and _FENCE.search(text) and not _SPEAKER.sub("", without_fences(text)).strip():
        return "it is recalled memory, not something new"
    return ""


def _refused(draft: Draft, why: str) -> Verdict:
    return Verdict(word="refuse", reason=f"{draft.source}: {why}" if draft.source else why)
