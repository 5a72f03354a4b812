"""Every hook of memcore. A plugin implements what it wants and takes only the arguments it wants.

Failure policies. isolate: logged, the plugin is marked, the rest goes on. closed: a failure is the safest answer.
loud: the operation is aborted and nothing changes. Hooks get batches; no result may depend on the order of plugins.

    class Plugin:
        info = PluginInfo(summary="Says hello in statistics")

        @hookimpl
        def memcore_stats(self, engine):
            return {"hello": 1}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import sqlite3

    import click

    from memcore.contracts import BackendSpec, EmbedderSpec, Migration
    from memcore.engine import Engine
    from memcore.records import (
        Answer,
        DecisionItem,
        DecisionRequest,
        Draft,
        Finding,
        Hit,
        PromptBlock,
        Query,
        Recall,
        Report,
        RetireEvent,
        Run,
        Scope,
        Session,
        Source,
        Verdict,
        WriteEvent,
    )  # fmt: skip

__all__ = ["SECTIONS", "hookimpl"]

hookimpl = pluggy.HookimplMarker("memcore")


class Storage:
    """Where records and tables live, and how they are forgotten."""

    def memcore_backend(self) -> BackendSpec | None:
        """Offer a storage backend. isolate. `return BackendSpec(name="jsonl", summary="…", open=Store)`."""

    def memcore_migrations(self) -> Sequence[Migration]:
        """Give the steps of your own tables. loud. `return [Migration.sql(1, "CREATE TABLE mine(…)")]`."""

    def memcore_connection(self, connection: sqlite3.Connection) -> None:
        """Prepare a new connection (extension, function). isolate. `connection.create_function("f", 1, f)`."""

    def memcore_forget(self, engine: Engine, scope: Scope, record_ids: Sequence[str]) -> int:
        """Delete your rows for these records and this scope. loud, one transaction. `return cursor.rowcount`."""


class Embedding:
    """Models that turn text into vectors."""

    def memcore_embedder(self) -> EmbedderSpec | None:
        """Offer an embedder. isolate. `return EmbedderSpec(name="http", summary="…", open=Client, …)`."""


class Prefetch:
    """How memory is searched, ranked and shown."""

    def memcore_search(self, engine: Engine, query: Query) -> Sequence[Hit] | None:
        """Search by one strategy, inside query.scope. isolate, time budget. `return [Hit(record=r, score=1.0, …)]`."""

    def memcore_fuse(self, engine: Engine, query: Query, lists: Mapping[str, Sequence[Hit]]) -> Sequence[Hit] | None:
        """Merge the lists of all strategies into one. isolate: reciprocal rank fusion. `return fused`."""

    def memcore_rerank(self, engine: Engine, query: Query, hits: Sequence[Hit]) -> Sequence[Hit] | None:
        """Rescale, annotate or leave out hits; factors of all plugins multiply. isolate. `return kept`."""

    def memcore_recalled(self, engine: Engine, recall: Recall) -> None:
        """Note what was shown, to whom. isolate. `count(h.record.id for h in recall.hits)`."""

    def memcore_prompt_block(self, engine: Engine, scope: Scope) -> PromptBlock | None:
        """Give a stable part of the system prompt. isolate. `return PromptBlock(title="Topics", text="…")`."""


class Lifecycle:
    """From text to drafts, through the gate, into memory, kept in order."""

    def memcore_started(self, engine: Engine) -> None:
        """The engine is open; stay quick. isolate. `self.seen = {}`."""

    def memcore_stopping(self, engine: Engine) -> None:
        """The engine is about to close; release what you hold. isolate. `self.client.close()`."""

    def memcore_extract(self, engine: Engine, source: Source) -> Sequence[Draft] | None:
        """Turn a text into drafts. isolate. `return [Draft(content=b) for b in bullets(source.text)]`."""

    def memcore_rewrite(self, engine: Engine, drafts: Sequence[Draft]) -> Sequence[Draft] | None:
        """Change drafts before the gate, same length (redaction). loud. `return [mask(d) for d in drafts]`."""

    def memcore_gate(self, engine: Engine, drafts: Sequence[Draft]) -> Sequence[Verdict | None] | None:
        """Judge drafts, one verdict each; refuse > hold > merge > accept. closed. `return [None] * len(drafts)`."""

    def memcore_written(self, engine: Engine, event: WriteEvent) -> None:
        """Records were written. isolate, savepoint, delivered again later. `index(event.written)`."""

    def memcore_retired(self, engine: Engine, event: RetireEvent) -> None:
        """Records left active memory. isolate, savepoint, delivered again later. `unlink(event.records)`."""

    def memcore_session_end(self, engine: Engine, session: Session) -> Report | None:
        """A session ended or was checkpointed; may repeat. isolate. `engine.remember(drafts(session))`."""

    def memcore_decide(self, engine: Engine, request: DecisionRequest) -> str | None:
        """Queue a judgment no rule can make; return its id. isolate. `return enqueue(request)`."""

    def memcore_answer(self, engine: Engine, item: DecisionItem) -> Answer | None:
        """Answer a queued decision. isolate: it stays queued. `return Answer(choice=item.request.options[0])`."""

    def memcore_decided(self, engine: Engine, item: DecisionItem, answer: Answer) -> None:
        """Carry out an answer to a request you made. loud: the item stays queued. `link(item, answer.choice)`."""

    def memcore_maintain(self, engine: Engine, run: Run) -> Report | None:
        """Do upkeep at run.now; with run.dry_run only report. isolate. `return Report(summary="nothing stale")`."""

    def memcore_check(self, engine: Engine) -> Iterable[Finding]:
        """Report what is wrong or worth a look. isolate. `yield Finding(code="lint.tag", …)`."""

    def memcore_stats(self, engine: Engine) -> Mapping[str, Any]:
        """Give figures, JSON-ready. isolate. `return {"pages": 12}`."""

    def memcore_status(self, engine: Engine) -> tuple[str, str] | None:
        """Say that you are inactive or degraded: (reason, cure). isolate. `return ("no CLAUDE.md", "…")`."""


class CommandLine:
    """The program."""

    def memcore_commands(self) -> Sequence[click.Command]:
        """Bring commands for the memcore program. isolate; a second owner of a name is refused. `return [lint]`."""


SECTIONS = (Storage, Embedding, Prefetch, Lifecycle, CommandLine)
for _section in SECTIONS:
    for _name, _spec in vars(_section).items():
        if _name.startswith("memcore_"):
            pluggy.HookspecMarker("memcore")(_spec)
