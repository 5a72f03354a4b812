"""`memcore patterns`: what a person is like, how sure that is, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

if TYPE_CHECKING:
    from memcore_plugins.dialectic.phases import Evidence
    from memcore_plugins.dialectic.upkeep import Review

__all__ = ["patterns"]


@click.command("patterns")
@click.argument("tag", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def patterns(context: Context, tag: str | None, as_json: bool) -> None:
    """Show patterns of people by phase, or all about one TAG: the evidence for and against it, and what it lacks.

    Upkeep moves patterns between the phases; where the evidence already says something else, that is shown too.

    \b
    Examples:
      memcore patterns
      memcore patterns prefers_data_over_intuition
      memcore patterns --json
    """
    from memcore.errors import InvalidInputError
    from memcore_toolkit import console

    from memcore_plugins.dialectic import DialecticSettings
    from memcore_plugins.dialectic.grammar import normal_tag
    from memcore_plugins.dialectic.upkeep import review

    engine = context.engine
    found = [each for each in review(engine, engine.settings("dialectic", DialecticSettings)) if each.state]
    if tag is not None:
        known = sorted({each.tag for each in found})
        found = [each for each in found if each.tag == normal_tag(tag)]
        if not found:
            from memcore.config import suggest

            raise InvalidInputError(f"no pattern is called {tag!r}", cure=suggest(normal_tag(tag), known))
    if as_json:
        console.emit_json([_plain(each) for each in found])
    elif tag is None:
        rows = [_row(each) for each in found]
        if rows:
            console.emit_table(["SUBJECT", "TAG", "PHASE", "CONFIDENCE", "FOR", "AGAINST", "NOTE"], rows)
        click.echo(f"{len(rows)} patterns")
    else:
        for each in found:
            _explain(each)


def _phase(each: Review) -> str:
    return each.stored.status if each.stored else "observation"


def _row(each: Review) -> tuple[object, ...]:
    state = each.state
    if state is None:  # the caller shows patterns with evidence only
        return ()
    note = state.mismatch or (f"{len(state.unresolved)} unanswered contradictions" if state.unresolved else "")
    counted = [sum(not item.excluded for item in side) for side in (state.evidence, state.contradictions)]
    return (state.subject, each.tag, _phase(each), f"{state.confidence:.2f}", *counted, note)


def _explain(each: Review) -> None:
    from memcore_toolkit import console

    state = each.state
    if state is None:
        return
    click.echo(console.printable(f"{state.subject} {each.tag} ({each.namespace}): {_phase(each)}, {state.source}"))
    if state.status != _phase(each):
        click.echo(f"  the evidence now says {state.status}; memcore maintain moves it")
    click.echo(f"  why: {state.why}")
    if state.mismatch:
        click.echo(f"  said and done differ: {state.mismatch}")
    for word, side in (("for", state.evidence), ("against", state.contradictions)):
        for item in side:
            doubt = f" [not counted: {item.excluded}]" if item.excluded else ""
            line = f"  {word} {item.at.date()} {item.source} in {item.session}: {item.text or '(no words)'}{doubt}"
            click.echo(console.printable(line))
    for step in state.steps:
        click.echo(f"  {step.at.date()} {step.event} at {step.confidence:.2f} after {step.sessions} sessions")


def _plain(each: Review) -> dict[str, Any]:
    """Return a pattern in the author's schema, with what else is known after it."""
    state = each.state
    if state is None:
        return {}
    return {
        "tag": each.tag,
        "status": _phase(each),
        "source": state.source,
        "evidence": [_evidence(item) for item in state.evidence],
        "contradictions": [_evidence(item) for item in state.contradictions],
        "verified_at": each.stored.verified_at if each.stored else None,
        "last_updated": state.last_updated,
        "subject": state.subject,
        "namespace": each.namespace,
        "confidence": state.confidence,
        "evidence_says": state.status,
        "unresolved": len(state.unresolved),
        "declared_not_enacted": state.mismatch or None,
        "why": state.why,
        "steps": [{"at": step.at, "event": step.event, "confidence": step.confidence} for step in state.steps],
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "record_id": item.record_id,
        "source": item.source,
        "session": item.session,
        "at": item.at,
        "text": item.text,
        "counts": not item.excluded,
        "excluded": item.excluded or None,
    }
