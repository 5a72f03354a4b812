"""What a migration did, and how it says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from attrs import define, field

from memcore_plugins.bank_migrate.snapshot import Skipped

__all__ = ["Result"]

_NAMED = 5


@define(kw_only=True)
class Result:
    """The figures of one run. `refused` and `errors` hold one line each, with file and line."""

    root: str
    dry_run: bool = False
    files: int = 0
    unchanged: int = 0
    changed: int = 0
    removed: int = 0
    curated: int = 0
    episodes: int = 0
    entities: int = 0
    topics: int = 0
    links: int = 0
    retired: int = 0
    verified: int = 0
    states: Counter[str] = field(factory=Counter)
    left_out: Counter[str] = field(factory=Counter)
    skipped: list[Skipped] = field(factory=list)
    refused: list[str] = field(factory=list)
    notes: list[str] = field(factory=list)
    errors: list[str] = field(factory=list)

    @property
    def summary(self) -> str:
        """Return the line a migration ends with."""
        return (
            f"{self.files} files -> {self.curated} curated + {self.entities} entities + {self.topics} topics + "
            f"{self.links} links, {len(self.errors)} errors"
        )

    def lines(self, *, verbose: bool) -> Iterator[str]:
        """Yield the report line by line: what happened, the summary, then what was not taken over and why."""
        found = self.files + len(self.skipped)
        seen = f"{self.unchanged} unchanged, {self.changed} new or changed, {self.removed} removed"
        yield f"identify: {found} found, {seen}"
        told = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items())) or "nothing new"
        yield f"chunk: {told}; {self.retired} retired; {self.episodes} episodes"
        if not self.dry_run:
            yield f"verify: {self.verified} records read back"
        yield f"{'would be: ' if self.dry_run else ''}{self.summary}"
        yield from (f"error: {line}" for line in self.errors)
        yield from (f"refused: {line}" for line in self.refused)
        yield from self._skipped(verbose)
        if self.left_out:
            parts = ", ".join(f"{reason} {count}" for reason, count in self.left_out.most_common())
            yield f"left out inside files: {parts}"
        if verbose:
            yield from (f"note: {line}" for line in self.notes)

    def _skipped(self, verbose: bool) -> Iterator[str]:
        reasons: dict[str, list[str]] = {}
        for each in self.skipped:
            reasons.setdefault(each.reason, []).append(each.path)
        for reason, paths in sorted(reasons.items()):
            shown = (
                paths
                if verbose or len(paths) <= _NAMED
                else [*paths[: _NAMED - 1], f"and {len(paths) - _NAMED + 1} more"]
            )
            yield f"skipped {len(paths)}, {reason}: {', '.join(shown)}"

    def as_json(self) -> dict[str, Any]:
        """Return all figures and lines, JSON-ready."""
        names = (
            "root",
            "dry_run",
            "files",
            "unchanged",
            "changed",
            "removed",
            "curated",
            "episodes",
            "entities",
            "topics",
            "links",
            "retired",
        )
        told = {
            name: getattr(self, name)
            for name in (*names, "verified", "states", "left_out", "refused", "notes", "errors")
        }
        return {
            **told,
            "skipped": [{"path": each.path, "reason": each.reason} for each in self.skipped],
            "summary": self.summary,
        }
