"""`memcore hook ...`: the hook commands of Claude Code and Codex. JSON in, JSON out, and never in the way.

A hook gets `session_id`, `transcript_path` and `hook_event_name` on stdin. session-start and user-prompt answer with
`additionalContext`; stop, pre-compact and session-end keep what was said. Whatever goes wrong, the exit code is 0.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from memcore.cli import Context, pass_context
from memcore.config import Config

from memcore_plugins.hosts.guard import read_log
from memcore_plugins.hosts.messages import fenced, turns_of
from memcore_plugins.hosts.provider import MemcoreProvider

__all__ = ["hook"]

RECALL_SECONDS = 2.0
"""Deadline of what the user waits for; Claude Code itself allows 60 s."""
KEEP_SECONDS = 20.0
_NOT_SAID = ("isMeta", "isSidechain", "isCompactSummary")
"""Marks of transcript lines that neither the user nor the assistant said in this conversation."""
TRANSCRIPT_PART = 8_000_000
"""Bytes of a transcript read in one run; the rest follows with the next hook."""


@click.group()
def hook() -> None:
    """Serve the hooks of Claude Code and Codex (JSON on stdin and stdout).

    \b
    Examples:
      echo '{"session_id": "s1", "prompt": "where does the replica run"}' | memcore hook user-prompt
      memcore hook session-start --verbose < event.json
    """


def _command(name: str, work: Callable[[MemcoreProvider, Mapping[str, Any]], str], event: str, seconds: float) -> None:
    @hook.command(name, help=(work.__doc__ or "").splitlines()[0])
    @click.option("--verbose", is_flag=True, help="Say on stderr why nothing was given or kept.")
    @pass_context
    def command(context: Context, verbose: bool) -> None:
        given = _event()
        home = Config(home=context.home, overrides=context.overrides).home
        provider = MemcoreProvider(
            lambda: context.engine,
            home=home,
            host="hook",
            session_id=str(given.get("session_id") or ""),
            seconds=seconds,
            in_context=True,
        )
        text = provider.guard.run(name, lambda: work(provider, given), "", seconds=seconds)
        if text:
            answer = {
                "hookSpecificOutput": {"hookEventName": given.get("hook_event_name", event), "additionalContext": text}
            }
            click.echo(json.dumps(answer, ensure_ascii=False))
        elif verbose:
            for line in read_log(home, last=3) or [
                {"entry": name, "kind": "Nothing", "detail": "no memory answers this"}
            ]:
                click.echo(f"{line['entry']}: {line['kind']} {line['detail']}", err=True)


def _event() -> dict[str, Any]:
    try:
        given = json.loads(sys.stdin.read() or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def session_start(provider: MemcoreProvider, given: Mapping[str, Any]) -> str:
    """Give the stable block: who the user is, what is known best."""
    if given.get("source") in ("compact", "clear"):  # the next prompts do not show what was recalled before
        engine, key = provider.engine(), f"cut:{provider.session_id}"
        count, _ = _cut(engine.workspace.get_meta(key))
        engine.workspace.set_meta(key, f"{count + 1} {engine.now().isoformat()}")
    return fenced(provider.system_prompt_block())


def user_prompt(provider: MemcoreProvider, given: Mapping[str, Any]) -> str:
    """Give what memory knows about the prompt, nothing shown before in this session."""
    provider.epoch, provider.sieve.since = _cut(provider.engine().workspace.get_meta(f"cut:{provider.session_id}"))
    return fenced(provider.prefetch(str(given.get("prompt") or "")))


def _cut(meta: str | None) -> tuple[int, datetime | None]:
    """Return how often a conversation was cut, and when last."""
    count, _, at = (meta or "0").partition(" ")
    return int(count), datetime.fromisoformat(at) if at else None


def keep(provider: MemcoreProvider, given: Mapping[str, Any]) -> str:
    """Keep what was said since the last time."""
    path = given.get("transcript_path")
    if isinstance(path, str) and path:
        _keep_transcript(provider, Path(path).expanduser())
    elif isinstance(given.get("last_assistant_message"), str):
        message = {"role": "assistant", "content": given["last_assistant_message"]}
        provider.keep(turns_of([message], provider.session_id), "stop")
    return ""


def _keep_transcript(provider: MemcoreProvider, path: Path) -> None:
    """Read whole new lines of a JSONL transcript and remember how far; the mark moves only when they are stored."""
    workspace = provider.engine().workspace
    key = f"hook:{provider.session_id}"
    start = int(workspace.get_meta(key) or 0)
    with path.open("rb") as file:
        file.seek(0, 2)
        start = start if start <= file.tell() else 0
        file.seek(start)
        part = file.read(TRANSCRIPT_PART)
    whole = part[: part.rfind(b"\n") + 1]
    messages = [message for line in whole.splitlines() if (message := _message(line))]
    turns = turns_of(messages, provider.session_id)
    if provider.keep(turns, "transcript"):
        workspace.set_meta(key, str(start + len(whole)))


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or any(found.get(mark) for mark in _NOT_SAID):
        return None
    inner = found.get("message") or found.get("payload")  # Claude Code, Codex
    if not isinstance(inner, dict):
        return None
    return {**inner, "timestamp": found.get("timestamp")}


_command("session-start", session_start, "SessionStart", RECALL_SECONDS)
_command("user-prompt", user_prompt, "UserPromptSubmit", RECALL_SECONDS)
_command("stop", keep, "Stop", KEEP_SECONDS)
_command("pre-compact", keep, "PreCompact", KEEP_SECONDS)
_command("session-end", keep, "SessionEnd", KEEP_SECONDS)
