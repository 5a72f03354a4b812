"""What a prompt is not told: what it holds, and what is no longer true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from memcore import Engine, Scope
from memcore.records import Draft
from memcore_plugins.hosts.messages import turns_of
from memcore_plugins.hosts.provider import MemcoreProvider

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path):
    """`world(session, **given)` opens a provider on one shared home; `world.clock` moves its time."""

    class World:
        opened = ()
        time = NOW

        def __call__(self, session, **given):
            given = {"in_context": True, "in_prompt": ("memory", "user"), "seconds": 30} | given
            opener = lambda: Engine.open(home=tmp_path, environ={}, clock=lambda: self.time)
            found = MemcoreProvider(opener, home=tmp_path, session_id=session, **given)
            self.opened = (*self.opened, found)
            return found

        def wait(self):
            self.time += timedelta(hours=1)

    found = World()
    yield found
    for each in found.opened:
        each.close()


def say(provider, *texts):
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(texts)]
    assert provider.keep(turns_of(messages, ""), new=True)


def test_turns_that_repeat_a_replaced_fact_are_not_told(world):
    first = world("s1")
    first.on_memory_write("add", "memory", "The replica runs in Oslo.")
    say(first, "Please note that the replica runs in Oslo.", "Noted.", "Where is it?", "It is in Oslo.")
    world.wait()
    first.on_memory_write("replace", "memory", "The replica runs in Bergen.", {"old_text": "Oslo"})
    say(first, "No longer Oslo: the replica runs in Bergen now.", "Corrected.")
    found = world("s2", in_prompt=()).prefetch("Where does the replica run?")
    assert "The replica runs in Bergen." in found
    assert "No longer Oslo" in found, "the correction itself is true"
    assert "runs in Oslo" not in found
    assert "It is in Oslo" not in found


def test_other_turns_with_the_same_word_are_told(world):
    first = world("s1")
    first.on_memory_write("add", "memory", "The replica runs in Oslo.")
    say(first, "The summer office party will be held in Oslo.")
    world.wait()
    first.on_memory_write("replace", "memory", "The replica runs in Bergen.", {"old_text": "Oslo"})
    assert "party will be held in Oslo" in world("s2").prefetch("Where is the office party held?")


def test_what_is_said_after_the_replacement_is_told(world):
    first = world("s1")
    first.on_memory_write("add", "memory", "The replica runs in Oslo.")
    first.on_memory_write("replace", "memory", "The replica runs in Bergen.", {"old_text": "Oslo"})
    world.wait()
    say(first, "As of today the replica runs in Oslo again.")
    assert "in Oslo again" in world("s2").prefetch("Where does the replica run?")


def test_a_fact_that_came_back_is_true_again(world):
    first = world("s1")
    first.on_memory_write("add", "memory", "The replica runs in Oslo.")
    say(first, "Please note that the replica runs in Oslo.")
    world.wait()
    first.on_memory_write("replace", "memory", "The replica runs in Bergen.", {"old_text": "Oslo"})
    say(first, "It was moved: the replica runs in Bergen.")
    world.wait()
    first.on_memory_write("replace", "memory", "The replica runs in Oslo.", {"old_text": "Bergen"})
    found = world("s2", in_prompt=()).prefetch("Where does the replica run?")
    assert "note that the replica runs in Oslo" in found
    assert "Bergen" not in found


def test_a_longer_wording_makes_nothing_untrue(world):
    first = world("s1")
    first.on_memory_write("add", "memory", "The kiln fires at noon.")
    say(first, "The kiln fires at noon.")
    world.wait()
    first.on_memory_write("replace", "memory", "The kiln fires at noon on Fridays.", {"old_text": "noon"})
    assert "user: The kiln fires at noon." in world("s2").prefetch("When does the kiln fire?")


def test_the_turns_of_the_conversation_are_not_told_to_it(world):
    first = world("s1")
    say(first, "The kiln fires at noon.", "Noted.")
    assert first.prefetch("When does the kiln fire?") == ""
    assert "kiln fires at noon" in world("s2").prefetch("When does the kiln fire?")
    assert "kiln fires at noon" in world("s1", in_context=False).prefetch("When does the kiln fire?")


def test_after_a_compression_only_what_was_said_since_is_known_to_the_conversation(world):
    first = world("s1")
    say(first, "The kiln fires at noon.", "Noted.")
    world.wait()
    first.switch("s1", cut=True)
    world.wait()
    say(first, "The glaze of the kiln is celadon.", "Nice.")
    found = first.prefetch("What is it about the kiln?")
    assert "fires at noon" in found
    assert "celadon" not in found


def test_a_branch_knows_the_turns_it_came_with(world):
    first = world("s1")
    say(first, "The kiln fires at noon.", "Noted.")
    first.switch("s2", carried=("s1", "s2"))
    assert first.prefetch("When does the kiln fire?") == ""
    first.switch("s3", forget_shown=True)
    assert "fires at noon" in first.prefetch("When does the kiln fire?")


def test_entries_of_the_prompt_are_not_told_and_new_ones_of_others_are(world):
    first, second = world("s1"), world("s2")
    first.reconcile("memory", ["The kiln fires at noon."])
    first.system_prompt_block()
    assert first.prefetch("When does the kiln fire?") == ""
    second.on_memory_write("add", "memory", "The kiln was sold to Mina.")
    assert "sold to Mina" in first.prefetch("Who has the kiln?")
    assert "sold to Mina" not in second.prefetch("Who has the kiln?"), "its own model wrote it"


def test_the_block_leaves_out_what_the_host_shows_and_empty_headings(world):
    first = world("s1")
    first.reconcile("user", ["Her name is Mina <3."])
    assert first.system_prompt_block() == ""
    first.engine().remember(Draft(content="The kiln fires at noon.", source="bank/world.md#L1"))
    assert world("s2").system_prompt_block() == "## What is known\n- The kiln fires at noon."


def test_a_hand_edit_supersedes_what_it_changed_and_retires_what_it_dropped(world):
    first = world("s1")
    first.reconcile("memory", ["Backups run on Sunday.", "The port is 9000."])
    first.reconcile("memory", ["Backups run on Monday.", "Mina likes tea."])
    statuses = {r.content: r.status for r in first.engine().scan(Scope(statuses=()))}
    assert statuses == {
        "Backups run on Sunday.": "superseded",
        "Backups run on Monday.": "active",
        "The port is 9000.": "retired",
        "Mina likes tea.": "active",
    }
