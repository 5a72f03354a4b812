"""The id of a record, and the line that keeps equal texts of two owners apart on the server."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode

__all__ = ["is_record_id", "record_id", "scope_line"]

_BYTES = 16  # 128 bits, 26 characters: nobody finds two texts with the same id
_SHAPE = re.compile(r"[em][a-z2-7]{26}")


def record_id(namespace: str, kind: str, content_hash: str) -> str:
    """Return the id that the default backend gives the same memory, so that it survives a move between the two."""
    # the length of the namespace keeps ("a", "bc") and ("ab", "c") apart; the hash has a fixed length
    key = f"{len(namespace)}:{namespace}{kind}{content_hash}".encode(errors="surrogatepass")
    code = b32encode(hashlib.sha256(key).digest()[:_BYTES])[:26].decode().lower()
    return ("e" if kind == "episode" else "m") + code


def is_record_id(text: str) -> bool:
    """Return whether the text could be an id made here."""
    return _SHAPE.fullmatch(text) is not None


def scope_line(key: str) -> str:
    """Return what is appended to a text that the server already keeps for another namespace or kind.

    The server stores a text once, whoever wrote it. The id makes the line unique, and one token nobody searches for.
    """
    return f"\n[memcore {key}]"
