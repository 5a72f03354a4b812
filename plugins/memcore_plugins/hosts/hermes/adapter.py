"""The memory provider that Hermes Agent loads. Needs Hermes: import it inside Hermes, or in tests of it.

Both call shapes are served: 0.19 (no session id in prefetch, no author) and what came later (`turn_author`,
`previous_content`, checkpoints before compression). Every hook is safe before `initialize` and after `shutdown`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.memory_provider import MemoryProvider
from memcore import Engine
from memcore.events import Turn

from memcore_plugins.hosts.guard import Guard
from memcore_plugins.hosts.hermes import config, files, tools
from memcore_plugins.hosts.messages import turns_of, unfenced
from memcore_plugins.hosts.provider import MemcoreProvider
from memcore_plugins.hosts.settings import HostsSettings, seconds_of

__all__ = ["HermesProvider", "namespace_of", "register"]

BUSY_SECONDS = 2.0
"""Wait for another writer; what cannot be stored then waits in the home, so a tool result is never held up for long."""


class HermesProvider(MemoryProvider):  # type: ignore[misc]  # Hermes ships no types
    """Serve one Hermes session from `$HERMES_HOME/memcore/memory.db`; several sessions share the file."""

    pre_compress_checkpoint_api_version = 2

    def __init__(self) -> None:
        self._memory: MemcoreProvider | None = None
        self._watch: files.Watch | None = None
        self._writes = False

    @property
    def name(self) -> str:
        """Return the name in `memory.provider`, which is that of the plugin's directory."""
        return "memcore"

    def is_available(self) -> bool:
        """Return True: nothing but Python is needed, and a database that fails costs recall only."""
        return True

    def initialize(self, session_id: str, **given: Any) -> None:
        """Take the paths and the identity of this session; the database opens with the first use."""
        self.shutdown()
        hermes = Path(given.get("hermes_home") or os.environ.get("HERMES_HOME") or Path.home() / ".hermes")
        home = hermes / "memcore"
        self._writes = given.get("agent_context", "primary") == "primary"
        seconds = Guard(home, "hermes").run("initialize", lambda: seconds_of(home), HostsSettings().seconds)
        self._memory = MemcoreProvider(
            lambda: Engine.open(home=home, settings={"busy_timeout": BUSY_SECONDS}),
            home=home,
            host="hermes",
            session_id=session_id or "",
            namespace=namespace_of(given),
            agent_id=given.get("agent_identity"),
            seconds=seconds,
            in_prompt=config.shown_targets(hermes),
            in_context=True,
        )
        self._watch = files.Watch(hermes / "memories")

    def shutdown(self) -> None:
        """Close the database; a second call does nothing."""
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.close()

    # --- recall ---

    def system_prompt_block(self) -> str:
        """Return the stable block; the same text until the session changes."""
        return self._recalled(lambda memory: memory.system_prompt_block(), "system_prompt_block")

    def prefetch(self, query: str, *, session_id: str = "", **_: Any) -> str:
        """Answer the current question: few, dated lines, nothing shown before in this session."""
        return self._recalled(lambda memory: memory.prefetch(query, session_id=session_id), "prefetch")

    def queue_prefetch(self, query: str, *, session_id: str = "", **_: Any) -> None:
        """Do nothing: recall answers the question at hand, not the one before."""

    # --- capture ---

    def sync_turn(
        self,
        user_content: str,
        assistant_content: str,
        *,
        session_id: str = "",
        messages: list[dict[str, Any]] | None = None,
        **given: Any,
    ) -> None:
        """Store the raw turn; what can be derived from it is derived in the same step or by upkeep."""
        author = given.get("turn_author")
        speaker = author.get("name") if isinstance(author, Mapping) else None
        said = (("user", user_content, speaker), ("assistant", assistant_content, None))
        turns = [
            Turn(role=role, content=text, speaker=name)
            for role, words, name in said
            if isinstance(words, str) and (text := unfenced(words))
        ]
        self._keep(turns, "sync_turn", new=True, before=_before(turns, messages or ()))

    def on_session_end(self, messages: list[dict[str, Any]]) -> None:
        """Keep the whole transcript; turns that were synced before are recognised."""
        self._keep(turns_of(messages or [], ""), "on_session_end")

    def on_pre_compress(self, messages: list[dict[str, Any]], *, require_checkpoint: bool = False, **_: Any) -> str:
        """Store what is about to be summarised before returning; raise only where Hermes asks for certainty."""
        kept = self._keep(turns_of(messages or [], ""), "on_pre_compress")
        if require_checkpoint and not kept:
            raise RuntimeError("memcore could not store the transcript; see hosts.log in its home")
        return ""

    def on_delegation(self, task: str, result: str, *, child_session_id: str = "", **_: Any) -> None:
        """Keep what a subagent was asked and what it found."""
        text = unfenced(f"Delegated: {task}\nResult: {result}")
        self._keep([Turn(role="assistant", content=text)], "on_delegation", new=True)

    def on_memory_write(
        self, action: str, target: str, content: str, metadata: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Follow the built-in memory: add, replace, remove."""
        if self._memory and self._writes:
            self._memory.on_memory_write(action, target, content, metadata)

    def on_session_switch(
        self,
        new_session_id: str,
        *,
        parent_session_id: str = "",
        reset: bool = False,
        rewound: bool = False,
        **given: Any,
    ) -> None:
        """Go on under another id; after compression, reset or undo the model has not seen what was shown."""
        if self._memory:
            reason = given.get("reason")
            cut = reason == "compression"
            carried = (parent_session_id, new_session_id) if reason == "branch" else (new_session_id,)
            self._memory.switch(new_session_id, forget_shown=reset or rewound or cut, cut=cut, carried=carried)

    # --- tools and setup ---

    def get_tool_schemas(self) -> list[dict[str, Any]]:
        """Return the schemas of the tools; short, because they are paid for with every request."""
        return tools.SCHEMAS

    def handle_tool_call(self, tool_name: str, args: dict[str, Any], **_: Any) -> str:
        """Run a tool and return JSON, whatever happens."""
        return tools.call(self._memory, tool_name, args, writes=self._writes)

    def get_config_schema(self) -> list[dict[str, Any]]:
        """Return no questions: memcore works without answers."""
        return []

    def save_config(self, values: dict[str, Any], hermes_home: str) -> None:
        """Keep nothing: settings live in memcore.toml beside the database."""

    def backup_paths(self) -> list[str]:
        """Return nothing: everything lies inside HERMES_HOME."""
        return []

    # --- helpers ---

    def _keep(self, turns: Sequence[Turn], entry: str, **given: Any) -> bool:
        if self._memory is None or not self._writes:
            return False
        return self._memory.keep(turns, entry, **given)

    def _recalled(self, work: Callable[[MemcoreProvider], str], entry: str) -> str:
        """Follow the memory files, then recall, both under one deadline."""
        memory, watch, writes = self._memory, self._watch, self._writes
        if memory is None or watch is None:
            return ""

        def both() -> str:
            if writes:
                _follow_files(memory, watch)
            return work(memory)

        return memory.guard.run(entry, both, "", seconds=memory.seconds)


def _before(turns: Sequence[Turn], messages: Sequence[Mapping[str, Any]]) -> Sequence[Turn]:
    """Return what stands before these turns in the messages, which may already hold later ones."""
    said, words = turns_of(messages, ""), [turn.content for turn in turns]
    for start in range(len(said) - len(words), 0, -1):
        if [turn.content for turn in said[start : start + len(words)]] == words:
            return said[:start]
    return ()


def _follow_files(memory: MemcoreProvider, watch: files.Watch) -> None:
    """Bring in edits of the memory files that Hermes does not report: background reviews, approvals, hands."""
    for target, entries, stamp in watch.changed():
        if memory.reconcile(target, entries):
            watch.seen(target, stamp)


def namespace_of(given: Mapping[str, Any]) -> str | None:
    """Return the namespace of a session: that of the user or group chat where the platform names one, else None."""
    platform = str(given.get("platform") or "cli")
    if given.get("chat_type") in ("group", "supergroup", "channel") and given.get("chat_id"):
        return f"chat:{platform}:{given['chat_id']}".strip()
    user = given.get("user_id") or given.get("user_id_alt")
    return f"user:{platform}:{user}".strip() if user else None


def register(ctx: Any) -> None:
    """Register a new provider with Hermes; called once for each agent."""
    ctx.register_memory_provider(HermesProvider())
