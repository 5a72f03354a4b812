from __future__ import annotations

import pytest
from memcore_plugins.ingest.formats import FORMATS, bank_kind, identify

DUMP = "# Session: 2026-01-31 10:00:00 UTC\n\n- **Session Key**: main\n\nuser: hello\nassistant: hi\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("MEMORY.md", "memory"),
        ("memory.md", "memory"),
        ("hermes/memories/MEMORY.md", "hermes"),
        ("USER.md", "identity"),
        ("IDENTITY.md", "identity"),
        ("SOUL.md", "identity"),
        ("CLAUDE.md", "agents"),
        (".claude/agents/planner.md", "agents"),
        ("bank/world.md", "bank"),
        ("memory/bank/platform/forum.md", "bank"),
        ("bank/opinions.md", "opinions"),
        ("bank/opinions-suppliers.md", "opinions"),
        ("bank/entities/林雨桐.md", "entity"),
        ("bank/entities/TEMPLATE.md", "template"),
        ("bank/README.md", "note"),
        ("memory/2026-01-31.md", "daily"),
        ("memory/2026-01-31-keys.md", "daily"),
        ("memory/oncall-2026-01-31.md", "daily"),
        ("memory/2026_01_31.md", "daily"),
        ("memory/process-observations.md", "note"),
        ("memory/dreaming/light/2026-01-31.md", "machine"),
        ("DREAMS.md", "machine"),
        ("memory/.dreams/x.md", "machine"),
        ("memory/context-digest.md", "machine"),
        ("wiki/concepts/tide.md", "wiki"),
        ("wiki/sources/2026-01-survey.md", "wiki"),
        ("logs/run.jsonl", "transcript"),
        ("todo.md", "note"),
        (None, "note"),
    ],
)
def test_name_and_place_give_the_format(path, expected):
    assert identify(path, "some text") == expected


@pytest.mark.parametrize("path", ["memory/2026-01-31-1000.md", "memory/2026-01-31-talk.md", "notes.md", None])
def test_a_session_dump_is_known_by_its_text(path):
    assert identify(path, DUMP) == "session"


def test_lines_of_a_conversation_are_enough():
    assert identify("chat.md", "user: a\nassistant: b\nuser: c\nassistant: d\n") == "session"


def test_one_quoted_turn_makes_no_dump():
    assert identify("memory/2026-01-31.md", "# 2026-01-31\n\nHe wrote:\n\nuser: hello\n\nand left.\n") == "daily"


def test_a_store_with_delimiters_is_known_by_them():
    assert identify("MEMORY.md", "one\n§\ntwo\n") == "hermes"
    assert identify("MEMORY.md", "paragraph § 4 of the lease\n") == "memory"


@pytest.mark.parametrize("hint", FORMATS)
def test_a_hint_is_believed(hint):
    assert identify("MEMORY.md", "text", hint) == hint


def test_an_unknown_hint_is_not():
    assert identify("MEMORY.md", "text", "poem") == "memory"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("bank/world.md", "world"),
        ("bank/experience.md", "experience"),
        ("bank/lessons.md", "pattern"),
        ("bank/contacts.md", "fact"),
    ],
)
def test_the_name_of_a_bank_page_gives_the_kind(path, kind):
    assert bank_kind(path) == kind
