"""The article's MemoryProvider over an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcore import Engine, MemcoreError, Scope

from memcore_plugins.hosts.guard import Guard
from memcore_plugins.hosts.messages import turns_of, unfenced
from memcore_plugins.hosts.mirror import MEMORY_SOURCE, Mirror, shown_as
from memcore_plugins.hosts.settings import HostsSettings
from memcore_plugins.hosts.sieve import Sieve

if TYPE_CHECKING:
    from memcore.events import Session, Turn

__all__ = ["MEMORY_SOURCE", "MemcoreProvider"]

WINDOW = 6
"""Turns delivered before, told again with new ones, so that a repeated "ok" finds its place in the session."""


class MemcoreProvider:
    """Serve one conversation of a host. Every method is safe before the engine opens and after it closed.

    `opener` opens the engine on first use, so that a locked or damaged database costs recall and nothing else; the next
    call tries again. `seconds` is the deadline of prefetch and of the prompt block; `in_prompt` names the host's memory
    files that it puts into the prompt itself, which need not be repeated; `in_context` says that the host shows the
    model its own session, which need not be recalled either.
    """

    def __init__(
        self,
        opener: Callable[[], Engine],
        *,
        home: Path,
        host: str = "host",
        session_id: str = "",
        namespace: str | None = None,
        agent_id: str | None = None,
        seconds: float = 1.5,
        in_prompt: Sequence[str] = (),
        in_context: bool = False,
    ) -> None:
        self.guard, self.session_id = Guard(home, host), session_id
        self._opener, self._namespace, self._agent_id, self.seconds = opener, namespace, agent_id, seconds
        self._in_prompt, self._in_context = tuple(in_prompt), in_context
        self._lock, self._open, self._closed = threading.Lock(), list[Engine](), False
        self._block: str | None = None
        self._said: list[Turn] = []
        self._entries: dict[str, list[str]] = {}
        self.sieve = Sieve()
        self.epoch = 0
        """Counts how often the host dropped what it was shown, for example by compression."""

    def engine(self) -> Engine:
        """Return the open engine; raises what opening raises."""
        with self._lock:
            if self._closed:
                raise MemcoreError("the provider is shut down", cure="start a new session")
            if not self._open:
                engine = self._opener()
                engine.register(self.sieve, name=f"session-{id(self):x}")
                self._open.append(engine)
            return self._open[0]

    @property
    def scope(self) -> Scope:
        """Return the namespace this host reads and writes."""
        return Scope(namespaces=(self._namespace or self.engine().core.namespace,))

    @property
    def mirror(self) -> Mirror:
        """Return the records that stand for the host's own memory."""
        return Mirror(self.engine(), self.scope.namespaces[0], self._agent_id)

    # --- the four methods of MemoryProvider ---

    def prefetch(self, query: str, *, session_id: str = "") -> str:
        """Return dated, attributed lines that answer the query, nothing already shown in this session, or ""."""
        words = unfenced(query) if isinstance(query, str) else ""
        if not words:
            return ""

        def work() -> str:
            engine, sieve = self.engine(), self.sieve
            settings = engine.settings("hosts", HostsSettings)
            if self._in_context:
                sieve.sessions |= {session_id or self.session_id}
            sieve.key = f"{session_id or self.session_id}#{self.epoch}"
            given = {"limit": settings.hits, "budget": settings.tokens}
            recall = engine.prefetch(words, scope=self.scope, session_id=sieve.key, **given)
            if not recall.hits:
                why = [note for note in recall.notes if "unavailable" not in note]
                self.guard.note("prefetch", "Nothing", "; ".join(why)[:300] or "nothing that the prompt does not hold")
            return recall.text

        return self.guard.run("prefetch", work, "", seconds=self.seconds)

    def on_session_end(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the session said; the same or overlapping messages again change nothing."""
        self.keep(turns_of(messages, self.session_id), "on_session_end")

    def on_memory_write(
        self, action: str, target: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Follow a write of the host's own memory: add, replace (supersede) or remove (retire), through the gate."""
        told, text = dict(metadata or {}), unfenced(content or "")

        def work() -> None:
            if self.mirror.follow(action, target, text, told):
                if self._in_context:  # the model just wrote it
                    self.sieve.in_prompt |= {text}
            else:
                self.guard.note("on_memory_write", "Unknown", f"action {action!r}")

        self.guard.run("on_memory_write", work, None)

    def system_prompt_block(self) -> str:
        """Return the stable block for the system prompt; it is made once for each session."""

        def work() -> str | None:
            mirrored = [record.content for target in self._in_prompt for record in self.mirror.records(target)]
            mirrored += [entry for target in self._in_prompt for entry in self._entries.get(target, ())]
            self.sieve.in_prompt = frozenset(mirrored)
            if self._block is None:
                known = {shown_as(content) for content in mirrored}
                self._block = _without(self.engine().prompt_block(self.scope), known)
            return self._block

        return self.guard.run("system_prompt_block", work, self._block, seconds=self.seconds) or ""

    # --- what hosts with richer hooks call as well ---

    def keep(
        self, turns: Sequence[Turn], entry: str = "sync_turn", *, new: bool = False, before: Sequence[Turn] = ()
    ) -> bool:
        """Store turns durably and return whether they are; turns of this session stored before are recognised.

        `new` says that they follow what was delivered as new before, or `before` if nothing was. What the database does
        not take is put aside in the home, and stored with the next delivery that it takes.
        """
        if not turns:
            return True
        from memcore_plugins.hosts import unsaved

        window = list(turns)
        if new:
            window = [*(self._said or before[-WINDOW:]), *turns]
            self._said = window[-WINDOW:]

        safe: list[bool] = []

        def work() -> None:
            session = self._session(window)
            try:
                self._store(session)
            except BaseException:
                unsaved.put_aside(self.guard.home, session)
                safe.append(True)
                raise
            safe.append(True)
            for waiting in unsaved.take(self.guard.home):
                self._store(waiting)

        self.guard.run(entry, work, None)
        return bool(safe)

    def _session(self, turns: Sequence[Turn]) -> Session:
        from memcore.events import Session

        name = self._namespace or (self._open[0].core.namespace if self._open else "")
        return Session(id=self.session_id, turns=tuple(turns), namespace=name, agent_id=self._agent_id)

    def _store(self, session: Session) -> None:
        engine = self.engine()
        if "ingest" in engine.session_end(_placed(session, engine.core.namespace)):
            return
        plugin = engine.catalog.plugins.get("ingest")
        kind = plugin.reason.split(":")[1].strip() if plugin and ":" in plugin.reason else "ingest is not active"
        raise MemcoreError(f"the turns were not stored ({kind})", cure="memcore doctor")

    def switch(
        self, session_id: str, *, forget_shown: bool = False, cut: bool = False, carried: Sequence[str] = ()
    ) -> None:
        """Go on with another session; `forget_shown` when the host dropped what it was shown (compression, undo).

        `cut` says that the turns so far left the conversation too (compression); `carried` names sessions whose turns
        came along (a branch).
        """
        if forget_shown or session_id == self.session_id:
            self.epoch += 1
        if session_id != self.session_id:
            self._said, self.sieve.since = [], None
            self.sieve.sessions = frozenset(carried)
        if cut and self._open:
            self.sieve.since = self._open[0].now()
        self.session_id, self._block = session_id, None

    def reconcile(self, target: str, entries: Sequence[str]) -> bool:
        """Make the mirror of one memory file equal to its entries; return whether it went well.

        What is new is kept, what is gone is retired, what was changed is superseded.
        """

        def work() -> bool:
            self.mirror.reconcile(target, entries)
            self._entries[target] = [entry.strip() for entry in entries]
            return True

        return self.guard.run("reconcile", work, False)

    def close(self) -> None:
        """Close the engine; a second call does nothing."""
        with self._lock:
            self._closed = True
            self.guard.close()
            while self._open:
                self.guard.run("close", self._open.pop().close, None)


def _placed(session: Session, namespace: str) -> Session:
    """Return a session that was put aside before the default namespace could be read with that namespace."""
    import attrs

    return session if session.namespace else attrs.evolve(session, namespace=namespace)


def _without(block: str, known: set[str]) -> str:
    """Return a block without known lines, and without the headings under which nothing is left."""
    kept: list[str] = []
    for line in block.splitlines():
        if line.startswith("## ") and kept and kept[-1].startswith("## "):
            kept.pop()
        if line not in known and (line or (kept and not kept[-1].startswith("## "))):
            kept.append(line)
    while kept and (not kept[-1] or kept[-1].startswith("## ")):
        kept.pop()
    return "\n".join(kept)
