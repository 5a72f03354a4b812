"""A session that ended: its turns become episodes, the tags in them facts.

The same turns delivered again change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memcore.records import Draft, Report, Session, Source, Turn
from memcore_toolkit.markdown import parse

from memcore_plugins.ingest.entries import entries
from memcore_plugins.ingest.gate import without_fences
from memcore_plugins.ingest.reading import Reading, sound
from memcore_plugins.ingest.sameness import text_digest
from memcore_plugins.ingest.sessions import episode_text, provenance_of

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.ingest import IngestSettings

__all__ = ["end_session"]


def end_session(engine: Engine, session: Session, settings: IngestSettings) -> Report:
    """Keep what a session said that was not kept yet."""
    turns = [(turn, text) for turn in session.turns if (text := sound(without_fences(turn.content)).strip())]
    digests = [text_digest(f"{turn.role}\0{text}") for turn, text in turns]
    with engine.writing():
        known = _known(engine, session)
        placed = [
            (position, turn, text) for position, (turn, text) in zip(_positions(known, digests), turns, strict=True)
        ]
        fresh = [(position, turn, text) for position, turn, text in placed if position >= len(known)]
        episodes = [_episode(session, position, turn, text) for position, turn, text in fresh]
        facts = [
            draft
            for position, turn, text in fresh
            if turn.role in settings.harvest
            for draft in _facts(session, position, turn, text, settings)
        ]
        outcomes = engine.remember([*episodes, *facts]) if fresh else ()
        rows = [
            (
                session.namespace,
                session.id,
                position,
                text_digest(f"{turn.role}\0{text}"),
                outcome.record.id if outcome.record else None,
            )
            for (position, turn, text), outcome in zip(fresh, outcomes, strict=False)
        ]
        with engine.workspace.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO session_turns VALUES(?,?,?,?,?)", rows)
    states = [outcome.state for outcome in outcomes]
    counts = {
        "turns": len(session.turns),
        "episodes": states[: len(episodes)].count("new"),
        "facts": states[len(episodes) :].count("new"),
    }
    lines = [outcome.reason for outcome in outcomes if outcome.state in ("held", "refused")]
    return Report(
        summary=f"{counts['episodes']} episodes and {counts['facts']} facts kept", counts=counts, lines=tuple(lines)
    )


def _known(engine: Engine, session: Session) -> list[bytes]:
    statement = "SELECT digest FROM session_turns WHERE namespace=? AND session_id=? ORDER BY position"
    return [row[0] for row in engine.workspace.connection().execute(statement, (session.namespace, session.id))]


def _positions(known: Sequence[bytes], digests: Sequence[bytes]) -> list[int]:
    """Return the place of each turn in the whole session.

    That of the same turn kept before, in order, or one behind the end. A delivery that does not begin where the session
    began is its newest part: if it brings something new, what stands before that is the end of what is kept, so an "ok"
    said earlier is not taken for the "ok" said now.
    """
    places: dict[bytes, list[int]] = {}
    for position, digest in enumerate(known):
        places.setdefault(digest, []).append(position)
    found, at = list[int | None](), 0
    for digest in digests:
        again = next((place for place in places.get(digest, ()) if place >= at), None)
        found.append(again)
        at = at if again is None else again + 1
    if digests and known and digests[0] != known[0] and None in found:
        _unmatch(found, len(known) - 1)
    end = iter(range(len(known), len(known) + len(digests)))
    return [next(end) if place is None else place for place in found]


def _unmatch(found: list[int | None], last: int) -> None:
    """Give up matches before the new turns until one is the last turn that is kept."""
    newest = max(i for i, place in enumerate(found) if place is None)
    matched = [i for i, place in enumerate(found[:newest]) if place is not None]
    while matched and found[matched[-1]] != last:
        found[matched.pop()] = None


def _episode(session: Session, position: int, turn: Turn, text: str) -> Draft:
    speaker = turn.speaker or turn.role
    told = {"format": "turn", "session_id": session.id, "position": position, "role": turn.role, "speaker": speaker}
    if turn.question_id:
        told["question_id"] = turn.question_id
    return Draft(
        content=episode_text(speaker, text),
        kind="episode",
        namespace=session.namespace,
        agent_id=session.agent_id,
        provenance=provenance_of(turn.role),  # type: ignore[arg-type]
        source=f"session:{session.id}#L{position + 1}",
        occurred_at=turn.occurred_at,
        metadata={**session.metadata, **turn.metadata, **told},
    )


def _facts(session: Session, position: int, turn: Turn, text: str, settings: IngestSettings) -> list[Draft]:
    """Return the drafts of the Retain tags in one turn."""
    source = Source(
        text=text,
        path=f"session:{session.id}",
        namespace=session.namespace,
        agent_id=session.agent_id,
        occurred_at=turn.occurred_at,
    )
    reading = Reading.of(source, "turn", parse(text), longest=settings.longest)
    for entry in entries(reading.document.blocks, reading.leave):
        if entry.tag:
            entry.line = entry.end_line = position + 1
            reading.tagged(entry, entry.tag)
    return reading.drafts
