"""What dialectic does in upkeep, in checks, in figures and in the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from memcore import Draft, Finding, Report
from memcore.records import PromptBlock

from memcore_plugins.dialectic import schema
from memcore_plugins.dialectic.grammar import tag_words
from memcore_plugins.dialectic.harvest import missing_evidence
from memcore_plugins.dialectic.phases import Assessment, assess
from memcore_plugins.dialectic.tables import forget_shown

if TYPE_CHECKING:
    from memcore import Engine, Scope
    from memcore.records import Run

    from memcore_plugins.dialectic import DialecticSettings

__all__ = ["Review", "figures", "findings", "forget", "introduce", "maintain", "prompt_block", "review"]

_SHOWN_DAYS = 30  # no session lasts longer


@frozen(kw_only=True)
class Review:
    """One pattern: its stored state, None before the first, and what the evidence says, None when it is gone."""

    key: str
    namespace: str
    tag: str
    stored: schema.Pattern | None
    state: Assessment | None

    @property
    def name(self) -> str:
        """Return the pattern as a person reads it."""
        subject = self.state.subject if self.state else self.stored.subject if self.stored else ""
        return f"{subject} {self.tag}"


def review(engine: Engine, settings: DialecticSettings) -> list[Review]:
    """Return every pattern that has evidence or a stored state, in a stable order."""
    connection = engine.workspace.connection()
    stored, evidence = schema.patterns(connection), schema.evidence(connection)
    found = [
        Review(key=key, namespace=namespace, tag=tag, stored=stored.get(key), state=assess(items, settings))
        for key, (namespace, tag, items) in evidence.items()
    ]
    found += [
        Review(key=k, namespace=p.namespace, tag=p.tag, stored=p, state=None)
        for k, p in stored.items()
        if k not in evidence
    ]
    return sorted(found, key=lambda each: (each.namespace, each.name, each.key))


def introduce(engine: Engine, keys: Iterable[str]) -> None:
    """Store patterns nobody knew as observations; only upkeep moves a pattern to another phase."""
    settings = _settings(engine)
    connection = engine.workspace.connection()
    fresh = schema.evidence(connection, sorted(set(keys) - schema.known(connection)))
    for key, (namespace, tag, items) in fresh.items():
        state = evolve(assess(items, settings), status="observation", steps=(), verified_at=None)
        schema.save(connection, key, namespace, tag, state, None)


def _settings(engine: Engine) -> DialecticSettings:
    from memcore_plugins.dialectic import DialecticSettings

    return engine.settings("dialectic", DialecticSettings)


def maintain(engine: Engine, settings: DialecticSettings, run: Run) -> Report:
    """Move every pattern to the phase its evidence supports, and keep the records of verified ones in step."""
    if run.dry_run:
        return _report(review(engine, settings))
    with engine.workspace.transaction() as connection:
        schema.add_evidence(connection, missing_evidence(engine))
        forget_shown(connection, run.now - timedelta(days=_SHOWN_DAYS))
        reviewed = review(engine, settings)
        for each in reviewed:
            if each.state is None:
                schema.drop_pattern(connection, each.key)
            else:
                record_id = each.stored.record_id if each.stored else None
                schema.save(connection, each.key, each.namespace, each.tag, each.state, record_id)
    _tell(engine, settings)
    return _report(reviewed)


def _report(reviewed: Sequence[Review]) -> Report:
    moved = [
        (each, each.stored.status if each.stored else "new", each.state.status if each.state else "gone")
        for each in reviewed
    ]
    moved = [(each, old, new) for each, old, new in moved if old != new]
    states = [each.state.status for each in reviewed if each.state]
    counts = {status: states.count(status) for status in ("observation", "hypothesis", "verified")}
    summary = f"{len(moved)} patterns moved; {counts['verified']} verified, {counts['hypothesis']} hypotheses"
    lines = [
        f"{old} -> {new}: {each.name} ({each.state.why if each.state else 'no evidence left'})"
        for each, old, new in moved
    ]
    return Report(summary=summary, counts={"moved": len(moved), **counts}, lines=tuple(lines))


def _tell(engine: Engine, settings: DialecticSettings) -> None:
    """Write a record for every verified pattern and retire that of a pattern that no longer is."""
    with engine.writing():
        for each in review(engine, settings):
            if each.stored is None or each.state is None:
                continue
            active = [r.id for r in engine.get([each.stored.record_id or ""]) if r.status == "active"]
            if each.state.status == "verified" and settings.records and not active:
                record = engine.remember([_told(each, each.state)])[0].record
                schema.set_record(engine.workspace.connection(), each.key, record.id if record else None)
            elif active and (each.state.status != "verified" or not settings.records):
                engine.retire(active, reason=f"no longer verified: {each.state.why}")


def _told(each: Review, state: Assessment) -> Draft:
    premises = sorted({item.record_id for item in state.evidence if not item.excluded})
    return Draft(
        content=f"{state.subject} {tag_words(each.tag)}",
        kind="pattern",
        namespace=each.namespace,
        entities=(state.subject,),
        confidence=state.confidence,
        provenance="inferred",
        upstream_ids=tuple(premises),
        occurred_at=state.verified_at,
    )


def forget(engine: Engine, record_ids: Sequence[str]) -> int:
    """Delete the evidence of forgotten records, and patterns that had no other, with the records that tell them."""
    connection = engine.workspace.connection()
    count = schema.delete_evidence(connection, record_ids)
    for each in review(engine, _settings(engine)):
        if each.state is None and each.stored is not None:
            schema.drop_pattern(connection, each.key)
            told = [r.id for r in engine.get([each.stored.record_id or ""]) if r.id not in record_ids]
            if told:
                engine.retire(told, reason="its evidence was forgotten")
                engine.backend.delete(told)  # type: ignore[attr-defined]  # forget requires the capability
    return count


def prompt_block(engine: Engine, settings: DialecticSettings, scope: Scope) -> PromptBlock | None:
    """Return the verified patterns of the scope as upkeep left them: the same text for the same memory."""
    lines, used = [], 0
    for pattern in schema.patterns(engine.workspace.connection()).values():
        if pattern.status == "verified" and (not scope.namespaces or pattern.namespace in scope.namespaces):
            line = f"- {pattern.subject}: {tag_words(pattern.tag)}".replace("<", "&lt;")
            if used + len(line) + 1 > settings.prompt_chars:
                break
            lines.append(line)
            used += len(line) + 1
    return PromptBlock(title="Verified patterns", text="\n".join(lines)) if lines else None


def findings(engine: Engine, settings: DialecticSettings) -> Iterator[Finding]:
    """Yield what a person declares but does not do, and contradictions that nothing has answered since."""
    for each in review(engine, settings):
        if each.state is None:
            continue
        ids = tuple(sorted({item.record_id for item in each.state.contradictions}))
        if each.state.mismatch:
            yield Finding(
                code="dialectic.declared-not-enacted",
                severity="warning",
                message=f"{each.name}: {each.state.mismatch}",
                where=each.namespace,
                cure=f"memcore patterns {each.tag} shows both sides",
                record_ids=ids,
            )
        if each.state.unresolved:
            yield Finding(
                code="dialectic.contradiction",
                severity="warning" if each.stored and each.stored.status == "verified" else "info",
                message=f"{each.name}: contradicted {len(each.state.unresolved)} times since it was last supported",
                where=each.namespace,
                cure=f"memcore patterns {each.tag} shows the evidence",
                record_ids=tuple(sorted({item.record_id for item in each.state.unresolved})),
            )


def figures(engine: Engine, settings: DialecticSettings) -> Mapping[str, Any]:
    """Return patterns by phase, the evidence for and against them, and how many are declared but not done."""
    states = [each.state for each in review(engine, settings) if each.state]
    phases = [state.status for state in states]
    return {
        "patterns": {status: phases.count(status) for status in ("observation", "hypothesis", "verified")},
        "evidence": sum(len(state.evidence) for state in states),
        "contradictions": sum(len(state.contradictions) for state in states),
        "not_counted": sum(bool(i.excluded) for state in states for i in (*state.evidence, *state.contradictions)),
        "declared_not_enacted": sum(bool(state.mismatch) for state in states),
    }
