from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Scope, Session, Turn
from upkeep_engine import healthy, open_engine

AT = datetime(2026, 2, 1, 10, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "ingest") as engine:
        yield engine
        assert healthy(engine)


def turns(*lines):
    pairs = (line.split(": ", 1) for line in lines)
    return tuple(Turn(role=role, content=content, occurred_at=AT) for role, content in pairs)


def end(engine, *lines, session="s1", **more):
    return engine.session_end(Session(id=session, turns=turns(*lines), **more))["ingest"]


def kept(engine, kind="episode"):
    found = engine.scan(Scope(kinds=(kind,)))
    return sorted(((record.metadata.get("position"), record.content) for record in found), key=str)


def test_every_turn_becomes_an_episode_that_names_its_speaker(engine):
    report = end(engine, "user: where is the key", "assistant: On the hook.")
    assert kept(engine) == [(0, "user: where is the key"), (1, "assistant: On the hook.")]
    assert report.counts == {"turns": 2, "episodes": 2, "facts": 0}
    (first, _) = engine.scan(Scope(kinds=("episode",)))
    assert (first.metadata["session_id"], first.metadata["role"], first.occurred_at) == ("s1", "user", AT)


def test_the_same_words_of_two_speakers_are_two_episodes(engine):
    said = (
        Turn(role="user", speaker="Ana", content="I like fog"),
        Turn(role="user", speaker="Bo", content="I like fog"),
    )
    engine.session_end(Session(id="s1", turns=said))
    assert [content for _, content in kept(engine)] == ["Ana: I like fog", "Bo: I like fog"]


def test_what_a_turn_and_its_session_carry_stays_on_the_episode(engine):
    turn = Turn(role="user", content="hello", question_id="q7", metadata={"channel": "chat"})
    engine.session_end(Session(id="s1", turns=(turn,), metadata={"host": "x"}, namespace="work", agent_id="skerry"))
    (record,) = engine.scan(Scope(kinds=("episode",)))
    assert {"channel": "chat", "host": "x", "question_id": "q7", "position": 0}.items() <= record.metadata.items()
    assert (record.namespace, record.agent_id) == ("work", "skerry")


def test_tags_in_turns_become_facts_with_the_turn_as_source(engine):
    end(
        engine,
        "user: remember this",
        "assistant: Noted.\n\n- W @Quay: The gate opens at six.\n- O(c=0.8) @Ana: Likes fog.",
    )
    (fact,) = engine.scan(Scope(kinds=("world",)))
    assert (fact.content, fact.source, fact.occurred_at) == ("@Quay: The gate opens at six.", "session:s1#L2", AT)
    (opinion,) = engine.scan(Scope(kinds=("opinion",)))
    assert opinion.confidence == 0.8


@pytest.mark.parametrize("role", ["tool", "system"])
def test_what_tools_and_the_system_say_is_kept_as_untrusted_and_never_as_fact(engine, role):
    end(engine, f"{role}: - W @Quay: The gate opens at six.")
    assert kept(engine, "world") == []
    (record,) = engine.scan(Scope(kinds=("episode",)))
    assert record.provenance == "untrusted"


def test_recalled_memory_in_a_turn_is_taken_out_before_it_is_kept(engine):
    end(
        engine,
        "user: <memory-context>\n- W @Old: recalled\n</memory-context>\nwhere is the key",
        "user: <memory-context>x</memory-context>",
    )
    assert kept(engine) == [(0, "user: where is the key")]
    assert kept(engine, "world") == []


def test_the_same_transcript_again_changes_nothing(engine):
    lines = ("user: a b", "assistant: yes", "user: c d", "assistant: yes")
    end(engine, *lines)
    before = kept(engine)
    assert end(engine, *lines).counts == {"turns": 4, "episodes": 0, "facts": 0}
    assert kept(engine) == before


def test_a_transcript_that_goes_on_adds_only_what_is_new(engine):
    end(engine, "user: one thing", "assistant: two things")
    end(engine, "assistant: two things", "user: three things")
    assert kept(engine) == [(0, "user: one thing"), (1, "assistant: two things"), (2, "user: three things")]


def test_a_compressed_transcript_keeps_the_places_of_known_turns(engine):
    end(engine, "user: one thing", "assistant: two things", "user: three things")
    end(engine, "system: summary of it all", "user: three things", "assistant: four things")
    assert [position for position, _ in kept(engine)] == [0, 1, 2, 3, 4]
    assert dict(kept(engine))[2] == "user: three things"


def test_two_sessions_do_not_share_places(engine):
    end(engine, "user: one thing", session="s1")
    end(engine, "user: another thing", session="s2")
    assert [position for position, _ in kept(engine)] == [0, 0]


def test_a_session_without_words_is_reported_as_nothing(engine):
    assert end(engine).counts == {"turns": 0, "episodes": 0, "facts": 0}
    assert end(engine, "user:  ").counts == {"turns": 1, "episodes": 0, "facts": 0}


def test_a_broken_character_costs_itself_and_not_the_session(engine):
    end(engine, "user: half \ud800 a pair", "assistant: fine")
    assert kept(engine) == [(0, "user: half \ufffd a pair"), (1, "assistant: fine")]


def test_a_refused_turn_is_named_in_the_report(engine):
    key = "ghp_" + "q7Zt2LmX9vRb4KsW8nYc3HdJ6fGp1AeU5oIx"
    (line,) = end(engine, f"user: use {key}", "assistant: no").lines
    assert line.startswith("session:s1#L1: it holds a secret")
    assert key not in line


def test_harvesting_can_be_limited_to_some_roles(tmp_path):
    with open_engine(tmp_path, "ingest", ingest__harvest="assistant") as engine:
        end(engine, "user: - W @Quay: said by the user", "assistant: - W @Quay: said by the agent")
        assert [content for _, content in kept(engine, "world")] == ["@Quay: said by the agent"]


LINES = st.lists(
    st.sampled_from(["user: a b", "user: c d", "assistant: yes", "assistant: - W @Q: is open", "tool: 42"]), max_size=8
)


@settings(deadline=None, max_examples=30)
@given(lines=LINES, data=st.data())
def test_overlapping_deliveries_end_where_one_delivery_ends(tmp_path_factory, lines, data):
    ends = []
    for cuts in ([len(lines)], sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=3))) + [len(lines)]):
        with open_engine(tmp_path_factory.mktemp("home"), "ingest") as engine:
            for cut in cuts:
                end(engine, *lines[:cut])
            rows = engine.workspace.connection().execute("SELECT position, digest FROM session_turns ORDER BY position")
            ends.append(([tuple(row) for row in rows], kept(engine), kept(engine, "world")))
    assert ends[0] == ends[1]
