"""One memory, open: the write path, the lifecycle and forgetting. The read path is in `recall`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from memcore import recall
from memcore import records as values
from memcore.config import Config, CoreSettings, suggest
from memcore.contracts import BackendSpec, Capability, OpenContext, StorageBackend
from memcore.discovery import Catalog, Plugin
from memcore.errors import BackendError, CapabilityError, MemcoreError, PluginError
from memcore.records import Draft, Hit, Query, Recall, Record, Scope, content_hash, to_json
from memcore.workspace import Workspace

if TYPE_CHECKING:
    from memcore.records import (
        DecisionRequest,
        Finding,
        Outcome,
        Report,
        RetireEvent,
        Session,
        Source,
        Verdict,
        WriteEvent,
    )  # fmt: skip

__all__ = ["Engine"]

T = TypeVar("T")
STRICTNESS = ("accept", "merge", "hold", "refuse")


class Engine:
    """Open with `Engine.open`, close with `close` or `with`; several engines and several threads are normal.

    `now` is the only source of time; `catalog` holds the plugins and their status.
    """

    def __init__(self, config: Config, catalog: Catalog, *, read_only: bool, clock: Callable[[], datetime]) -> None:
        self.config, self.catalog, self.now = config, catalog, clock
        self.core = config.section("", CoreSettings)
        catalog.implementers("memcore_connection")  # loaded first: some must act before a connection opens
        self.workspace = Workspace(
            config.database, read_only=read_only, busy_timeout=self.core.busy_timeout, prepare=self._connected
        )
        try:
            spec = self.backend_spec(self.core.backend)
            if not read_only:
                self._migrate(spec)
            self.backend: StorageBackend = spec.open(self.context(spec.name))
            catalog.require(self.backend.capabilities)
            self.call("memcore_started")
        except BaseException:
            self.workspace.close()
            raise

    @classmethod
    def open(
        cls,
        *,
        home: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        read_only: bool = False,
        clock: Callable[[], datetime] | None = None,
        catalog: Catalog | None = None,
    ) -> Engine:
        """Open the memory of a home. `settings` override file and environment: {"db": "x.db", "decay.rate": 0.01}."""
        config = Config(home=home, overrides=settings, environ=environ)
        catalog = catalog or Catalog.discover(config.home / "cache" / "plugins.json")
        config.check({"": [item.name for item in attrs.fields(CoreSettings)], **catalog.keys()})
        core = config.section("", CoreSettings)
        catalog.select(core.plugins, core.disable, core.distributions)
        return cls(config, catalog, read_only=read_only, clock=clock or (lambda: datetime.now(UTC)))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- plugins ---

    def call(self, hook: str, *, loaded: bool = False, **given: Any) -> list[tuple[str, Any]]:
        """Call a hook on every plugin in isolation; return (plugin name, result) without the empty results.

        `loaded` leaves out the plugins that nothing has needed so far.
        """
        results = []
        for plugin, function in self.catalog.implementers(hook, loaded=loaded):
            with self.isolated(plugin, hook):
                if (result := function(engine=self, **given)) is not None:
                    results.append((plugin.name, result))
        return results

    @contextmanager
    def isolated(self, plugin: Plugin, hook: str) -> Iterator[None]:
        """Mark the plugin as degraded instead of letting an exception out; only its type is logged, never its text."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a host is never broken by a plugin
            plugin.mark("degraded", f"{hook}: {type(error).__name__}: {error}", "memcore doctor")
            import logging

            message = "plugin %s failed in %s: %s"
            logging.getLogger("memcore").warning(message, plugin.name, hook, type(error).__name__)

    def register(self, hooks: object, *, name: str) -> None:
        """Let a host runtime take part: an object with @hookimpl methods, under its own name."""
        self.catalog.register(hooks, name)

    def settings(self, section: str, cls: type[T]) -> T:
        """Return the settings object of a plugin."""
        return self.config.section(section, cls)

    def backend_spec(self, name: str) -> BackendSpec:
        """Return the spec of a backend by name, or of the default one; explain one that cannot be used."""
        offers = {p.name: p for p in self.catalog.plugins.values() if "memcore_backend" in p.hooks}
        plugin = offers.get(name) if name else next((p for p in offers.values() if p.default), None)
        if plugin is None:
            raise BackendError(f"there is no storage backend {name!r}", cure=suggest(name, offers))
        if not self.catalog.load(plugin):
            what = f"the backend {plugin.name} is {plugin.status}"
            raise BackendError(what, why=plugin.reason, cure=plugin.hint)
        return self.catalog.caller(plugin, "memcore_backend")()  # type: ignore[no-any-return]

    def context(self, name: str) -> OpenContext:
        """Return what a backend or embedder of the plugin with this name is opened with."""
        info = type(self.catalog.plugins[name].instance).info
        settings = self.settings(name, info.settings) if info.settings else None
        return OpenContext(workspace=self.workspace, settings=settings, clock=self.now)

    def _connected(self, connection: sqlite3.Connection) -> None:
        for plugin, function in self.catalog.implementers("memcore_connection"):
            with self.isolated(plugin, "memcore_connection"):
                function(connection=connection)

    def _migrate(self, spec: BackendSpec) -> None:
        owners = [p for p in self.catalog.plugins.values() if p.usable and "memcore_migrations" in p.hooks]
        done = json.dumps([(p.name, p.version, p.stamp) for p in owners])
        if self.workspace.get_meta("plugins") == done:
            return
        for plugin, function in self.catalog.implementers("memcore_migrations"):
            try:
                self.workspace.migrate(plugin.name, function(), plugin.tables)
            except (MemcoreError, sqlite3.Error, TypeError, AttributeError) as error:
                if plugin.name == spec.name:
                    raise
                plugin.mark("broken", f"its tables could not be made: {error}", f"repair or disable {plugin.name}")
        self.workspace.set_meta("plugins", done)

    # --- write path ---

    def remember(self, drafts: Draft | Iterable[Draft], *, approved: bool = False) -> tuple[Outcome, ...]:
        """Store drafts through the gate and tell every plugin; one outcome per draft, in order.

        `approved` turns a hold into accept: a person or the host has decided. On a transactional backend all of it is
        one transaction. Raises what the backend raises; then nothing was stored.
        """
        batch = self._rewritten([drafts] if isinstance(drafts, Draft) else list(drafts))
        verdicts = self._judge(batch, approved)
        outcomes: dict[int, Outcome] = {}
        with self.writing():
            accepted = [i for i, verdict in enumerate(verdicts) if verdict.word == "accept"]
            stored = self.backend.put([batch[i] for i in accepted]) if accepted else ()
            for i, item in zip(accepted, stored, strict=True):
                outcomes[i] = values.Outcome(draft=batch[i], state=item.state, record=item.record)
            for i, verdict in enumerate(verdicts):
                if verdict.word != "accept":
                    outcomes[i] = self._set_aside(batch[i], verdict, outcomes)
            told = tuple(outcomes[i] for i in range(len(batch)))
            self._tell(told)
        return told

    def _tell(self, told: Sequence[Outcome]) -> None:
        written = {o.record.id: o.record for o in told if o.record and o.state in ("new", "revived")}
        confirmed = tuple((o.draft, o.record) for o in told if o.record and o.state not in ("new", "held"))
        if written or confirmed:
            event = values.WriteEvent(written=tuple(written.values()), confirmed=confirmed, at=self.now())
            self.deliver("memcore_written", event)

    def _rewritten(self, batch: list[Draft]) -> list[Draft]:
        for plugin, function in self.catalog.implementers("memcore_rewrite"):
            changed = function(engine=self, drafts=tuple(batch))
            if changed is not None and len(changed) != len(batch):
                raise PluginError(f"{plugin.name} changed the number of drafts while rewriting them")
            batch = batch if changed is None else list(changed)
        return batch

    def _judge(self, batch: Sequence[Draft], approved: bool) -> list[Verdict]:
        strictest = [values.Verdict(word="accept")] * len(batch)
        for plugin, function in self.catalog.implementers("memcore_gate"):
            verdicts: Sequence[Verdict | None] | None
            verdicts = [values.Verdict(word="hold", reason=f"the gate of {plugin.name} failed")] * len(batch)
            with self.isolated(plugin, "memcore_gate"):
                verdicts = function(engine=self, drafts=tuple(batch))
            for i, verdict in enumerate(verdicts or ()):
                if verdict and approved and verdict.word == "hold":
                    continue
                if verdict and STRICTNESS.index(verdict.word) > STRICTNESS.index(strictest[i].word):
                    strictest[i] = verdict
        return strictest

    def _set_aside(self, draft: Draft, verdict: Verdict, outcomes: Mapping[int, Outcome]) -> Outcome:
        if verdict.word == "merge":
            twin = outcomes[verdict.twin] if verdict.twin is not None else None
            if twin and twin.record is None:  # held or refused: the copy shares its fate
                return values.Outcome(draft=draft, state=twin.state, reason=twin.reason)
            record = twin.record if twin else next(iter(self.backend.get([verdict.into or ""])), None)
            return values.Outcome(draft=draft, state="merged", record=record, reason=verdict.reason)
        if verdict.word == "refuse":
            return values.Outcome(draft=draft, state="refused", reason=verdict.reason)
        key = f"REVIEW:{draft.namespace}:{draft.kind}:{content_hash(draft.content)}"
        question, options = f"Keep this {draft.kind}? {verdict.reason}", ("accept", "refuse")
        request = values.DecisionRequest(
            kind="REVIEW", key=key, question=question, options=options, evidence=to_json(draft)
        )
        queued = self.decide(request)
        end = f"decision {queued}" if queued else "nobody queues decisions, so it is not kept"
        return values.Outcome(draft=draft, state="held", reason=f"{verdict.reason}; {end}")

    def writing(self) -> Any:
        """Return a context in which writes are one transaction, if the backend keeps records in the workspace."""
        joined = Capability.TRANSACTIONAL in self.backend.capabilities
        return self.workspace.transaction() if joined else nullcontext()

    def retire(self, ids: Sequence[str], *, reason: str, superseded_by: str | None = None) -> int:
        """Take records out of active memory, tell every plugin, and return how many changed."""
        with self.writing():
            before = [record for record in self.backend.get(ids) if record.status == "active"]
            count = self.backend.retire([record.id for record in before], reason=reason, superseded_by=superseded_by)
            event = values.RetireEvent(records=tuple(before), reason=reason, superseded_by=superseded_by, at=self.now())
            if before:
                self.deliver("memcore_retired", event)
        return count

    def supersede(self, ids: Sequence[str], draft: Draft, *, reason: str = "replaced") -> Outcome:
        """Store a draft and let it take the place of older records, in one step."""
        with self.writing():
            outcome = self.remember([draft])[0]
            if outcome.record:
                older = [key for key in ids if key != outcome.record.id]
                self.retire(older, reason=reason, superseded_by=outcome.record.id)
        return outcome

    def deliver(self, hook: str, event: WriteEvent | RetireEvent) -> None:
        """Tell every plugin of an event, each in a savepoint; who fails is told again by the next upkeep."""
        for plugin, function in self.catalog.implementers(hook):
            healthy = False
            with self.isolated(plugin, hook), self.workspace.transaction():
                function(engine=self, event=event)
                healthy = True
            if not healthy:
                told = json.dumps(_plain(event), sort_keys=True)
                self.workspace.set_meta(f"missed:{plugin.name}:{hook}:{content_hash(told)[7:19]}", told)

    def missed(self) -> list[tuple[str, str, list[str]]]:
        """Return (key in meta, plugin, record ids) of every event that a plugin missed."""
        rows = [(key, json.loads(told)) for key, told in self.workspace.list_meta("missed:")]
        return [(key, key.split(":")[1], [*told["records"], *(c[1] for c in told["confirmed"])]) for key, told in rows]

    def _redeliver(self) -> None:
        for key, value in self.workspace.list_meta("missed:"):
            _, name, hook, _ = key.split(":", 3)
            plugin = self.catalog.plugins.get(name)
            if plugin and self.catalog.load(plugin):
                with self.isolated(plugin, hook), self.workspace.transaction():
                    self.catalog.caller(plugin, hook)(engine=self, event=self._event(hook, json.loads(value)))
                    self.workspace.set_meta(key, None)

    def _event(self, hook: str, told: Mapping[str, Any]) -> WriteEvent | RetireEvent:
        records, at = tuple(self.backend.get(told["records"])), self.now()
        if hook == "memcore_retired":
            return values.RetireEvent(records=records, reason=told["reason"], superseded_by=told["by"], at=at)
        pairs = [(values.draft_from_json(draft), self.backend.get([key])) for draft, key in told["confirmed"]]
        confirmed = tuple((draft, found[0]) for draft, found in pairs if found)
        return values.WriteEvent(written=records, confirmed=confirmed, at=at)

    # --- read path ---

    def get(self, ids: Sequence[str]) -> Sequence[Record]:
        """Return records by id, of any status."""
        return self.backend.get(ids)

    def scan(self, scope: Scope) -> Iterator[Record]:
        """Yield every record of a scope, page by page."""
        after: str | None = None
        while True:
            page = self.backend.scan(scope, after=after)
            yield from page.records
            if (after := page.next) is None:
                return

    def search(self, query: Query) -> list[Hit]:
        """Return the best hits of all strategies, fused; never raises for what a plugin or a server does."""
        return recall.search(self, query)[0]

    def prefetch(self, text: str, *, limit: int = 10, scope: Scope | None = None, session_id: str | None = None,
                 budget: int | None = None) -> Recall:  # fmt: skip
        """Return what memory knows about a text, within a budget of tokens, for the prompt of this session."""
        scope = scope or Scope(namespaces=(self.core.namespace,))
        query = Query(text=text, scope=scope, limit=limit, session_id=session_id, now=self.now())
        return recall.prefetch(self, query, self.core.budget if budget is None else budget)

    def prompt_block(self, scope: Scope | None = None) -> str:
        """Return the system prompt block, the same text for the same memory."""
        scope = scope or Scope(namespaces=(self.core.namespace,))
        blocks = [block for _, block in self.call("memcore_prompt_block", scope=scope)]
        return "\n\n".join(f"## {b.title}\n{b.text}" for b in sorted(blocks, key=lambda b: b.title))

    # --- lifecycle ---

    def extract(self, source: Source) -> list[Draft]:
        """Return the drafts all plugins find in a text."""
        return [draft for _, drafts in self.call("memcore_extract", source=source) for draft in drafts]

    def session_end(self, session: Session) -> dict[str, Report]:
        """Tell every plugin that a session ended; return their reports by plugin."""
        return dict(self.call("memcore_session_end", session=session))

    def maintain(self, *, dry_run: bool = False, only: str | None = None) -> dict[str, Report]:
        """Run upkeep of all plugins or of one, with one time for all; return their reports by plugin."""
        if not dry_run:
            self._redeliver()
        run, reports = values.Run(now=self.now(), dry_run=dry_run), {}
        for plugin, function in self.catalog.implementers("memcore_maintain"):
            if only in (None, plugin.name):
                with self.isolated(plugin, "memcore_maintain"):
                    if report := function(engine=self, run=run):
                        reports[plugin.name] = report
        return reports

    def check(self, only: str | None = None) -> list[tuple[str, Finding]]:
        """Return the findings of all plugins or of one, each with the plugin's name."""
        found: list[tuple[str, Finding]] = []
        for plugin, function in self.catalog.implementers("memcore_check"):
            if only in (None, plugin.name):
                with self.isolated(plugin, "memcore_check"):
                    found.extend((plugin.name, finding) for finding in function(engine=self))
        return found

    def stats(self) -> dict[str, Mapping[str, Any]]:
        """Return the figures of every plugin by name."""
        return dict(self.call("memcore_stats"))

    def decide(self, request: DecisionRequest) -> str | None:
        """Queue a judgment no rule can make; return its id, or None if no plugin keeps a queue."""
        return next((queued for _, queued in self.call("memcore_decide", request=request)), None)

    def forget(self, scope: Scope, *, dry_run: bool = False) -> dict[str, int]:
        """Delete every record of a scope, whatever its status, and all that plugins know of it, or nothing at all.

        Returns the rows by owner ("records" for the backend). Afterwards the workspace file no longer holds the text.
        """
        if Capability.DELETE not in self.backend.capabilities:
            why = f"the backend {self.backend.name} cannot delete; nothing was removed"
            raise CapabilityError("this memory cannot be forgotten", why=why, cure="ask its operator")
        ids = [record.id for record in self.scan(attrs.evolve(scope, statuses=()))]
        if dry_run:
            return {"records": len(ids)}
        tables = self.workspace.tables()
        for plugin in self.catalog.plugins.values():
            if plugin.instance is None and not self.catalog.load(plugin) and tables & set(plugin.tables):
                what, why = "not everything can be forgotten; nothing was removed", f"{plugin.name} is {plugin.status}"
                raise PluginError(what, why=why, cure=f"memcore plugins enable {plugin.name}")
        counts = {"records": 0}
        with self.workspace.transaction():
            for plugin, function in self.catalog.implementers("memcore_forget"):
                counts[plugin.name] = int(function(engine=self, scope=scope, record_ids=tuple(ids)) or 0)
            for key, _, missed in self.missed():
                if not set(ids).isdisjoint(missed):
                    self.workspace.set_meta(key, None)
            counts["records"] = self.backend.delete(ids)  # type: ignore[attr-defined]  # last: it may not roll back
        self.workspace.scrub()
        return counts

    def close(self) -> None:
        """Tell every plugin, then release the backend and the file; a second call does nothing."""
        if not self.workspace.closed:
            self.call("memcore_stopping", loaded=True)
            self.backend.close()
            self.workspace.close()


def _plain(event: WriteEvent | RetireEvent) -> dict[str, Any]:
    if isinstance(event, values.RetireEvent):
        ids = [record.id for record in event.records]
        return {"records": ids, "confirmed": [], "reason": event.reason, "by": event.superseded_by}
    said = [[to_json(draft), record.id] for draft, record in event.confirmed]
    return {"records": [record.id for record in event.written], "confirmed": said}
