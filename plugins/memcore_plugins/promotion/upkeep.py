"""What promotion does at the gate, in the prompt, in checks and in figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memcore import Finding
from memcore.records import PromptBlock, Verdict

from memcore_plugins.promotion import schema
from memcore_plugins.promotion.gates import needs
from memcore_plugins.promotion.schema import TIERS, Place

if TYPE_CHECKING:
    from memcore import Draft, Engine, Record, Scope
    from memcore.records import DecisionRequest

    from memcore_plugins.promotion import PromotionSettings

__all__ = ["figures", "findings", "gate", "note_question", "prompt_block"]

CONFLICT = "CONFLICT_RESOLVE"


def gate(settings: PromotionSettings, drafts: Sequence[Draft]) -> list[Verdict | None] | None:
    """Judge drafts that ask for a tier or come from the host's own memory; None where there are none."""
    if not any("tier" in draft.metadata or draft.metadata.get("origin") == "memory_write" for draft in drafts):
        return None
    return [_verdict(settings, draft) for draft in drafts]


def _verdict(settings: PromotionSettings, draft: Draft) -> Verdict | None:
    tier = draft.metadata.get("tier", "local")
    untrusted = draft.provenance == "untrusted"
    if tier not in TIERS:
        return Verdict(word="hold", reason=f"there is no tier {tier!r}: {', '.join(TIERS)}")
    if tier != "local" and untrusted:
        return Verdict(word="refuse", reason=f"untrusted text never climbs to {tier}")
    if tier != "local":
        wanted = needs(settings, tier)
        gates = f"recalls: 0 of {wanted.recalls}; queries: 0 of {wanted.queries}; sessions: 0 of {wanted.sessions}"
        return Verdict(word="hold", reason=f"a new fact begins as local; {tier} needs {gates}")
    if untrusted and draft.metadata.get("origin") == "memory_write":
        return Verdict(word="hold", reason="the host's memory is told as truth, and this text is untrusted")
    return None


def promoted(engine: Engine) -> list[tuple[Record, Place]]:
    """Return the active records above `local`, the highest tier first, then in the order in which they got there."""
    places = {
        key: place for key, place in schema.places(engine.workspace.connection()).items() if place.tier != "local"
    }
    found = [(record, places[record.id]) for record in engine.get(list(places)) if record.status == "active"]
    return sorted(found, key=lambda pair: (-TIERS.index(pair[1].tier), pair[1].since, pair[0].id))


def prompt_block(engine: Engine, settings: PromotionSettings, scope: Scope) -> PromptBlock | None:
    """Return the promoted records of the scope within the limits; a fact whose truth is in question is not told."""
    doubtful = schema.open_conflicts(engine.workspace.connection())
    lines, _ = _fitting(settings, [r for r, _ in promoted(engine) if scope.admits(r) and r.id not in doubtful])
    return PromptBlock(title="Lessons", text="\n".join(lines)) if lines else None


def _fitting(settings: PromotionSettings, records: Sequence[Record]) -> tuple[list[str], int]:
    """Return the lines that fit, and how many records did not; a long one makes room for a shorter one behind it."""
    lines: list[str] = []
    used = 0
    for record in records:
        text = " ".join(record.content.split()).replace("<", "&lt;").replace("[System note:", "[System note :")
        line = f"- {text}"
        if len(lines) < settings.prompt_records and used + len(line) + bool(lines) <= settings.prompt_chars:
            used += len(line) + bool(lines)
            lines.append(line)
    return lines, len(records) - len(lines)


def note_question(engine: Engine, request: DecisionRequest) -> None:
    """Note an open conflict, so that neither side climbs or is told as truth until it is decided."""
    if request.kind == CONFLICT and request.record_ids:
        ground = json.dumps([sorted(request.record_ids), dict(request.evidence)], sort_keys=True, default=str)
        with engine.workspace.transaction() as connection:
            mark = hashlib.sha256(ground.encode()).hexdigest()
            schema.note_conflict(connection, request.key, request.record_ids, mark)


def findings(engine: Engine, settings: PromotionSettings) -> Iterator[Finding]:
    """Yield promoted facts that are contradicted now, and those that do not fit into the prompt."""
    doubtful = schema.open_conflicts(engine.workspace.connection())
    records = [record for record, _ in promoted(engine)]
    for record in records:
        if record.id in doubtful:
            yield Finding(
                code="promotion.contradicted",
                severity="warning",
                message="a promoted fact is contradicted and left out of the prompt",
                where=record.source or record.id,
                cure="memcore decisions list --kind CONFLICT_RESOLVE",
                record_ids=(record.id,),
            )
    _, left_out = _fitting(settings, [record for record in records if record.id not in doubtful])
    if left_out:
        yield Finding(
            code="promotion.oversized",
            severity="info",
            message=f"{left_out} of {len(records)} promoted facts do not fit into the prompt block",
            cure="move some down with memcore promote ID --to local",
        )


def figures(engine: Engine) -> Mapping[str, Any]:
    """Return the active records by tier above local, the candidates, and the open conflicts."""
    connection = engine.workspace.connection()
    tiers = [place.tier for _, place in promoted(engine)]
    return {
        "tiers": {tier: tiers.count(tier) for tier in TIERS[1:]},
        "candidates": len(schema.candidates(connection, 1)),
        "open_conflicts": len(schema.open_conflicts(connection)),
        "steps": len(schema.history(connection)),
    }
