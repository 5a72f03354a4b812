"""File names as sources: one line of valid Unicode in which the anchor of a line can be told apart."""

from __future__ import annotations

import os
import re

__all__ = ["portable_path"]

_ESCAPED = re.compile("[\x00-\x1f\x7f-\x9f#\u2028\u2029\ud800-\udfff]")


def portable_path(path: str) -> str:
    """Return a path as it stands in `source`: with slashes; line breaks, `#` and bytes that are not UTF-8 as ``%0A``.

    Other names stay as they are, and so does what was made portable before.
    """
    plain = path.replace(os.sep, "/") if os.sep != "/" else path
    return _ESCAPED.sub(_escape, plain)


def _escape(match: re.Match[str]) -> str:
    errors = "surrogateescape" if "\udc80" <= match[0] <= "\udcff" else "replace"
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors=errors))
