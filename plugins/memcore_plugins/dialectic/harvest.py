"""From U-tags to drafts, and from written records to evidence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memcore import Draft, Record, Report

from memcore_plugins.dialectic import schema
from memcore_plugins.dialectic.grammar import UTag, normal_tag, parse_text, tag_words
from memcore_plugins.dialectic.phases import Evidence
from memcore_plugins.dialectic.tables import KEY, shown

if TYPE_CHECKING:
    from memcore import Engine, Session, Source, Turn
    from memcore.records import Provenance, WriteEvent

    from memcore_plugins.dialectic import DialecticSettings

__all__ = ["drafts_of_source", "end_session", "evidence_of", "note_written", "pattern_id", "sentence"]

_HARVESTED_ROLES = frozenset({"user", "assistant"})  # what a tool printed is nobody's word about a person
_RECALLED = re.compile(r"<(memory-context|recalled-memory)\b[^>]*>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_ROLE = re.compile(
    r"(?:\*\*)?(user|human|assistant|agent|ai|bot|system|tool|function)(?:\*\*)?[ \t]*[:：]", re.IGNORECASE
)
_MACHINES = frozenset({"system", "tool", "function"})
_DERIVED_KINDS = frozenset({"pattern", "reflection"})


def pattern_id(namespace: str, subject: str, tag: str) -> str:
    """Return the id of a pattern: the same tag of the same person in one namespace, whatever the case of the name."""
    return _digest(namespace, subject.casefold(), tag)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def sentence(subject: str, tag: UTag) -> str:
    """Return a U-tag as a sentence that can be found and understood on its own."""
    against = "against " if tag.stance == "contradict" else ""
    text = f": {tag.text}" if tag.text else ""
    return f"{subject}, {against}{tag_words(tag.tag)} ({tag.source}){text}"


def draft_of(tag: UTag, settings: DialecticSettings, given: Mapping[str, Any], session: str) -> Draft:
    """Return the draft of one U-tag; `given` are the draft fields its place decides."""
    subject = tag.subject or settings.subject
    trusted: Provenance = "declared" if tag.source == "declared" else "observed"
    return Draft(**{
        "content": sentence(subject, tag),
        "kind": "observation",
        "entities": (subject,),
        "confidence": tag.confidence,
        "provenance": trusted,
        **given,
        "occurred_at": tag.occurred_on or given.get("occurred_at"),
        "metadata": {
            KEY: {
                "tag": tag.tag,
                "subject": subject,
                "stance": tag.stance,
                "source": tag.source,
                "text": tag.text,
                "session": session,
            }
        },
    })  # fmt: skip


def drafts_of_source(source: Source, settings: DialecticSettings) -> list[Draft]:
    """Return the drafts of all U-tags in a text. A file is one session, unless its metadata name another."""
    if "U" not in source.text:
        return []
    session = str(source.metadata.get("session_id") or source.path or "")
    drafts = []
    for tag in parse_text(_spoken(source.text)).tags:
        given: dict[str, Any] = {
            "namespace": source.namespace,
            "agent_id": source.agent_id,
            "occurred_at": source.occurred_at or _day_of(source.path),
            "source": f"{source.path}#L{tag.line}" if source.path else None,
            **_untrusted(source.metadata),
        }
        drafts.append(draft_of(tag, settings, given, session))
    return drafts


def _spoken(text: str) -> str:
    """Blank what people did not say, line by line: recalled memory, and in a dump of a session the output of tools."""
    text = _RECALLED.sub(lambda match: "\n" * match[0].count("\n"), text)
    kept, silent = [], False
    for line in text.split("\n"):
        if role := _ROLE.match(line):
            silent = role[1].casefold() in _MACHINES
        kept.append("" if silent else line)
    return "\n".join(kept)


def _day_of(path: str | None) -> datetime | None:
    from memcore_toolkit.dates import date_in_name

    day = date_in_name(path) if path else None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def end_session(engine: Engine, session: Session, settings: DialecticSettings) -> Report | None:
    """Remember the U-tags of a session's turns; harmless to repeat with overlapping turns."""
    drafts: list[Draft] = []
    malformed = 0
    for turn in session.turns:
        if turn.role in _HARVESTED_ROLES and "U" in turn.content:
            parsed = parse_text(_spoken(turn.content))
            malformed += len(parsed.malformed)
            drafts += [_draft_of_turn(tag, session, turn, settings) for tag in parsed.tags]
    if not drafts and not malformed:
        return None
    outcomes = engine.remember(drafts) if drafts else ()
    states = [outcome.state for outcome in outcomes]
    counts = {"u_tags": len(drafts), "new": states.count("new"), "malformed": malformed}
    return Report(summary=f"{len(drafts)} U-tags, {counts['new']} new, {malformed} malformed", counts=counts)


def _draft_of_turn(tag: UTag, session: Session, turn: Turn, settings: DialecticSettings) -> Draft:
    given = {
        "namespace": session.namespace,
        "agent_id": session.agent_id,
        "occurred_at": turn.occurred_at,
        **_untrusted({**session.metadata, **turn.metadata}),
    }
    return draft_of(tag, settings, given, session.id)


def _untrusted(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {"provenance": "untrusted"} if metadata.get("provenance") == "untrusted" else {}


def note_written(engine: Engine, event: WriteEvent) -> None:
    """Store the evidence of written and confirmed records; a pattern nobody knew starts as an observation."""
    from memcore_plugins.dialectic.upkeep import introduce

    rows = [row for record in event.written for row in evidence_of(record, record, event.at)]
    connection = engine.workspace.connection()
    for draft, record in event.confirmed:
        for key, namespace, tag, item in evidence_of(draft, record, event.at):
            echo = not item.excluded and shown(connection, item.session, record.id)
            rows.append((key, namespace, tag, _excluded(item, "shown to this session before") if echo else item))
    if rows:
        with engine.workspace.transaction() as writing:
            schema.add_evidence(writing, rows)
        introduce(engine, {row[0] for row in rows})


def _excluded(item: Evidence, reason: str) -> Evidence:
    from memcore.records import evolve

    return evolve(item, excluded=reason)


def evidence_of(draft: Draft, record: Record, at: datetime) -> Iterator[tuple[str, str, str, Evidence]]:
    """Yield (pattern id, namespace, tag, evidence) if the draft carries a U-tag; `record` is where it was stored.

    What carries a malformed one is a record like any other. Evidence without a session belongs to the session of its
    day.
    """
    found = draft.metadata.get(KEY)
    if not isinstance(found, Mapping):
        return
    tag, text = normal_tag(str(found.get("tag", ""))), str(found.get("text", ""))
    subject = " ".join(str(found.get("subject", "")).split())
    stance, source = str(found.get("stance", "support")), str(found.get("source", "observed"))
    if not tag or not subject or stance not in ("support", "contradict") or source not in ("observed", "declared"):
        return
    when = (draft.occurred_at or (record.created_at if draft is record else at)).astimezone(UTC)
    place = (draft.source or "").partition("#")[0]
    session = str(found.get("session") or "") or place or f"day:{when.date().isoformat()}"
    key = pattern_id(record.namespace, subject, tag)
    item = Evidence(
        id=_digest(key, stance, source, text, session),
        record_id=record.id,
        subject=subject,
        stance=stance,
        source=source,
        text=text,
        session=session,
        at=when,
        excluded=_why_excluded(draft, tag, text),
    )
    yield key, record.namespace, tag, item


def _why_excluded(draft: Draft, tag: str, text: str) -> str:
    if draft.provenance == "untrusted":
        return "untrusted"
    if draft.provenance == "inferred" or draft.upstream_ids or draft.kind in _DERIVED_KINDS:
        return "derived from memory"
    if normal_tag(text) in ("", tag):
        return "says nothing but the tag"
    return ""


def missing_evidence(engine: Engine) -> list[tuple[str, str, str, Evidence]]:
    """Return the evidence of all stored records, to catch up with what was written while this plugin was off."""
    from memcore import Scope

    records: Sequence[Record] = [
        record for record in engine.scan(Scope(kinds=("observation",), statuses=())) if KEY in record.metadata
    ]
    return [row for record in records for row in evidence_of(record, record, record.created_at)]
