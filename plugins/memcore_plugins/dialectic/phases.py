"""Observe, hypothesize, verify: the phase of a pattern as a pure function of the evidence on file.

The evidence is replayed in the order in which it happened, so neither the order in which it was written nor how often
or how late upkeep runs makes a difference. A session counts once for each of the four kinds of evidence: what
somebody did or said, for or against. Evidence that was drawn from memory itself never counts (Honcho: derived
conclusions that counted "would create a feedback loop"). Contradictions are never dropped: they lower the confidence
and stay on file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

if TYPE_CHECKING:
    from memcore_plugins.dialectic import DialecticSettings

__all__ = ["Assessment", "Evidence", "Step", "assess"]

Status = Literal["observation", "hypothesis", "verified"]

Event = Literal["formed", "dropped", "verified", "withdrawn"]

_DIGITS = 6
_LOWEST, _HIGHEST = 0.01, 0.99  # PAI's OpinionTracker clamps there


@frozen(kw_only=True)
class Evidence:
    """One statement for or against a pattern. `excluded` says why it does not count; empty: it counts."""

    id: str
    record_id: str
    subject: str
    stance: str
    source: str
    text: str
    session: str
    at: datetime
    excluded: str = ""


@frozen(kw_only=True)
class Step:
    """A change of phase: `event` is formed or dropped for a hypothesis, verified or withdrawn for a verification."""

    at: datetime
    event: Event
    confidence: float
    sessions: int


@frozen(kw_only=True)
class Assessment:
    """What the evidence says of one pattern.

    `unresolved` are contradictions newer than anything that speaks for the pattern; `mismatch` says how what the person
    declares and what they do differ, empty if they agree or one side is missing.
    """

    status: Status
    source: Literal["observed", "declared"]
    subject: str
    confidence: float
    evidence: tuple[Evidence, ...]
    contradictions: tuple[Evidence, ...]
    unresolved: tuple[Evidence, ...]
    steps: tuple[Step, ...]
    verified_at: datetime | None
    last_updated: datetime
    mismatch: str
    why: str


@define
class _Tally:
    """The sessions counted so far, by stance and source."""

    settings: DialecticSettings
    sessions: dict[tuple[str, str], set[str]] = field(factory=dict)

    def add(self, item: Evidence) -> None:
        self.sessions.setdefault((item.stance, item.source), set()).add(item.session)

    def of(self, stance: str, source: str) -> int:
        return len(self.sessions.get((stance, source), ()))

    @property
    def supporting(self) -> int:
        done, said = (
            self.sessions.get(("support", "observed"), set()),
            self.sessions.get(("support", "declared"), set()),
        )
        return len(done | said)

    @property
    def confidence(self) -> float:
        weights = self.settings
        total = (
            weights.start
            + weights.support * self.of("support", "observed")
            + weights.confirmation * self.of("support", "declared")
            - weights.counter * self.of("contradict", "observed")
            - weights.denial * self.of("contradict", "declared")
        )
        return min(_HIGHEST, max(_LOWEST, round(total, _DIGITS)))

    @property
    def status(self) -> Status:
        needs = self.settings
        if self.supporting < needs.hypothesis_sessions or self.confidence < needs.hypothesis_confidence:
            return "observation"
        seen = self.of("support", "observed")
        verified = seen >= needs.verified_sessions and self.confidence >= needs.verified_confidence
        return "verified" if verified else "hypothesis"


def assess(evidence: Iterable[Evidence], settings: DialecticSettings) -> Assessment:
    """Return the phase of one pattern, how it got there, and what the next one needs; there must be evidence."""
    ordered = sorted(evidence, key=lambda item: (item.at, item.id))
    counted = [item for item in ordered if not item.excluded]
    tally, steps = _Tally(settings), list[Step]()
    before: Status = "observation"
    for item in counted:
        tally.add(item)
        steps += _steps(before, tally, item.at)
        before = tally.status
    supports = [item.at for item in counted if item.stance == "support"]
    against = tuple(item for item in ordered if item.stance == "contradict")
    verified = [step.at for step in steps if step.event == "verified"]
    return Assessment(
        status=before,
        source="declared" if tally.of("support", "declared") else "observed",
        subject=min(item.subject for item in ordered),
        confidence=tally.confidence,
        evidence=tuple(item for item in ordered if item.stance == "support"),
        contradictions=against,
        unresolved=tuple(i for i in against if not i.excluded and supports and i.at > max(supports)),
        steps=tuple(steps),
        verified_at=verified[-1] if before == "verified" else None,
        last_updated=ordered[-1].at,
        mismatch=_mismatch(tally),
        why=_why(tally, counted),
    )


def _steps(before: Status, tally: _Tally, at: datetime) -> list[Step]:
    """Return the changes between two phases; the one in between is passed, not skipped."""
    ladder = ("observation", "hypothesis", "verified")
    old, new = ladder.index(before), ladder.index(tally.status)
    up: tuple[Event, ...] = ("formed", "verified")
    down: tuple[Event, ...] = ("dropped", "withdrawn")
    events = up[old:new] if new > old else down[new:old][::-1]
    return [Step(at=at, event=e, confidence=tally.confidence, sessions=tally.supporting) for e in events]


def _mismatch(tally: _Tally) -> str:
    did, did_not = tally.of("support", "observed"), tally.of("contradict", "observed")
    if tally.of("support", "declared") and did_not > did:
        return f"declared, but done against in {did_not} sessions and done in {did}"
    if tally.of("contradict", "declared") and did > did_not:
        return f"denied, but done in {did} sessions and done against in {did_not}"
    return ""


def _why(tally: _Tally, counted: Sequence[Evidence]) -> str:
    needs = tally.settings
    against = len({item.session for item in counted if item.stance == "contradict"})
    said = f"{tally.supporting} for and {against} against, by sessions; confidence {tally.confidence:.2f}"
    lacks = []
    if tally.supporting < needs.hypothesis_sessions:
        lacks.append(f"{needs.hypothesis_sessions - tally.supporting} more sessions that speak for it")
    if tally.confidence < needs.hypothesis_confidence:
        lacks.append(f"confidence {needs.hypothesis_confidence:.2f}")
    if not lacks and tally.of("support", "observed") < needs.verified_sessions:
        lacks.append(f"{needs.verified_sessions - tally.of('support', 'observed')} more sessions in which it was done")
    if not lacks and tally.confidence < needs.verified_confidence:
        lacks.append(f"confidence {needs.verified_confidence:.2f}")
    phase = "a hypothesis" if tally.status == "observation" else "verification"
    return f"{said}; {phase} needs {' and '.join(lacks)}" if lacks else said
