"""File names as sources.

One line of valid Unicode, with an anchor that can be told apart, and the way back to the file.
"""

from __future__ import annotations

import os
import re

__all__ = ["native_path", "portable_path"]

_ESCAPED = re.compile("[\x00-\x1f\x7f#\u2028\u2029\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})")
_CODE = re.compile(rb"%([0-9A-F]{2})")


def portable_path(path: str) -> str:
    """Return a path as it stands in `source`.

    With slashes, and with line breaks, `#` and bytes that are not UTF-8 as ``%0A``.

    Names without such characters stay as they are; :func:`native_path` leads back to all others.
    """
    plain = path.replace(os.sep, "/") if os.sep != "/" else path
    return _ESCAPED.sub(_escape, plain)


def native_path(portable: str) -> str:
    """Return the path that :func:`portable_path` was given."""
    return os.fsdecode(_CODE.sub(lambda match: bytes([int(match[1], 16)]), portable.encode()))


def _escape(match: re.Match[str]) -> str:
    raw = (
        match[0].encode(errors="surrogateescape")
        if not "\ud800" <= match[0] < "\udc80"
        else match[0].encode(errors="replace")
    )
    return "".join(f"%{byte:02X}" for byte in raw)
