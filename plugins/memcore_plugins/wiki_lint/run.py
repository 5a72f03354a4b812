"""All checks over one vault, in the order of files and lines."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from memcore.records import Finding

from memcore_plugins.wiki_lint import claims, links, matter, size

if TYPE_CHECKING:
    from memcore_plugins.wiki_lint import WikiLintSettings
    from memcore_plugins.wiki_lint.view import View

__all__ = ["CHECKS", "lint"]

CHECKS = ("contradiction", "stale", "orphan", "gap", "size", "citation", "frontmatter")
"""The checks, as the second part of a finding's code names them."""

_LINE = re.compile(r"(.*):(\d+)$")


def lint(view: View, settings: WikiLintSettings, today: date) -> list[Finding]:
    """Return what is wrong with a vault, by file and line."""
    if not view.files:
        return []
    found = [
        *claims.contradictions(view),
        *claims.stale(view, settings, today),
        *links.orphans(view),
        *links.gaps(view, settings),
        *size.oversized(view, settings),
        *claims.uncited(view),
        *matter.frontmatter(view, settings),
    ]
    return sorted(found, key=_place)


def _place(finding: Finding) -> tuple[str, int, str, str]:
    match = _LINE.match(finding.where)
    path, line = (match[1], int(match[2])) if match else (finding.where, 0)
    return path, line, finding.code, finding.message
