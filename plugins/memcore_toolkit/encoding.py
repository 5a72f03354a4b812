"""Bytes of a memory file to text, without ever failing: what could not be read is replaced and said."""

from __future__ import annotations

import codecs

from attrs import frozen

__all__ = ["BINARY_NUL_SHARE", "Decoded", "decode"]

#: Share of NUL characters from which a file is taken for binary data (UTF-16 without a mark has about one half).
BINARY_NUL_SHARE = 0.01

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@frozen(kw_only=True)
class Decoded:
    r"""Hold the text of a file, the encoding it was read with and what a person should know about it.

    ``text`` has ``\n`` line ends only and as many lines as an editor shows. ``binary`` says that it is no text to
    read facts from.
    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()
    binary: bool = False


def decode(data: bytes) -> Decoded:
    """Decode a file: a byte order mark decides, else UTF-8; bytes that do not fit become U+FFFD and a note."""
    encoding, body, notes = "utf-8", data, []
    for mark, named in _MARKS:
        if data.startswith(mark):
            encoding, body = named, data[len(mark) :]
            notes.append(f"starts with a byte order mark, read as {named}")
            break
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        text = body.decode(encoding, errors="replace")
        line = body[: error.start].decode(encoding, errors="replace").count("\n") + 1
        notes.append(f"line {line}: bytes that are not {encoding} were replaced; save the file as UTF-8 to keep them")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    nuls = text.count("\0")
    binary = nuls > BINARY_NUL_SHARE * len(text)
    if nuls:
        notes.append("is binary data, not text" if binary else f"holds {nuls} NUL characters")
    return Decoded(text=text, encoding=encoding, notes=tuple(notes), binary=binary)
