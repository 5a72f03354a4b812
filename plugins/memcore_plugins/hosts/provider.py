"""The article's MemoryProvider over an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memcore import Draft, Engine, Query, Record, Scope, Session
from memcore.records import Turn

from memcore_plugins.hosts.guard import Guard
from memcore_plugins.hosts.messages import turns_of, unfenced

__all__ = ["MEMORY_SOURCE", "MemcoreProvider"]

MEMORY_SOURCE = "host-memory:"
"""Prefix of the source of records that mirror an entry of the host's own memory files."""
SCAN_LIMIT = 200


class MemcoreProvider:
    """Serve one conversation of a host. Every method is safe before the engine opens and after it closed.

    `opener` opens the engine on first use, so that a locked or damaged database costs recall and nothing else; the next
    call tries again. `seconds` is the deadline of prefetch and of the prompt block; `in_prompt` names the host's memory
    files that it puts into the prompt itself, which the block need not repeat.
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
    ) -> None:
        self.guard, self.session_id = Guard(home, host), session_id
        self._opener, self._namespace, self._agent_id, self._seconds = opener, namespace, agent_id, seconds
        self._in_prompt = tuple(in_prompt)
        self._lock, self._open, self._closed = threading.Lock(), list[Engine](), False
        self._block: str | None = None
        self.epoch = 0
        """Counts how often the host dropped what it was shown, for example by compression."""

    def engine(self) -> Engine:
        """Return the open engine; raises what opening raises."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the provider is shut down")
            if not self._open:
                self._open.append(self._opener())
            return self._open[0]

    @property
    def scope(self) -> Scope:
        """Return the namespace this host reads and writes."""
        return Scope(namespaces=(self._namespace or self.engine().core.namespace,))

    # --- the four methods of MemoryProvider ---

    def prefetch(self, query: str, *, session_id: str = "") -> str:
        """Return dated, attributed lines that answer the query, nothing already shown in this session, or ""."""
        words = unfenced(query) if isinstance(query, str) else ""
        if not words:
            return ""
        key = f"{session_id or self.session_id}#{self.epoch}"

        def work() -> str:
            recall = self.engine().prefetch(words, scope=self.scope, session_id=key)
            if not recall.hits and recall.notes:
                self.guard.note("prefetch", "Nothing", "; ".join(recall.notes)[:300])
            return recall.text

        return self.guard.run("prefetch", work, "", seconds=self._seconds)

    def on_session_end(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the session said; the same or overlapping messages again change nothing."""
        self.keep(turns_of(messages, self.session_id), "on_session_end")

    def on_memory_write(
        self, action: str, target: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Follow a write of the host's own memory: add, replace (supersede) or remove (retire), through the gate."""
        told = dict(metadata or {})
        self.guard.run("on_memory_write", lambda: self._follow(action, target, content, told), None)

    def system_prompt_block(self) -> str:
        """Return the stable block for the system prompt; it is made once for each session."""
        if self._block is None:

            def work() -> str | None:
                known = {f"- {record.content}" for target in self._in_prompt for record in self._mirror(target)}
                lines = self.engine().prompt_block(self.scope).splitlines()
                return "\n".join(line for line in lines if line not in known)

            self._block = self.guard.run("system_prompt_block", work, None, seconds=self._seconds)
        return self._block or ""

    # --- what hosts with richer hooks call as well ---

    def keep(self, turns: Sequence[Turn], entry: str = "sync_turn") -> bool:
        """Store turns durably and return whether it went well; turns of this session stored before are recognised."""

        def work() -> bool:
            engine = self.engine()
            namespace = self.scope.namespaces[0]
            session = Session(id=self.session_id, turns=tuple(turns), namespace=namespace, agent_id=self._agent_id)
            return "ingest" in engine.session_end(session)

        return self.guard.run(entry, work, False) if turns else True

    def switch(self, session_id: str, *, forget_shown: bool = False) -> None:
        """Go on with another session; `forget_shown` when the host dropped what it was shown (compression, undo)."""
        if forget_shown or session_id == self.session_id:
            self.epoch += 1
        self.session_id, self._block = session_id, None

    def reconcile(self, target: str, entries: Sequence[str]) -> None:
        """Make the mirror of one memory file equal to its entries: what is new is kept, what is gone is retired."""

        def work() -> None:
            engine = self.engine()
            mirrored = {record.content: record for record in self._mirror(target)}
            wanted = [text for text in dict.fromkeys(entry.strip() for entry in entries) if text]
            gone = [record.id for text, record in mirrored.items() if text not in wanted]
            engine.remember([self._draft(target, text) for text in wanted if text not in mirrored])
            engine.retire(gone, reason="no longer in the host's memory file")

        self.guard.run("reconcile", work, None)

    def close(self) -> None:
        """Close the engine; a second call does nothing."""
        with self._lock:
            self._closed = True
            while self._open:
                self.guard.run("close", self._open.pop().close, None)

    # --- the host's own memory ---

    def _draft(self, target: str, content: str) -> Draft:
        return Draft(
            content=unfenced(content),
            kind="identity" if target == "user" else "fact",
            namespace=self.scope.namespaces[0],
            agent_id=self._agent_id,
            source=MEMORY_SOURCE + target,
            metadata={"origin": "memory_write", "tier": "local", "target": target},
        )

    def _mirror(self, target: str) -> list[Record]:
        scope = Scope(namespaces=self.scope.namespaces, source=MEMORY_SOURCE + target)
        return list(self.engine().scan(scope))

    def _follow(self, action: str, target: str, content: str, told: Mapping[str, Any]) -> None:
        engine, text = self.engine(), unfenced(content)
        if action == "add":
            engine.remember([self._draft(target, text)])
            return
        older = self._meant(target, str(told.get("previous_content") or ""), str(told.get("old_text") or ""))
        if action == "replace":
            engine.supersede([record.id for record in older], self._draft(target, text), reason="replaced by the host")
        elif action == "remove":
            engine.retire([record.id for record in older], reason="removed by the host")
        else:
            self.guard.note("on_memory_write", "Unknown", f"action {action!r}")

    def _meant(self, target: str, whole: str, part: str) -> list[Record]:
        """Return the active records that an entry stands for: its mirror, or the same words elsewhere."""
        if not (whole or part):
            return []

        def same(record: Record) -> bool:
            return record.content.strip() == whole.strip() if whole else part in record.content

        found = {record.id: record for record in self._mirror(target) if same(record)}
        if not found:
            query = Query(text=whole or part, scope=self.scope, limit=SCAN_LIMIT)
            hits = self.engine().backend.search(query)
            matching = [hit.record for hit in hits if hit.record.kind != "episode" and same(hit.record)]
            found = {record.id: record for record in (matching if whole or len(matching) == 1 else [])}
        return list(found.values())
