from __future__ import annotations

from textwrap import dedent

import pytest
from memcore.records import Source
from memcore_plugins.ingest import IngestSettings
from memcore_plugins.ingest.extract import extract

DAILY = "memory/2026-01-31.md"


def read(text, path=DAILY, **more):
    return extract(Source(text=dedent(text).lstrip("\n"), path=path, **more), IngestSettings())


def drafts(text, path=DAILY, **more):
    return read(text, path, **more).drafts


def contents(text, path=DAILY, **more):
    return [draft.content for draft in drafts(text, path, **more)]


def reasons(text, path=DAILY):
    return [left.reason for left in read(text, path).left_out]


def day(draft):
    return draft.occurred_at.date().isoformat() if draft.occurred_at else None


# --- daily logs ---


def test_a_tag_becomes_a_fact_with_line_kind_entity_and_date():
    (draft,) = drafts("# 2026-01-31\n\n## Retain\n\n- W @Quay: The gate opens at six.\n")
    assert (draft.content, draft.kind, draft.entities) == ("@Quay: The gate opens at six.", "world", ("Quay",))
    assert (draft.source, day(draft), draft.metadata["tag"]) == ("memory/2026-01-31.md#L5", "2026-01-31", "W")


def test_tags_outside_of_retain_sections_are_read_too():
    assert [draft.kind for draft in drafts("- O(c=0.8) @Ana: Likes rope.\n- We met at noon.\n")] == ["opinion", "daily"]


def test_everything_else_in_a_log_is_kept_item_by_item_as_daily():
    text = """
        # 2026-01-31

        Fog until ten.

        ## Visits

        - [x] Ana came
          - with a rope
        - **Bo:** left early

        | Boat | Berth |
        |---|---|
        | Terne | 4 |
        """
    assert [draft.kind for draft in drafts(text)] == ["daily"] * 4
    assert contents(text) == [
        "Fog until ten.",
        "Visits > [x] Ana came\n  - with a rope",
        "Visits > **Bo:** left early",
        "Visits > Boat: Terne; Berth: 4",
    ]


def test_dates_and_times_of_headings_are_no_context():
    assert contents("# 2026-01-31 Storm\n\n## 09:45 Weekly call\n\n- x y\n\n## 10:20\n\n- z w\n") == [
        "Weekly call > x y",
        "z w",
    ]


@pytest.mark.parametrize(
    "heading", ["Retain items carried over", "✅ Decision: RETAIN", '"Retain" convention', "유지보수", "保留意见"]
)
def test_false_headings_open_no_retain_section(heading):
    assert [draft.kind for draft in drafts(f"## {heading}\n\n- B: I kept it\n")] == ["daily"]


def test_a_foreign_heading_opens_a_section_only_if_a_tag_follows():
    assert [draft.kind for draft in drafts("## 保留\n\n- W：门六点开。\n- 没有标签\n")] == ["world", "fact"]
    assert [draft.kind for draft in drafts("## 保留\n\n- 没有标签\n")] == ["daily"]


def test_observation_ids_are_neither_opinions_nor_facts():
    (draft,) = drafts("## Retain (Observer Output)\n\n- O-2026-01-31-01: The lamp was out.\n")
    assert (draft.kind, draft.confidence) == ("daily", None)


def test_an_untagged_item_of_a_retain_section_is_a_fact():
    (draft,) = drafts("## Retain\n\n- The rope is on board.\n")
    assert (draft.kind, draft.content) == ("fact", "The rope is on board.")


def test_templates_in_fences_comments_and_backticks_are_left_out_with_a_reason():
    text = """
        ```markdown
        - W @Someone: a template
        ```

        <!-- - W @Nobody: a comment -->

        - `W @Entity:` is how a tag begins
        - Write `O(c=0.5) @Who:` for an opinion

        Begin with `B @Me:` and end with a stop.
        """
    assert contents(text) == []
    assert sorted(set(reasons(text))) == ["a code fence", "an HTML comment", "documentation of the tag grammar"]


def test_an_open_fence_hides_no_tag_behind_the_next_heading():
    text = "```\nlog line\n\n## Retain\n\n- W @Quay: Still open.\n"
    assert contents(text) == ["@Quay: Still open."]


def test_user_tags_are_left_to_the_dialectic_plugin():
    text = "## Retain\n\n- U @Mina prefers_facts: asked for numbers\n- U(declared) prefers_calm: no calls\n- U-turn signs are up\n"
    assert contents(text) == ["U-turn signs are up"]
    assert reasons(text) == ["a U-tag, read by the dialectic plugin"] * 2


def test_a_date_behind_a_fact_is_the_day_of_the_fact():
    (draft,) = drafts("- W @Quay: Is closed. (harbour note, 2026-01-07)\n")
    assert day(draft) == "2026-01-07"


def test_the_agent_and_namespace_of_the_source_go_on_the_draft():
    (draft,) = drafts("- W @Quay: Is closed.\n", namespace="work", agent_id="skerry")
    assert (draft.namespace, draft.agent_id) == ("work", "skerry")


# --- bank pages ---


@pytest.mark.parametrize(("name", "kind"), [("world", "world"), ("experience", "experience"), ("contacts", "fact")])
def test_the_name_gives_the_kind_of_what_has_no_tag(name, kind):
    assert [draft.kind for draft in drafts("# Page\n\n## Part\n\n- Some fact here.\n", f"bank/{name}.md")] == [kind]


def test_a_section_heading_tells_the_same_words_apart():
    text = "# Preferences\n\n## Mina\n\n- No calls at night.\n\n## Jonas\n\n- No calls at night.\n"
    assert contents(text, "bank/preferences.md") == ["Mina > No calls at night.", "Jonas > No calls at night."]


def test_a_dated_section_dates_its_facts():
    text = "# Experience\n\n## 2026-01-07: The move\n\n- B @Ana: I carried it.\n"
    assert [day(draft) for draft in drafts(text, "bank/experience.md")] == ["2026-01-07"]


# --- opinions, seven layouts ---


def opinion(text, path="bank/opinions.md"):
    (draft,) = drafts(text, path)
    assert draft.kind == "opinion"
    return draft


def test_a_bare_tag_takes_its_nested_fields():
    draft = opinion(
        """
        # Opinions

        O(c=0.85) @Jonas: Trusts what he has seen.
          - Evidence: memory/2026-01-20.md
          - Last reinforced: 2026-01-22
          - Rule: rehearse first
          - Awaiting: a second case
        """
    )
    assert (draft.content, draft.confidence, day(draft)) == ("@Jonas: Trusts what he has seen.", 0.85, "2026-01-22")
    assert draft.metadata["evidence"] == "memory/2026-01-20.md"
    assert draft.metadata["last_reinforced"] == "2026-01-22"
    assert (draft.metadata["rule"], draft.metadata["awaiting"]) == ("rehearse first", "a second case")


def test_a_row_of_a_table_is_an_opinion():
    draft = opinion(
        """
        | Opinion | Confidence | Evidence | Updated |
        |---|---|---|---|
        | Rope beats chain | 0.70 | two winters | 2026-01-30 |
        """
    )
    assert (draft.content, draft.confidence, day(draft)) == ("Rope beats chain", 0.7, "2026-01-30")
    assert draft.metadata["evidence"] == "two winters"


def test_fields_in_backticks_are_fields():
    draft = opinion(
        """
        - `opinion`: Fog is underrated
          - `confidence`: 0.90
          - `updated`: 2026-01-30
          - `evidence`:
            - one morning
            - another morning
        """
    )
    assert (draft.content, draft.confidence, day(draft)) == ("Fog is underrated", 0.9, "2026-01-30")
    assert draft.metadata["evidence"] == ["one morning", "another morning"]


def test_a_statement_takes_the_fields_below_it():
    draft = opinion("- Gulls plan ahead.\n  - Confidence: 0.95\n  - Evidence: the bread\n")
    assert (draft.content, draft.confidence, draft.metadata["evidence"]) == ("Gulls plan ahead.", 0.95, "the bread")


def test_a_dated_line_with_its_source_is_an_opinion_without_confidence():
    draft = opinion("- 2026-01-05: Tea is better than coffee (src: MEMORY.md:29)\n")
    assert (draft.confidence, day(draft), draft.metadata["source"]) == (None, "2026-01-05", "MEMORY.md:29")


def test_legends_are_not_memory():
    text = """
        # Opinions

        - Nobody reads page nine.

        ## Confidence Levels

        - 0.90-1.00: sure
        - below 0.50: a guess

        ## Format

        - `opinion`: what is thought
        """
    assert contents(text, "bank/opinions.md") == ["Nobody reads page nine."]
    assert set(reasons(text, "bank/opinions.md")) == {"a legend or template"}


def test_a_heading_with_a_confidence_below_it_is_an_opinion():
    draft = opinion(
        """
        # Opinions

        ### Short mails are answered

        **Confidence:** 0.85

        Seen again and again.

        | Kind | What |
        |---|---|
        | Supporting | eleven replies |

        *Last updated: 2026-01-12*
        """
    )
    assert draft.content == "Short mails are answered\nSeen again and again."
    assert (draft.confidence, day(draft), draft.metadata["evidence"]) == (0.85, "2026-01-12", "eleven replies")


@pytest.mark.parametrize("text", ["", "# Opinions\n", "# Opinions\n\n*待填充*\n", "<!-- nothing yet -->\n"])
def test_an_empty_page_gives_nothing(text):
    assert drafts(text, "bank/opinions.md") == ()


# --- entity pages ---

PAGE = """
    # ebb-api

    **Kind:** project
    **Owner:** _(nobody yet)_
    **State:** live
    **Last Updated:** 2026-01-12

    ## Core Facts

    - Version: 2.6

    ## Recent Context

    - 2026-01-09: Reads come from Bergen.

    ## Evidence Links

    - ~/notes/2026-01-09.md
    """


def test_an_entity_page_gives_fields_and_facts_that_name_the_entity():
    found = drafts(PAGE, "bank/entities/ebb-api.md")
    assert [draft.content for draft in found] == [
        "ebb-api > Kind: project",
        "ebb-api > State: live",
        "ebb-api > Version: 2.6",
        "ebb-api > 2026-01-09: Reads come from Bergen.",
    ]
    assert all(draft.entities == ("ebb-api",) for draft in found)
    assert [day(draft) for draft in found] == ["2026-01-12", "2026-01-12", "2026-01-12", "2026-01-09"]
    assert reasons(PAGE, "bank/entities/ebb-api.md") == ["a placeholder", "the date of the page", "a link to evidence"]


@pytest.mark.parametrize(
    ("text", "updated", "how"),
    [
        ("# A\n\n**Last Updated:** 2026-01-12\n\n- x y (2026-01-20)\n", "2026-01-12", "field"),
        ("# A\n\n- **Last Updated:** 2026-01-12\n- x y\n", "2026-01-12", "field"),
        ("# A\n\n- x y\n\n*Last updated: 2026-01-12*\n", "2026-01-12", "footer"),
        ("# A\n\n- x y\n- 2026-01-10: z\n- 2026-01-11: w\n", "2026-01-11", "text"),
        ("# A\n\n- x y\n", "2026-01-02", "file"),
    ],
)
def test_the_date_of_a_page_says_how_it_is_known(text, updated, how):
    found = drafts(text, "bank/entities/A.md", metadata={"modified": "2026-01-02T08:00:00+00:00"})
    assert {(draft.metadata["updated"], draft.metadata["updated_from"]) for draft in found} == {(updated, how)}


def test_a_page_without_a_title_is_named_after_its_file():
    assert contents("- 住在杭州。\n", "bank/entities/林雨桐.md") == ["林雨桐 > 住在杭州。"]


# --- MEMORY.md and the identity files ---


def test_a_free_memory_file_keeps_headings_tables_nesting_and_code():
    text = """
        # Memory

        ## Who to ask

        | Subject | Ask |
        |---|---|
        | Tides | Yutong |

        ## Setup

        1. Start the job
           - wait a minute

        Run this:

        ```sh
        ebb --dry-run
        ```
        """
    assert contents(text, "MEMORY.md") == [
        "Who to ask > Subject: Tides; Ask: Yutong",
        "Setup > Start the job\n  - wait a minute",
        "Setup > Run this:\nebb --dry-run",
    ]


def test_a_promotion_keeps_what_dreaming_noted_as_metadata():
    text = """
        # Memory

        ## Promoted From Short-Term Memory (2026-01-12)

        <!-- openclaw-memory-promotion:abc123 -->
        - The gauge reads low. [score=0.871 recalls=5 avg=0.702]
        <!-- trigger: gauge, tide --> <!-- importance: 7 -->
        Source: memory/2026-01-10.md#L3-L5
        """
    (draft,) = drafts(text, "MEMORY.md")
    assert (draft.content, draft.provenance, day(draft)) == ("The gauge reads low.", "inferred", "2026-01-12")
    told = {name: draft.metadata[name] for name in ("promotion", "score", "trigger", "importance", "cited")}
    assert told == {
        "promotion": "abc123",
        "score": 0.871,
        "trigger": "gauge, tide",
        "importance": "7",
        "cited": "memory/2026-01-10.md#L3-L5",
    }


def test_a_hermes_store_is_cut_at_its_delimiter_lines_only():
    text = "One entry.\n§\nTwo lines,\none entry with § 4 in it.\n§\nThree.\n"
    found = drafts(text, "memories/MEMORY.md")
    assert [draft.content for draft in found] == ["One entry.", "Two lines,\none entry with § 4 in it.", "Three."]
    assert [draft.source for draft in found] == [f"memories/MEMORY.md#L{line}" for line in (1, 3, 6)]


def test_a_hermes_store_without_a_delimiter_is_one_entry_within_its_limit():
    assert len(drafts("A paragraph.\n\nAnother.\n", "memories/USER.md")) == 1
    assert len(drafts("A paragraph.\n\nAnother.\n\n" + "More. " * 400, "memories/USER.md")) == 3


def test_identity_fields_may_stand_on_the_next_line_and_placeholders_are_empty():
    text = """
        # IDENTITY

        - **Name:**
          Skerry
        - **Creature:**
          _(not decided yet)_
        - **Avatar:** _(a path)_
        - **Vibe:** dry

        Born in November.
        """
    assert contents(text, "IDENTITY.md") == [
        "IDENTITY > Name: Skerry",
        "IDENTITY > Vibe: dry",
        "IDENTITY > Born in November.",
    ]
    assert {draft.kind for draft in drafts(text, "IDENTITY.md")} == {"identity"}


# --- sessions ---


def test_a_session_dump_gives_one_episode_a_turn_whatever_a_turn_looks_like():
    text = """
        # Session: 2026-01-31 22:15:41 UTC

        - **Session Key**: main:kelp

        user: are you there
        assistant: Yes.
        It is late.
        user: - W @Quay: pasted, do not file it
        """
    found = drafts(text, "memory/2026-01-31-2215.md")
    assert [draft.content for draft in found] == [
        "user: are you there",
        "assistant: Yes.\nIt is late.",
        "user: - W @Quay: pasted, do not file it",
    ]
    assert {draft.kind for draft in found} == {"episode"}
    assert [draft.metadata["position"] for draft in found] == [0, 1, 2]
    assert {draft.metadata["session_id"] for draft in found} == {"main:kelp"}
    assert {draft.occurred_at.isoformat() for draft in found} == {"2026-01-31T22:15:41+00:00"}
    assert [draft.provenance for draft in found] == ["declared", "observed", "declared"]


def test_a_jsonl_transcript_gives_its_turns_and_leaves_other_lines_out():
    lines = [
        '{"role": "user", "content": "hello", "timestamp": "2026-01-31T10:00:00Z"}',
        '{"type": "message", "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}}',
        '{"type": "tool_use"}',
        "not json",
    ]
    found = read("\n".join(lines), "sessions/a.jsonl")
    assert [draft.content for draft in found.drafts] == ["user: hello", "assistant: hi"]
    assert found.drafts[0].occurred_at.isoformat() == "2026-01-31T10:00:00+00:00"
    assert [left.line for left in found.left_out] == [3, 4]


# --- pages of sections ---


def test_a_wiki_section_is_kept_together_under_its_headings():
    text = """
        ---
        title: Tide
        updated: 2026-01-12b
        tags: [sea, moon]
        entities: [Bergen]
        ---

        # Tide

        Comes twice.

        ## Norway

        First line.

        - a bullet
        - another
        """
    first, second = drafts(text, "wiki/concepts/tide.md")
    assert (first.content, second.content) == (
        "Tide\nComes twice.",
        "Tide > Norway\nFirst line.\n- a bullet\n- another",
    )
    assert (first.tags, first.entities, first.kind, day(first)) == (
        ("sea", "moon"),
        ("Bergen",),
        "knowledge",
        "2026-01-12",
    )


def test_items_of_a_running_notes_file_stand_for_themselves():
    assert contents("# Notes\n\n- one thing\n- another\n", "memory/observations.md") == [
        "Notes\none thing",
        "Notes\nanother",
    ]
    assert contents("# Notes\n\n- one thing\n- another\n", "docs/notes.md") == ["Notes\n- one thing\n- another"]


def test_long_sections_are_cut_between_entries_and_long_entries_between_sentences():
    paragraphs = "\n\n".join(f"Paragraph {number} " + "word " * 60 for number in range(10))
    assert all(len(content) < 900 for content in contents(f"# T\n\n{paragraphs}\n", "note.md"))
    endless = contents("The tide came in and went out. " * 2000, "note.md")
    assert max(map(len, endless)) <= 4000
    assert all(content.endswith(".") for content in endless)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("wiki/index.md", "the index of a wiki"),
        ("wiki/log.md", "the log of a wiki"),
        ("DREAMS.md", "machine output"),
        ("bank/entities/TEMPLATE.md", "a template"),
    ],
)
def test_what_is_not_memory_is_left_out_whole(path, reason):
    found = read("# X\n\n- W @A: looks like a tag\n", path)
    assert (found.drafts, [left.reason for left in found.left_out]) == ((), [reason])


def test_imports_of_other_files_are_no_knowledge():
    text = "# Rules\n\n@AGENTS.md\n@bank/preferences.md\n\nAsk first.\n"
    assert contents(text, "CLAUDE.md") == ["Rules\nAsk first."]


# --- bad text ---


def test_a_lone_surrogate_is_replaced_and_a_strange_name_escaped():
    (draft,) = drafts("- half \ud800 a pair\n", "memory/caf\udce9#1.md")
    assert (draft.content, draft.source) == ("half \ufffd a pair", "memory/caf%E9%231.md#L1")


def test_turns_without_text_and_odd_lines_of_a_transcript_are_left_out():
    lines = [
        "[1, 2]",
        "",
        '{"role": "user", "content": 7}',
        '{"role": "user", "content": "  "}',
        '{"role": "user", "content": "when", "timestamp": "yesterday"}',
        '{"role": "user", "content": "here", "timestamp": "2026-01-31T10:00:00"}',
    ]
    found = read("\n".join(lines), "sessions/a.jsonl")
    assert [(draft.content, draft.occurred_at and draft.occurred_at.isoformat()) for draft in found.drafts] == [
        ("user: when", None),
        ("user: here", "2026-01-31T10:00:00+00:00"),
    ]
    assert [left.line for left in found.left_out] == [1, 3, 4]


def test_a_surrogate_that_hides_in_an_escape_is_replaced_too():
    (turn,) = drafts('{"role": "user", "content": "half \\ud800 a pair"}', "a.jsonl")
    assert turn.content == "user: half \ufffd a pair"


def test_an_empty_turn_of_a_dump_is_left_out():
    found = read("user:\nassistant: hi\nuser: a\nassistant: b\n", "chat.md")
    assert [draft.content for draft in found.drafts] == ["assistant: hi", "user: a", "assistant: b"]
    assert [left.reason for left in found.left_out] == ["a turn without text"]


def test_legends_and_tags_on_an_entity_page_are_what_they_are():
    text = "# Pier\n\n- W @Pier: Has two lamps.\n- _(fill in)_\n\n## Format\n\n- one fact per line\n\n## Core Facts\n\n- TBD\n"
    found = read(text, "bank/entities/pier.md")
    assert [(draft.kind, draft.content) for draft in found.drafts] == [("world", "@Pier: Has two lamps.")]
    assert [left.reason for left in found.left_out] == ["a placeholder", "a legend or template", "a placeholder"]


def test_text_nested_below_a_tag_belongs_to_it_and_tags_nested_below_it_do_not():
    text = "## Retain\n\n- W @Quay: Is open\n  until nine\n  - in summer only\n  - O(c=0.6) @Ana: Likes it so\n"
    assert contents(text) == ["@Quay: Is open\nuntil nine\n  - in summer only", "@Ana: Likes it so"]


def test_prose_in_a_page_of_opinions_is_kept_under_its_heading():
    text = "# Opinions\n\nWhat I think.\n\n## Food\n\nTea wins.\n\n| A | B |\n|---|---|\n| x1 | y1 |\n"
    assert [(draft.kind, draft.content) for draft in drafts(text, "bank/opinions.md")] == [
        ("knowledge", "Opinions > What I think."),
        ("opinion", "Food > Tea wins."),
        ("opinion", "Food > A: x1; B: y1"),
    ]


def test_a_date_on_no_calendar_is_no_date():
    assert [day(draft) for draft in drafts("- It broke. (2026-13-45)\n", "notes.md")] == [None]
