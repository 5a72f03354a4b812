"""The real agent: conversations against a scripted server, in processes that have no memcore but the installed copy."""

from __future__ import annotations

import sqlite3
import time

import pytest
from chat_server import STALL, ChatServer
from hermes_driver import HermesHome, last_user_text, system_text
from memcore import Engine, Scope

OSLO = ("memory", {"action": "add", "target": "memory", "content": "The replica runs in Oslo."})
BERGEN = (
    "memory",
    {"action": "replace", "target": "memory", "old_text": "Oslo", "content": "The replica runs in Bergen."},
)


@pytest.fixture
def server():
    with ChatServer() as found:
        yield found


@pytest.fixture
def home(tmp_path, server):
    found = HermesHome(root=tmp_path / "hermes", server=server).prepare(
        memory="Backups run on Sunday.\n§\nThe port is 9000.", user="Her name is Mina."
    )
    found.install()
    return found


def said(home, **scope):
    with Engine.open(home=home.root / "memcore", environ={}) as engine:
        return sorted(record.content for record in engine.scan(Scope(**scope)))


def episodes(home):
    return said(home, kinds=("episode",))


def facts(home):
    return said(home, kinds=("fact",))


def everything_sent(server):
    return "\n".join(str(message.get("content")) for request in server.requests for message in request["messages"])


def test_discovery_finds_the_installed_copy_and_nothing_else(home):
    _, found = home.run(["a", "open", "s1"], ["a", "facts"])
    assert found["providers"] == ["memcore"]
    assert found["class"] == "agent.memory_provider", "it subclasses the interface of Hermes"
    assert found["file"].startswith(str(home.root / "plugins" / "memcore")), "the vendored copy"
    assert found["tools"] == ["memcore_remember", "memcore_search", "memory"]


def test_the_memory_files_are_taken_over_and_stay_as_they_are(home):
    assert facts(home) == ["Backups run on Sunday.", "Her name is Mina.", "The port is 9000."]
    assert (home.root / "memories" / "USER.md").read_text() == "Her name is Mina."


def test_a_correction_holds_in_the_next_session(home, server):
    server.script = [OSLO, "Noted.", "It is in Oslo.", BERGEN, "Corrected."]
    home.run(
        ["a", "open", "s1"],
        ["a", "say", "Please remember: the replica runs in Oslo."],
        ["a", "say", "Where does the replica run?"],
        ["a", "say", "No, the replica runs in Bergen."],
        ["a", "flush"],
        ["a", "end"],
    )
    assert [fact for fact in facts(home) if "replica" in fact] == ["The replica runs in Bergen."]
    assert said(home, statuses=("superseded",)) == ["The replica runs in Oslo."], "its text is not lost"
    assert "user: Please remember: the replica runs in Oslo." in episodes(home)
    server.requests.clear()
    server.script = ["Bergen."]
    home.run(["b", "open", "s2"], ["b", "say", "In which city does the replica run?"], ["b", "end"])
    assert "Bergen" in last_user_text(server.requests[0])
    assert "Oslo" not in everything_sent(server), "neither the fact nor what was said of it"


def test_a_second_session_recalls_the_first_and_nothing_twice(home, server):
    server.script = ["I will keep that in mind."]
    home.run(["a", "open", "s1"], ["a", "say", "The kiln fires at noon on Fridays."], ["a", "flush"], ["a", "end"])
    server.requests.clear()
    home.run(
        ["b", "open", "s2"],
        ["b", "say", "When does the kiln fire?"],
        ["b", "say", "At what time is the kiln fired?"],
        ["b", "end"],
    )
    first, second = (last_user_text(request) for request in server.requests[:2])
    assert "The kiln fires at noon on Fridays." in first
    assert "kiln fires at noon" not in second.replace("At what time is the kiln fired?", "")


def test_what_stands_in_the_prompt_is_not_repeated(home, server):
    home.run(
        ["a", "open", "s1"], ["a", "say", "Which port is it, 9000?"], ["a", "say", "So is the port 9000?"], ["a", "end"]
    )
    prompt = system_text(server.requests[0])
    assert prompt.count("The port is 9000.") == 1, "Hermes puts MEMORY.md into the prompt itself"
    assert "## What is known" not in prompt
    for request in server.requests:
        assert "memory-context" not in last_user_text(request), "the entry and the turns of this session are known"


def test_injected_memory_is_never_taken_in(home, server):
    home.run(["a", "open", "s1"], ["a", "say", "The kiln fires at noon."], ["a", "flush"], ["a", "end"])
    home.run(["b", "open", "s2"], ["b", "say", "When does the kiln fire?"], ["b", "flush"], ["b", "end"])
    kept = episodes(home)
    assert kept == sorted(["assistant: Done.", "user: The kiln fires at noon.", "user: When does the kiln fire?"])


def test_compression_saves_the_turns_first_and_may_show_them_again(home, server):
    lines = [f"Room {number} is painted {colour}." for number, colour in enumerate(("amber", "teal", "ochre", "plum"))]
    steps = [["a", "say", line] for line in lines]
    *_, compressed, _, _ = home.run(
        ["a", "open", "s1"], *steps, ["a", "compress"], ["a", "say", "Which room is painted amber?"], ["a", "end"]
    )
    assert len(compressed) < 2 * len(lines), "it was compressed"
    kept = episodes(home)
    assert {f"user: {line}" for line in lines} <= set(kept)
    assert not [text for text in kept if "CONTEXT" in text], "the summary is nobody's words"
    assert "Room 0 is painted amber." in last_user_text(server.requests[-1])


def test_new_keeps_the_old_session_and_starts_a_clean_one(home, server):
    home.run(
        ["a", "open", "s1"],
        ["a", "say", "The kiln fires at noon."],
        ["a", "new", "s2"],
        ["a", "flush"],
        ["a", "say", "When does the kiln fire?"],
        ["a", "flush"],
        ["a", "end"],
    )
    assert "The kiln fires at noon." in last_user_text(server.requests[-1]), "the old session is memory now"
    with Engine.open(home=home.root / "memcore", environ={}) as engine:
        sessions = {r.content: r.metadata["session_id"] for r in engine.scan(Scope(kinds=("episode",)))}
    assert sessions["user: The kiln fires at noon."] == "s1"
    assert sessions["user: When does the kiln fire?"] == "s2"


def test_a_resumed_session_knows_its_own_turns_and_keeps_the_new_ones(home, server):
    home.run(
        ["a", "open", "s1"], ["a", "say", "The kiln fires at noon."], ["a", "say", "ok"], ["a", "flush"], ["a", "end"]
    )
    server.requests.clear()
    resumed = home.run(
        ["b", "open", "s9"],
        ["b", "resume", "s1"],
        ["b", "say", "ok"],
        ["b", "say", "When does the kiln fire?"],
        ["b", "flush"],
        ["b", "end"],
    )
    assert resumed[1] == 4
    assert "memory-context" not in everything_sent(server), "its own turns stand in the conversation"
    assert turns(home, "s1") == 8, "the second ok is a turn of its own"


def turns(home, session):
    with sqlite3.connect(home.root / "memcore" / "memory.db") as connection:
        return connection.execute("SELECT count(*) FROM session_turns WHERE session_id=?", (session,)).fetchone()[0]


def test_two_live_agents_in_one_process_share_the_file(home, server):
    home.run(
        ["a", "open", "s1"],
        ["b", "open", "s2"],
        ["a", "say", "The kiln fires at noon."],
        ["a", "flush"],
        ["b", "say", "When does the kiln fire?"],
        ["b", "flush"],
        ["a", "end"],
        ["b", "end"],
    )
    assert "The kiln fires at noon." in last_user_text(server.requests[1])
    assert len(episodes(home)) == 3
    assert [line for line in home.log() if line["kind"] != "Nothing"] == []


def test_two_processes_share_the_file(home, server):
    first, second = home.start(["a", "open", "s1"]), home.start(["b", "open", "s2"])
    for process in (first, second):
        home.answer(process)
    for number in range(3):
        for who, process in (("a", first), ("b", second)):
            home.tell(process, [who, "say", f"Line {number} of {who} is about copper."])
    for who, process in (("a", first), ("b", second)):
        home.tell(process, [who, "end"])
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    assert sum("is about copper" in text for text in episodes(home)) == 6


def test_a_kill_in_mid_turn_loses_nothing_that_was_accepted(home, server):
    process = home.start(["a", "open", "s1"], ["a", "say", "The kiln fires at noon."], ["a", "flush"])
    for _ in range(3):
        home.answer(process)
    server.script = [("memory", {"action": "add", "target": "memory", "content": "The glaze is celadon."}), STALL]
    home.tell(process, ["a", "say", "Remember: the glaze is celadon."])
    deadline = time.monotonic() + 60
    while len(server.requests) < 3 and time.monotonic() < deadline:
        server.stall.wait(0.02)
    process.kill()
    process.communicate(timeout=60)
    server.stall.set()
    assert "user: The kiln fires at noon." in episodes(home)
    assert "The glaze is celadon." in facts(home)
    with sqlite3.connect(home.root / "memcore" / "memory.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    server.requests.clear()
    home.run(["b", "open", "s2"], ["b", "say", "When does the kiln fire?"], ["b", "end"])
    assert "The kiln fires at noon." in last_user_text(server.requests[0])


def test_a_memory_file_edited_by_hand_is_followed(home, server):
    path = home.root / "memories" / "MEMORY.md"
    path.write_text("Backups run on Monday.\n§\nThe port is 9000.")
    home.run(["a", "open", "s1"], ["a", "say", "On which day do backups run?"], ["a", "end"])
    assert facts(home) == ["Backups run on Monday.", "Her name is Mina.", "The port is 9000."]
    assert said(home, statuses=("superseded",)) == ["Backups run on Sunday."]
    path.unlink()
    home.run(["a", "open", "s2"], ["a", "say", "Hello again, what is new?"], ["a", "end"])
    assert facts(home) == ["Her name is Mina."], "as `hermes memory reset` does it"


def test_the_model_can_search_and_remember(home, server):
    server.script = [
        ("memcore_remember", {"content": "The kiln fires at noon."}),
        ("memcore_search", {"query": "kiln"}),
        "Noon.",
    ]
    home.run(["a", "open", "s1"], ["a", "say", "Keep and find the kiln."], ["a", "end"])
    kept, found = (message["content"] for message in server.requests[-1]["messages"] if message["role"] == "tool")
    assert '"state": "new"' in kept
    assert "The kiln fires at noon." in found


@pytest.mark.parametrize("damage", ["corrupt", "locked", "missing", "not writable"])
def test_the_agent_goes_on_without_its_memory_and_the_log_says_why(home, server, damage):
    database = home.root / "memcore" / "memory.db"
    lock = None
    if damage == "corrupt":
        database.write_bytes(b"no database at all, " * 500)
    elif damage == "locked":
        lock = sqlite3.connect(database, isolation_level=None)
        lock.execute("PRAGMA locking_mode=EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
    elif damage == "missing":
        database.unlink()
    else:
        database.unlink()
        database.mkdir()
    server.script = ["I am here.", OSLO, "Noted."]
    answers = home.run(
        ["a", "open", "s1"],
        ["a", "say", "The kiln fires at noon."],
        ["a", "say", "The replica runs in Oslo."],
        ["a", "flush"],
        ["a", "end"],
    )
    assert answers[1:3] == ["I am here.", "Noted."]
    kinds = {line["kind"] for line in home.log()}
    wanted = {"corrupt": "CorruptError", "locked": "BusyError", "not writable": "WorkspaceError"}
    assert damage == "missing" or wanted[damage] in kinds, kinds
    assert "kiln" not in str(home.log()), "no private text in the log"
    if lock:
        lock.close()
    elif damage == "corrupt":
        database.unlink()
    elif damage == "not writable":
        database.rmdir()
    home.run(["b", "open", "s2"], ["b", "say", "When does the kiln fire?"], ["b", "flush"], ["b", "end"])
    assert "user: The kiln fires at noon." in episodes(home), "what the database did not take then, it has now"
