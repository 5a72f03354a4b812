"""What a page says, as records: written when a page comes or changes, retired when no page says it any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import field, frozen
from memcore.contracts import Capability
from memcore.records import Draft, Record, Source, evolve
from memcore_toolkit.paths import portable_path

from memcore_plugins.wiki import schema

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Outcome, WriteEvent

__all__ = ["Told", "note_written", "say", "withdraw"]

GONE = "its wiki page no longer says it"
_LONE = str.maketrans(dict.fromkeys(range(55296, 57344), "�"))
_writing = threading.local()


@frozen(kw_only=True)
class Told:
    """What became of a page's text: its records, whether only the wiki says them, and what was not kept and why."""

    links: Mapping[str, bool] = field(factory=dict)
    refused: tuple[str, ...] = ()


def say(engine: Engine, page: schema.StoredPage, text: str, root: str, *, from_file: bool = False) -> Told:
    """Write the records of a page and retire what it said before and says no more.

    Records that are there already, for example from a migration of the same folder, are only linked. They are retired
    only if `from_file` says that the file itself has changed and they name it as their source. All of this can be
    repeated, so on a backend without transactions it comes before the rows of the page are written.
    """
    path = portable_path(f"{root}/{page.path}")
    drafts = _drafts(engine, page, text, path)
    with _own_writing():
        outcomes = engine.remember(drafts) if drafts else ()
    links = _links(engine, outcomes)
    _move(engine, outcomes, links)
    now = [outcome.record for outcome in outcomes if outcome.record]
    _retire(engine, page.id, links, now, path if from_file else "")
    refused = (f"{o.draft.source}: {o.reason}" for o in outcomes if o.state in ("refused", "held"))
    return Told(links=links, refused=tuple(refused))


def withdraw(engine: Engine, page: schema.StoredPage) -> None:
    """Retire the records that only this page says."""
    _retire(engine, page.id, {}, [], "")


def note_written(engine: Engine, event: WriteEvent) -> None:
    """Keep that records of pages were written or confirmed by somebody else."""
    if getattr(_writing, "on", False):
        return
    ids = [record.id for record in event.written] + [record.id for _, record in event.confirmed]
    connection = engine.workspace.connection()
    connection.executemany("UPDATE wiki_pages_records SET owned=0 WHERE record_id=? AND owned=1", [(i,) for i in ids])


@contextmanager
def _own_writing() -> Iterator[None]:
    _writing.on = True
    try:
        yield
    finally:
        _writing.on = False


def _drafts(engine: Engine, page: schema.StoredPage, text: str, path: str) -> list[Draft]:
    """Return what the plugins that read files find on a page; without any, the page as one draft."""
    if page.role != "page" or not text.strip():
        return []
    source = Source(text=text.translate(_LONE), path=path, namespace=page.namespace)
    readers = [plugin for plugin, _ in engine.catalog.implementers("memcore_extract") if plugin.name != "wiki"]
    if readers:
        return [evolve(draft, metadata={**draft.metadata, "page": page.path}) for draft in engine.extract(source)]
    draft = Draft(
        content=source.text,
        kind="knowledge",
        namespace=page.namespace,
        summary=page.title.translate(_LONE),
        source=f"{path}#L1",
        metadata={"page": page.path},
    )
    return [draft]


def _links(engine: Engine, outcomes: Sequence[Outcome]) -> dict[str, bool]:
    """Return the records of a page; one that was there before belongs to the wiki only if another page made it."""
    found = [(outcome.record.id, outcome.state) for outcome in outcomes if outcome.record]
    statement = "SELECT record_id FROM wiki_pages_records WHERE owned=1 AND record_id IN (?)"
    ours = {row[0] for row in schema.select_in(engine.workspace.connection(), statement, [key for key, _ in found])}
    links: dict[str, bool] = {}
    for key, state in found:
        links[key] = links.get(key, False) or state in ("new", "revived") or key in ours
    return links


def _move(engine: Engine, outcomes: Sequence[Outcome], links: Mapping[str, bool]) -> None:
    """Let our records name the line on which the page says them now, where the backend can change a record."""
    if Capability.UPDATE not in engine.backend.capabilities:
        return
    for outcome in outcomes:
        record, draft = outcome.record, outcome.draft
        if (
            outcome.state in ("existing", "revived")
            and record
            and links.get(record.id)
            and record.source != draft.source
        ):
            metadata = {**record.metadata, **draft.metadata}
            engine.backend.update(record.id, source=draft.source, metadata=metadata)  # type: ignore[attr-defined]


def _retire(engine: Engine, page: int, links: Mapping[str, bool], now: Sequence[Record], path: str) -> None:
    """Retire what no page says any more; the record of the same section, if there is one, takes its place."""
    connection = engine.workspace.connection()
    before = schema.current_links(connection, page)
    gone = [key for key in before if key not in links]
    statement = "SELECT page, record_id FROM wiki_pages_records WHERE current=1 AND record_id IN (?)"
    elsewhere = {key for other, key in schema.select_in(connection, statement, gone) if other != page}
    fresh = [record for record in now if record.id not in before]
    for record in engine.get([key for key in gone if key not in elsewhere]):
        if before[record.id] or (path and (record.source or "").partition("#L")[0] == path):
            section = record.metadata.get("section")
            heirs = {each.id for each in fresh if (each.metadata.get("section"), each.kind) == (section, record.kind)}
            engine.retire([record.id], reason=GONE, superseded_by=heirs.pop() if len(heirs) == 1 else None)
