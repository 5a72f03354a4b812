"""Text in, drafts out: the one door to all formats.

Never raises, and never invents a word that the text does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from memcore_toolkit.markdown import parse
from memcore_toolkit.paths import portable_path

from memcore_plugins.ingest.curated import read_hermes, read_identity, read_memory
from memcore_plugins.ingest.formats import Format, identify
from memcore_plugins.ingest.logs import read_bank, read_daily, read_sections
from memcore_plugins.ingest.opinions import read_opinions
from memcore_plugins.ingest.pages import read_entity
from memcore_plugins.ingest.reading import LeftOut, Reading, sound
from memcore_plugins.ingest.sessions import read_session, read_transcript

if TYPE_CHECKING:
    from memcore.records import Draft, Source

    from memcore_plugins.ingest import IngestSettings

__all__ = ["Extraction", "extract"]

_READERS: dict[Format, Callable[[Reading], None]] = {
    "bank": read_bank,
    "daily": read_daily,
    "entity": read_entity,
    "hermes": read_hermes,
    "identity": read_identity,
    "memory": read_memory,
    "opinions": read_opinions,
    "session": read_session,
    "transcript": read_transcript,
}
_NOT_MEMORY = {"machine": "machine output", "template": "a template"}
_WIKI_FILES = {"index.md": "the index of a wiki", "log.md": "the log of a wiki", "schema.md": "the rules of a wiki"}


@frozen(kw_only=True)
class Extraction:
    """What one text gave: its format, the drafts in the order of the text, and the lines left out with the reason."""

    format: Format
    drafts: tuple[Draft, ...]
    left_out: tuple[LeftOut, ...]


def extract(source: Source, settings: IngestSettings) -> Extraction:
    """Read a source in its format."""
    source = evolve(source, path=source.path and portable_path(source.path), text=sound(source.text))
    format_ = identify(source.path, source.text, source.kind)
    lines = source.text.count("\n") + 1
    name = (source.path or "").rpartition("/")[2].casefold()
    reason = _NOT_MEMORY.get(format_, "") or (_WIKI_FILES.get(name, "") if format_ == "wiki" else "")
    if reason:
        return Extraction(format=format_, drafts=(), left_out=(LeftOut(1, lines, reason),))
    reading = Reading.of(source, format_, parse(source.text), longest=settings.longest)
    reader = _READERS.get(format_)
    if reader is None:
        running = format_ == "note" and "memory" in (source.path or "").split("/")[:-1]
        read_sections(reading, 0 if running else settings.chunk)
    else:
        reader(reading)
    return Extraction(format=format_, drafts=tuple(reading.drafts), left_out=tuple(reading.left_out))
