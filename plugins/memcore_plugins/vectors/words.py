"""What of a record and of a question is embedded: the words without the names of who speaks.

Names dominate small embedders: all turns of one speaker become alike. Taken out of both sides, recall@10 of MiniLM on
long conversations rose from 0.44 to 0.59; prefetch matches names structurally instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from memcore import Record

__all__ = ["passage", "question", "speaker_of"]


def speaker_of(record: Record) -> str:
    """Return who says an episode, or an empty string."""
    return str(record.metadata.get("speaker") or "")


def passage(record: Record, limit: int) -> str:
    """Return the text of a record that is embedded, at most `limit` characters."""
    text, speaker = record.content, speaker_of(record)
    if speaker and text.casefold().startswith(f"{speaker.casefold()}:"):
        text = text[len(speaker) + 1 :]
    return text.strip()[:limit] or record.content[:limit]


def question(text: str, names: Collection[str]) -> str:
    """Return a question without the names of known speakers, or as it is if nothing else is left."""
    known = sorted((name for name in names if len(name) > 1), key=len, reverse=True)
    if not known:
        return text
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?:['’]s)?(?!\w)"
    rest = " ".join(re.sub(pattern, " ", text, flags=re.IGNORECASE).split())
    return rest if any(character.isalnum() for character in rest) else text
