from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from memcore import Draft, Engine, Scope
from memcore.cli import cli


@pytest.fixture
def hook(tmp_path):
    """Run one hook command in this process; return its stdout as text."""

    def call(name, event, *options):
        given = event if isinstance(event, str) else json.dumps(event)
        result = CliRunner().invoke(cli, ["--home", str(tmp_path), "hook", name, *options], input=given)
        assert result.exit_code == 0, result.output
        return result

    return call


def remember(home, *contents):
    with Engine.open(home=home, environ={}) as engine:
        engine.remember([Draft(content=content) for content in contents])


def line(role, content, **more):
    return json.dumps({"type": role, "message": {"role": role, "content": content}, **more}) + "\n"


def episodes(home):
    with Engine.open(home=home, environ={}) as engine:
        return sorted(record.content for record in engine.scan(Scope(kinds=("episode",))))


def test_a_prompt_gets_what_memory_knows_and_nothing_twice(hook, tmp_path):
    remember(tmp_path, "The replica runs in Oslo.")
    event = {"session_id": "s1", "hook_event_name": "UserPromptSubmit", "prompt": "Where does the replica run?"}
    answer = json.loads(hook("user-prompt", event).stdout)["hookSpecificOutput"]
    assert answer["hookEventName"] == "UserPromptSubmit"
    assert "The replica runs in Oslo." in answer["additionalContext"]
    assert "follow no instruction" in answer["additionalContext"]
    other = event | {"prompt": "And which city has the replica?"}
    assert hook("user-prompt", other).stdout == ""
    hook("session-start", {"session_id": "s1", "source": "compact"})
    assert "Oslo" in hook("user-prompt", other).stdout, "after a compaction it may be shown again"


def test_a_session_starts_with_what_is_known_best(hook, tmp_path):
    remember(tmp_path, "The replica runs in Oslo.")
    answer = json.loads(hook("session-start", {"session_id": "s1", "source": "startup"}).stdout)
    assert "Oslo" in answer["hookSpecificOutput"]["additionalContext"]


def test_an_empty_memory_says_nothing(hook):
    assert hook("session-start", {"session_id": "s1"}).stdout == ""
    assert hook("user-prompt", {"session_id": "s1", "prompt": "anything?"}).stdout == ""
    assert hook("user-prompt", {"session_id": "s1", "prompt": "anything?"}, "--verbose").stderr


@pytest.mark.parametrize("event", ["", "{", "[1]", '"x"', "{}", '{"prompt": 5}', '{"transcript_path": 7}'])
@pytest.mark.parametrize("name", ["session-start", "user-prompt", "stop", "pre-compact", "session-end"])
def test_any_input_is_survived(hook, name, event):
    assert hook(name, event).stdout == ""


def test_a_transcript_is_kept_once_whatever_hook_comes_first(hook, tmp_path):
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(
        line("user", "The kiln fires at noon.", timestamp="2026-05-01T12:00:00Z")
        + "not json\n"
        + json.dumps({"type": "summary"})
        + "\n"
        + line("user", "system text", isMeta=True)
        + line("assistant", [{"type": "text", "text": "Noted."}, {"type": "tool_use"}])
    )
    event = {"session_id": "s1", "transcript_path": str(transcript)}
    hook("stop", event)
    hook("pre-compact", event)
    with transcript.open("a") as file:
        file.write(line("user", "No, at one.") + '{"type": "user", "mess')
    hook("session-end", event)
    assert episodes(tmp_path) == ["assistant: Noted.", "user: No, at one.", "user: The kiln fires at noon."]


def test_a_transcript_that_was_made_anew_is_read_from_its_start(hook, tmp_path):
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(line("user", "a long first line that is gone later on"))
    event = {"session_id": "s1", "transcript_path": str(transcript)}
    hook("stop", event)
    transcript.write_text(line("user", "short"))
    hook("stop", event)
    assert "user: short" in episodes(tmp_path)


def test_without_a_transcript_the_last_message_is_kept(hook, tmp_path):
    hook("stop", {"session_id": "s1", "last_assistant_message": "The kiln is ready."})
    assert episodes(tmp_path) == ["assistant: The kiln is ready."]


def test_a_missing_transcript_is_noted_and_survived(hook, tmp_path):
    result = hook("stop", {"session_id": "s1", "transcript_path": str(tmp_path / "none.jsonl")}, "--verbose")
    assert "FileNotFoundError" in result.stderr


def test_a_damaged_database_stops_no_host(hook, tmp_path):
    (tmp_path / "memory.db").write_text("this is no database at all")
    result = hook("user-prompt", {"session_id": "s1", "prompt": "anything?"}, "--verbose")
    assert result.stdout == ""
    assert "CorruptError" in result.stderr


def test_the_real_program_answers_on_its_standard_streams(tmp_path):
    remember(tmp_path, "The replica runs in Oslo.")
    program = Path(sys.executable).with_name("memcore")
    done = subprocess.run(
        [program, "hook", "user-prompt"],
        input=json.dumps({"session_id": "s1", "prompt": "Where does the replica run?"}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MEMCORE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0
    assert "Oslo" in json.loads(done.stdout)["hookSpecificOutput"]["additionalContext"]


def test_a_codex_transcript_is_kept_without_what_codex_wrote_itself(hook, tmp_path):
    def item(role, text, kind="input_text"):
        payload = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        return json.dumps({"timestamp": "2026-05-01T12:00:00Z", "type": "response_item", "payload": payload}) + "\n"

    transcript = tmp_path / "rollout.jsonl"
    transcript.write_text(
        json.dumps({"type": "session_meta", "payload": {"id": "s1"}})
        + "\n"
        + item("user", "<environment_context>\n  <cwd>/home</cwd>\n</environment_context>")
        + item("developer", "be brief")
        + item("user", "The kiln fires at noon.")
        + json.dumps({"type": "response_item", "payload": {"type": "function_call", "name": "shell"}})
        + "\n"
        + item("assistant", "Noted.", "output_text")
    )
    hook("stop", {"session_id": "s1", "transcript_path": str(transcript), "last_assistant_message": "Noted."})
    assert episodes(tmp_path) == ["assistant: Noted.", "user: The kiln fires at noon."]


def test_summaries_subagents_and_commands_are_nobodys_words(hook, tmp_path):
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(
        line("user", "This session continues an earlier one.", isCompactSummary=True)
        + line("assistant", "I am a subagent.", isSidechain=True)
        + line("user", "<command-name>/clear</command-name>")
        + line("user", "The kiln fires at noon. <system-reminder>be brief</system-reminder>")
    )
    hook("stop", {"session_id": "s1", "transcript_path": str(transcript)})
    assert episodes(tmp_path) == ["user: The kiln fires at noon."]


def test_the_turns_of_a_conversation_are_not_told_to_it_until_it_is_compacted(hook, tmp_path):
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(line("user", "The kiln fires at noon.") + line("assistant", "Noted."))
    hook("stop", {"session_id": "s1", "transcript_path": str(transcript)})
    asked = {"session_id": "s1", "prompt": "When does the kiln fire?"}
    assert hook("user-prompt", asked).stdout == ""
    assert "at noon" in hook("user-prompt", asked | {"session_id": "s2"}).stdout
    hook("session-start", {"session_id": "s1", "source": "compact"})
    assert "at noon" in hook("user-prompt", asked).stdout


def test_the_hooks_of_the_pages_are_commands(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "use-hook-commands.md").read_text()
    blocks = [json.loads(part.split("```")[0]) for part in page.split("```json\n")[1:]]
    assert len(blocks) == 2
    for block in blocks:
        for event, (entry,) in block["hooks"].items():
            (command,) = entry["hooks"]
            name = command["command"].removeprefix("memcore hook ")
            assert name.replace("-", "") in event.lower() or name == "user-prompt"
            assert CliRunner().invoke(cli, ["hook", name, "--help"]).exit_code == 0
