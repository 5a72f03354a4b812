"""Prefetch: find what memory knows about a question, put the best first, and never show the same twice in a session.

Strategies `text`, `time` and `substring` of its own; the lists of all strategies are fused here by normalised scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from memcore import Hit, PluginInfo, Query, Recall, hookimpl

from memcore_plugins.prefetch import schema
from memcore_plugins.prefetch.fusion import fuse
from memcore_plugins.prefetch.question import Question, read
from memcore_plugins.prefetch.settings import PrefetchSettings
from memcore_plugins.prefetch.strategies import by_substring, by_text, by_time

if TYPE_CHECKING:
    import click
    from memcore import Engine, Migration
    from memcore.records import Report, Run

__all__ = ["Plugin", "PrefetchSettings"]


class Plugin:
    """Searches memory for a question and ranks what it and other plugins find."""

    info = PluginInfo(
        summary="Search: words, time and pieces of words, fused, explained, without repetition in a session",
        uses={"text_search", "neighbours"},
        tables=("recalls",),
        settings=PrefetchSettings,
    )

    @hookimpl
    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the table of what was shown."""
        return schema.TABLES

    @hookimpl
    def memcore_forget(self, engine: Engine, record_ids: Sequence[str]) -> int:
        """Delete the notes on these records."""
        return schema.forget(engine.workspace.connection(), record_ids)

    @hookimpl
    def memcore_search(self, engine: Engine, query: Query) -> Sequence[Hit]:
        """Search by words and by time, and by pieces of words when words find nothing."""
        if not query.limit or not query.text.strip():
            return []
        settings = engine.settings("prefetch", PrefetchSettings)
        question = _read(query, settings)
        hits = by_text(engine, query, question, settings)
        if not hits:
            hits = by_substring(engine, query, question, settings)
        return [*hits, *by_time(engine, query, question, settings)]

    @hookimpl
    def memcore_fuse(self, engine: Engine, query: Query, lists: Mapping[str, Sequence[Hit]]) -> Sequence[Hit]:
        """Fuse the lists of all strategies by normalised scores, context, structure and time."""
        settings = engine.settings("prefetch", PrefetchSettings)
        return fuse(engine, query, _read(query, settings), lists, settings)

    @hookimpl
    def memcore_rerank(self, engine: Engine, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Leave out what this session was already shown for another question."""
        if not query.session_id or engine.settings("prefetch", PrefetchSettings).repeat:
            return None
        shown = schema.shown(engine.workspace, query.session_id, query.text)
        return [hit for hit in hits if hit.record.id not in shown] if shown else None

    @hookimpl
    def memcore_recalled(self, engine: Engine, recall: Recall) -> None:
        """Note what was shown in a session; a recall without a session leaves no note."""
        if session := recall.query.session_id:
            settings = engine.settings("prefetch", PrefetchSettings)
            schema.note(engine.workspace, recall, session, engine.now(), keep_text=settings.keep_query_text)

    @hookimpl
    def memcore_maintain(self, engine: Engine, run: Run) -> Report:
        """Forget what was shown longer ago than `recall_ttl_days`."""
        from memcore.records import Report

        days = engine.settings("prefetch", PrefetchSettings).recall_ttl_days
        expired = schema.expire(engine.workspace, run.now - timedelta(days=days), dry_run=run.dry_run)
        return Report(
            summary=f"{expired} notes on shown records are older than {days} days", counts={"expired": expired}
        )

    @hookimpl
    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Count the records shown and the sessions they were shown in."""
        shown, sessions = schema.count(engine.workspace)
        return {"recalls": shown, "sessions": sessions}

    @hookimpl
    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring `search`."""
        from memcore_plugins.prefetch.commands import search

        return [search]


def _read(query: Query, settings: PrefetchSettings) -> Question:
    return read(query.text, query.now, settings.forms, settings.related)
