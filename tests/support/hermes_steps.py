"""What runs inside a process of Hermes: one step per line of stdin, one line of JSON for each. Started by `hermes_driver`.

The editable install of memcore is hidden first: its folders leave sys.path, its finders and its metadata go.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

OUT = sys.stdout


def hide_memcore() -> None:
    """Make this interpreter one in which memcore is not installed."""
    root = Path(__file__).parents[2]
    sys.path[:] = [
        p for p in sys.path if not Path(p or ".").resolve().is_relative_to(root) or p == str(Path(__file__).parent)
    ]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "memcore" not in getattr(finder, "__module__", "")]


class Session:
    """One live agent: the conversation, and the steps it knows."""

    def __init__(self, session_id: str, **given) -> None:
        from hermes_state import SessionDB
        from run_agent import AIAgent

        self.database = SessionDB()
        self.messages: list = self.database.get_messages_as_conversation(session_id) or []
        self.agent = AIAgent(
            base_url=os.environ["HERMES_DRIVER_URL"],
            api_key="scripted",
            model="scripted",
            session_id=session_id,
            session_db=self.database,
            quiet_mode=True,
            tool_delay=0,
            max_iterations=6,
            enabled_toolsets=["memory"],
            skip_context_files=True,
            **given,
        )

    @property
    def manager(self):
        return self.agent._memory_manager

    def say(self, text):
        result = self.agent.run_conversation(text, conversation_history=self.messages)
        self.messages = result["messages"]
        return result["final_response"]

    def flush(self):
        return self.manager.flush_pending(60)

    def compress(self):
        self.messages, _ = self.agent._compress_context(self.messages, None, approx_tokens=150_000, force=True)
        return [message.get("content") for message in self.messages]

    def new(self, session_id):
        """What `/new` does in the program: end and switch as one task of the manager's worker."""
        old, messages = self.agent.session_id, self.messages
        self.agent.session_id, self.messages = session_id, []
        self.database.create_session(session_id, source="cli")
        self.agent._cached_system_prompt = None
        self.manager.commit_session_boundary_async(messages, new_session_id=session_id, parent_session_id=old)

    def resume(self, session_id):
        """What `/resume` does in the program."""
        old, self.agent.session_id = self.agent.session_id, session_id
        self.messages = self.database.get_messages_as_conversation(session_id)
        self.manager.on_session_switch(session_id, parent_session_id=old, reset=False, reason="resume")
        return len(self.messages)

    def undo(self):
        """What `/undo` does in the program."""
        self.manager.on_session_switch(self.agent.session_id, rewound=True, reason="undo")

    def end(self):
        self.agent.shutdown_memory_provider(self.messages)
        self.agent.close()

    def hook(self, name, *args, **given):
        """Call one hook of the manager."""
        return getattr(self.manager, name)(*args, **given)

    def raw(self, name, *args, **given):
        """Call one hook of the provider itself, as newer versions of Hermes do."""
        return getattr(self.manager.providers[0], name)(*args, **given)

    def facts(self):
        """Say where the code came from and what the manager holds."""
        import memcore

        return {
            "file": memcore.__file__,
            "providers": [provider.name for provider in self.manager.providers],
            "class": type(self.manager.providers[0]).__mro__[1].__module__,
            "tools": sorted(tool["function"]["name"] for tool in self.agent.tools),
            "threads": sorted(thread.name for thread in threading.enumerate()),
        }


def bare(name: str, *steps):
    """Load the provider as Hermes does, without an agent; call hooks before initialize and after shutdown."""
    from plugins.memory import load_memory_provider

    provider, found = load_memory_provider(name), []
    for hook, args, given in steps:
        try:
            found.append(getattr(provider, hook)(*args, **given))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def main() -> None:
    """Take steps until stdin ends: [agent, method, args...], or ["open", agent, session id, more]."""
    hide_memcore()
    sys.stdout = sys.stderr
    sessions: dict[str, Session] = {}
    for line in sys.stdin:
        who, what, *args = json.loads(line)
        given = args.pop() if args and isinstance(args[-1], dict) and what in ("open", "hook", "raw") else {}
        if who == "bare":
            result = bare(what, *args)
        elif what == "open":
            sessions[who] = Session(*args, **given)
            result = sessions[who].agent.session_id
        else:
            result = getattr(sessions[who], what)(*args, **given)
        OUT.write(json.dumps(result, default=str) + "\n")
        OUT.flush()
