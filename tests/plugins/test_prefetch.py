"""Search and prefetch over real records: what comes first, what is left out, and why."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memcore import Draft, Hit, PluginInfo, Query, Scope, hookimpl
from memcore_plugins.prefetch.context import apart
from memcore_plugins.prefetch.schema import query_hash
from upkeep_engine import START, Clock, healthy, open_engine, rows

SCOPE = Scope(namespaces=("default",))


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "prefetch") as opened:
        yield opened
        assert healthy(opened)


def search(engine, text, *, scope=SCOPE, **more):
    return engine.search(Query(text=text, scope=scope, now=engine.now(), **more))


def contents(hits):
    return [hit.record.content for hit in hits]


def talk(engine, lines, *, session="s1", at=START, start=0):
    drafts = []
    for position, line in enumerate(lines, start):
        speaker, _, text = line.partition(": ")
        metadata = {"session_id": session, "position": position, "speaker": speaker}
        drafts.append(Draft(content=text, kind="episode", occurred_at=at, metadata=metadata))
    return [outcome.record for outcome in engine.remember(drafts)]


def test_a_natural_question_finds_the_record_that_answers_it(engine):
    engine.remember(
        [Draft(content="The staging server is called heron."), Draft(content="The cellar is full of apples.")]
    )
    assert (
        contents(search(engine, "What is the name of the staging server?"))[0] == "The staging server is called heron."
    )


def test_an_irregular_form_in_the_text_answers_the_base_form_of_the_question(engine):
    engine.remember([Draft(content="Olga bought a loom."), Draft(content="Olga sings in a choir.")])
    assert contents(search(engine, "What did Olga buy?"))[0] == "Olga bought a loom."


def test_a_related_word_finds_a_record_that_shares_no_word(engine):
    engine.remember([Draft(content="Ravi has three kids."), Draft(content="Ravi owns a boat.")])
    assert contents(search(engine, "How many children does Ravi have?"))[0] == "Ravi has three kids."


def test_a_turn_is_found_through_the_words_of_the_turn_before_it(engine):
    talk(engine, ["Bo: What did you put into the soup?", "Ann: A spoon of vinegar, at the very end.", "Bo: Clever."])
    hits = search(engine, "soup secret of Ann")
    assert contents(hits)[0] == "A spoon of vinegar, at the very end."
    assert any(note.startswith("turns around it") for note in hits[0].notes)
    assert "context" in hits[0].strategies


@pytest.mark.parametrize("known", [True, False])
def test_a_window_reaches_three_turns_and_never_into_another_session(tmp_path, known):
    with open_engine(tmp_path, "prefetch") as engine:
        lines = (
            [f"Ann: filler number {n}" for n in range(4)] + ["Bo: the zeppelin"] + [f"Ann: later {n}" for n in range(4)]
        )
        talk(engine, lines, session="one")
        talk(engine, ["Ann: other session"], session="two", start=5)
        if not known:
            with engine.workspace.transaction() as connection:
                connection.execute("UPDATE episodes SET metadata = json_remove(metadata, '$.position')")
        found = contents(search(engine, "zeppelin Bo", limit=20))
        assert set(found) == {
            "the zeppelin",
            "filler number 1",
            "filler number 2",
            "filler number 3",
            "later 0",
            "later 1",
            "later 2",
        }


def test_the_person_the_question_names_is_the_one_who_said_it(engine):
    talk(engine, ["Ann: I adopted a cat last spring.", "Bo: I adopted a dog last spring."])
    assert contents(search(engine, "Which animal did Bo adopt?"))[0] == "I adopted a dog last spring."
    assert contents(search(engine, "Which animal did Ann adopt?"))[0] == "I adopted a cat last spring."


def test_a_name_before_the_colon_counts_as_the_speaker(engine):
    engine.remember(
        [Draft(content=f"{who}: I adopted a {pet}.", kind="episode") for who, pet in (("Ann", "cat"), ("Bo", "dog"))]
    )
    hits = search(engine, "What did Bo adopt?")
    assert contents(hits)[0] == "Bo: I adopted a dog."
    assert "said by the one asked about: x2.00" in hits[0].notes


def test_a_record_about_the_entity_of_the_question_comes_first(engine):
    engine.remember(
        [
            Draft(content="The roof leaks in autumn.", entities=("pier-signs",)),
            Draft(content="The roof leaks in spring.", entities=("castle",)),
        ]
    )
    hits = search(engine, "When does the roof of the castle leak?")
    assert contents(hits)[0] == "The roof leaks in spring."
    assert "about what the question names: x1.50" in hits[0].notes


def test_a_question_about_a_month_prefers_what_happened_then(engine):
    for month, what in ((1, "painted the kitchen"), (3, "painted the cellar"), (5, "painted the fence")):
        engine.remember(Draft(content=f"We {what}.", occurred_at=datetime(2026, month, 9, tzinfo=UTC)))
    hits = search(engine, "What did we paint in March 2026?")
    assert contents(hits)[0] == "We painted the cellar."
    assert "time" in hits[0].strategies


def test_a_time_in_the_text_counts_more_than_the_day_it_was_told(engine):
    june = datetime(2025, 6, 2, tzinfo=UTC)
    engine.remember(
        [
            Draft(content="We moved house on 14 May 2025.", occurred_at=june),
            Draft(content="We moved the piano on 20 February 2025.", occurred_at=june - timedelta(days=3)),
        ]
    )
    assert contents(search(engine, "What did we move in May 2025?"))[0] == "We moved house on 14 May 2025."


def test_an_open_question_about_a_time_brings_what_there_was_without_a_common_word(engine):
    engine.remember(Draft(content="The ferry was cancelled.", occurred_at=START - timedelta(days=1)))
    engine.remember(Draft(content="Apples were cheap.", occurred_at=START - timedelta(days=90)))
    assert contents(search(engine, "What happened yesterday?")) == ["The ferry was cancelled."]


def test_a_when_question_prefers_the_turn_that_names_a_time(engine):
    talk(
        engine,
        [
            "Ann: I ran the harbor race for charity!",
            "Bo: hm",
            "Bo: so",
            "Bo: well then",
            "Ann: I ran the harbor race yesterday!",
        ],
    )
    hits = search(engine, "When did Ann run the harbor race?")
    assert contents(hits)[0] == "I ran the harbor race yesterday!"
    assert any(note.startswith("names a time") for note in hits[0].notes)


def test_a_turn_that_asks_comes_after_one_that_tells(engine):
    talk(engine, ["Ann: Did the loom arrive on time?"], session="a")
    talk(engine, ["Ann: The loom arrived on time."], session="b")
    assert contents(search(engine, "loom time arrived")) == [
        "The loom arrived on time.",
        "Did the loom arrive on time?",
    ]


def test_confidence_and_provenance_order_what_words_cannot(engine):
    engine.remember(
        [
            Draft(content="The gate opens at seven, says Finn.", confidence=0.2),
            Draft(content="The gate opens at eight, says Gwen.", confidence=0.9),
            Draft(content="The gate opens at nine, says Hank.", confidence=0.9, provenance="untrusted"),
        ]
    )
    assert [text[-5:-1] for text in contents(search(engine, "gate opens says"))] == ["Gwen", "Finn", "Hank"]


def test_the_newer_of_two_equal_records_comes_first(engine):
    engine.remember(
        [
            Draft(content="Printer room: second floor", occurred_at=START - timedelta(days=700)),
            Draft(content="Printer room: third floor", occurred_at=START - timedelta(days=2)),
        ]
    )
    assert contents(search(engine, "printer room floor"))[0] == "Printer room: third floor"


def test_near_duplicates_become_one_hit_with_all_sources(engine):
    engine.remember(
        [
            Draft(content="Deploys happen on Thursdays only.", source="bank/world.md#L6"),
            Draft(content="- Deploys happen on **Thursdays** only (memory/2026-02-01.md#L3)", source="MEMORY.md#L9"),
            Draft(content="Deploys take ten minutes.", source="bank/world.md#L7"),
        ]
    )
    hits = search(engine, "When do deploys happen on Thursdays?")
    assert sorted(hits[0].sources) == ["MEMORY.md#L9", "bank/world.md#L6"]
    assert "said 2 times" in hits[0].notes
    assert len(hits) == 2


def test_without_merging_every_copy_is_a_hit(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__duplicates=False) as engine:
        engine.remember(
            [Draft(content="Deploys happen on Thursdays."), Draft(content="- Deploys happen on Thursdays.")]
        )
        assert len(search(engine, "deploys Thursdays")) == 2


def test_a_hit_that_repeats_a_better_one_makes_room_for_another(engine):
    engine.remember(
        [
            Draft(content="The heron server runs the nightly import of tide tables in Bergen."),
            Draft(content="The heron server runs the weekly import of tide tables in Bergen."),
            Draft(content="The heron server was bought in Bergen for the tide tables project by Mina herself."),
        ]
    )
    hits = search(engine, "heron server tide tables Bergen import")
    assert any(note.startswith("repeats a better hit") for hit in hits for note in hit.notes)


def test_an_unrelated_question_brings_nothing_and_says_so(engine):
    engine.remember(
        [
            Draft(content="The printer on the second floor takes recycled paper."),
            Draft(content="Mina likes tall ships."),
        ]
    )
    for question in (
        "How tall is Kilimanjaro?",
        "What is the boiling point of helium?",
        "Who composed the opera Turandot?",
    ):
        recall = engine.prefetch(question)
        assert recall.hits == ()
    assert any("nothing relevant" in note for note in engine.prefetch("How tall is Kilimanjaro?").notes)


def test_the_floor_can_be_switched_off(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__floor=0) as engine:
        engine.remember(Draft(content="Mina likes tall ships."))
        assert contents(search(engine, "How tall is Kilimanjaro?")) == ["Mina likes tall ships."]


def test_superseded_records_are_left_out(engine):
    old = engine.remember(Draft(content="The weekly call is on Tuesday."))[0].record
    engine.supersede([old.id], Draft(content="The weekly call is on Friday."))
    assert contents(search(engine, "When is the weekly call?")) == ["The weekly call is on Friday."]


def test_other_namespaces_stay_out_of_hits_windows_and_times(engine):
    at = START - timedelta(days=1)
    for namespace in ("default", "other"):
        metadata = {"session_id": "same", "position": 0, "speaker": "Ann"}
        engine.remember(
            [
                Draft(
                    content=f"zeppelin in {namespace}",
                    kind="episode",
                    namespace=namespace,
                    occurred_at=at,
                    metadata=metadata,
                ),
                Draft(
                    content=f"reply in {namespace}",
                    kind="episode",
                    namespace=namespace,
                    occurred_at=at,
                    metadata={**metadata, "position": 1},
                ),
            ]
        )
    for question in ("zeppelin", "What happened yesterday?", "zeppelin Ann yesterday"):
        hits = search(engine, question)
        assert hits
        assert {hit.record.namespace for hit in hits} == {"default"}


def test_a_piece_of_a_word_is_found_when_no_word_matches(engine):
    engine.remember([Draft(content="The Kubernetescluster needs a certificate."), Draft(content="Apples are red.")])
    hits = search(engine, "netescluster")
    assert contents(hits) == ["The Kubernetescluster needs a certificate."]
    assert hits[0].strategies == {"substring": 1.0}


def test_pieces_of_words_are_searched_in_a_bounded_number_of_records(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__substring_rows=3) as engine:
        engine.remember([Draft(content=f"Kubernetescluster{number}") for number in range(6)])
        assert len(search(engine, "netescluster")) == 3
    with open_engine(tmp_path, "prefetch", prefetch__substring_rows=0) as engine:
        assert search(engine, "netescluster") == []


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("数据库迁移定在每周三凌晨两点执行", "数据库什么时候迁移？"),
        ("妹は漢方薬局で働き始めた", "妹はどこで働いている？"),
        ("백업은 SQLite로 저장한다", "SQLite 백업은 어떻게 하나요?"),
    ],
)
def test_a_question_in_another_script_finds_its_record_among_others(engine, text, question):
    engine.remember(
        [
            Draft(content=text),
            Draft(content="나는 산책을 좋아한다"),
            Draft(content="我喜欢喝茶"),
            Draft(content="猫が好きだ"),
        ]
    )
    assert contents(search(engine, question))[0] == text


def test_limits_of_zero_one_and_far_too_many(engine):
    engine.remember([Draft(content=f"apple number {number}") for number in range(30)])
    assert search(engine, "apple", limit=0) == []
    assert len(search(engine, "apple", limit=1)) == 1
    assert len(search(engine, "apple", limit=10_000)) == 30


def test_an_empty_question_brings_nothing(engine):
    engine.remember(Draft(content="apple"))
    assert search(engine, "   ") == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_legal_question(engine, text):
    if not engine.backend.scan(SCOPE, limit=1).records:
        engine.remember(
            [Draft(content="apple pie", kind="episode", metadata={"speaker": "Ann"}), Draft(content="苹果派")]
        )
    search(engine, text, session_id="s")


class Vectors:
    """A synthetic vector strategy: similarities by the last word of a record."""

    info = PluginInfo(summary="a test's vectors")

    def __init__(self, similar):
        self.similar = similar

    @hookimpl
    def memcore_search(self, engine, query):
        found = []
        for record in engine.scan(query.scope):
            score = self.similar.get(record.content.split()[-1].strip("."))
            if score is not None:
                found.append(Hit(record=record, score=score, strategies={"vector": score}))
        return found


def test_a_close_vector_brings_what_words_cannot(engine):
    engine.remember([Draft(content="Her feline sleeps all day."), Draft(content="The cat door is open.")])
    engine.register(Vectors({"day": 0.71, "open": 0.30}), name="vectors-of-a-test")
    hits = search(engine, "Which pet does she have?")
    assert contents(hits)[0] == "Her feline sleeps all day."
    assert hits[0].strategies["vector"] == 0.71


def test_distant_vectors_do_not_make_an_unrelated_question_relevant(engine):
    engine.remember([Draft(content=f"Record number {word}") for word in ("one", "two", "three")])
    engine.register(Vectors({"one": 0.21, "two": 0.19, "three": 0.18}), name="vectors-of-a-test")
    assert search(engine, "How tall is Kilimanjaro?") == []


def test_words_and_vectors_together_beat_each_alone(engine):
    engine.remember(
        [
            Draft(content="The budget meeting was moved to the red room."),
            Draft(content="The budget was cut by a third."),
            Draft(content="Our gathering about money takes place upstairs."),
        ]
    )
    engine.register(Vectors({"room": 0.62, "third": 0.35, "upstairs": 0.60}), name="vectors-of-a-test")
    assert (
        contents(search(engine, "Where is the budget meeting?"))[0] == "The budget meeting was moved to the red room."
    )


def test_a_vector_list_without_a_clear_best_hit_cannot_turn_the_words_around(engine):
    engine.remember(
        [Draft(content=f"Tide table entry {number}") for number in range(25)]
        + [Draft(content="The heron server sleeps at noon")]
    )
    similar = {str(number): 0.60 + number / 10_000 for number in range(25)} | {"noon": 0.5995}
    engine.register(Vectors(similar), name="vectors-of-a-test")
    assert contents(search(engine, "When does the heron server sleep?"))[0] == "The heron server sleeps at noon"


def test_a_strategy_of_a_third_party_takes_part_with_little_weight(engine):
    class Dice:
        info = PluginInfo(summary="a strategy nobody knows")

        @hookimpl
        def memcore_search(self, engine, query):
            return [
                Hit(record=r, score=9.0, strategies={"dice": 9.0})
                for r in engine.scan(query.scope)
                if "apple" in r.content
            ]

    engine.remember([Draft(content="The heron server sleeps."), Draft(content="An apple a day.")])
    engine.register(Dice(), name="dice")
    hits = search(engine, "heron server sleeps")
    assert contents(hits) == ["The heron server sleeps.", "An apple a day."]
    assert hits[1].strategies == {"dice": 9.0}


def test_what_a_session_was_shown_is_not_shown_again_but_asking_the_same_is(tmp_path):
    with open_engine(tmp_path, "prefetch") as engine:
        engine.remember(
            [Draft(content="The heron server runs in Bergen."), Draft(content="The heron server was bought used.")]
        )
        first = engine.prefetch("heron server Bergen", limit=1, session_id="s1")
        assert contents(first.hits) == ["The heron server runs in Bergen."]
        assert contents(engine.prefetch("where is the heron server", session_id="s1").hits) == [
            "The heron server was bought used."
        ]
        assert contents(engine.prefetch("heron  SERVER Bergen", limit=1, session_id="s1").hits) == contents(first.hits)
        assert len(engine.prefetch("where is the heron server", session_id="s2").hits) == 2
        assert len(search(engine, "where is the heron server")) == 2
        assert engine.stats()["prefetch"] == {"recalls": 4, "sessions": 2}


def test_repetition_can_be_allowed(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__repeat=True) as engine:
        engine.remember(Draft(content="The heron server runs in Bergen."))
        for question in ("heron server", "heron Bergen"):
            assert len(engine.prefetch(question, session_id="s1").hits) == 1


def test_a_recall_without_a_session_leaves_no_note_and_a_note_holds_no_question(engine):
    engine.remember(Draft(content="The heron server runs in Bergen."))
    engine.prefetch("heron server")
    assert rows(engine, "recalls") == []
    engine.prefetch("heron server", session_id="s1")
    (note,) = rows(engine, "recalls")
    assert note[1:4] == ("s1", query_hash("heron server"), None)


def test_the_question_is_kept_only_when_a_setting_says_so(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__keep_query_text=True) as engine:
        engine.remember(Draft(content="The heron server runs in Bergen."))
        engine.prefetch("heron server", session_id="s1")
        assert rows(engine, "recalls")[0][3] == "heron server"


def test_notes_expire_in_maintenance_and_a_dry_run_only_counts(tmp_path):
    clock = Clock()
    with open_engine(tmp_path, "prefetch", clock=clock) as engine:
        engine.remember(Draft(content="The heron server runs in Bergen."))
        engine.prefetch("heron server", session_id="s1")
        clock.move(days=29)
        assert engine.maintain(only="prefetch")["prefetch"].counts == {"expired": 0}
        clock.move(days=2)
        assert engine.maintain(only="prefetch", dry_run=True)["prefetch"].counts == {"expired": 1}
        assert len(rows(engine, "recalls")) == 1
        assert engine.maintain(only="prefetch")["prefetch"].counts == {"expired": 1}
        assert rows(engine, "recalls") == []


def test_forgetting_a_record_forgets_that_it_was_shown(engine):
    kept, gone = (
        o.record for o in engine.remember([Draft(content="The heron server."), Draft(content="The heron lake.")])
    )
    engine.prefetch("heron", session_id="s1")
    assert engine.forget(Scope(ids=(gone.id,)))["prefetch"] == 1
    assert [row[0] for row in rows(engine, "recalls")] == [kept.id]


def test_a_busy_writer_does_not_hold_up_a_prompt(tmp_path):
    with open_engine(tmp_path, "prefetch", busy_timeout=20.0) as engine:
        engine.remember(Draft(content="The heron server runs in Bergen."))
        held, done = threading.Event(), threading.Event()

        def write():
            with engine.workspace.transaction() as connection:
                connection.execute("INSERT INTO meta VALUES('x', 'y')")
                held.set()
                done.wait(30)

        writer = threading.Thread(target=write)
        writer.start()
        held.wait(30)
        try:
            assert len(engine.prefetch("heron server", session_id="s1").hits) == 1
        finally:
            done.set()
            writer.join()
        assert engine.workspace.connection().execute("PRAGMA busy_timeout").fetchone() == (20_000,)


def test_hits_explain_themselves(engine):
    engine.remember(Draft(content="The heron server runs in Bergen.", source="bank/world.md#L4"))
    (hit,) = search(engine, "Where does the heron server run?")
    assert hit.sources == ("bank/world.md#L4",)
    assert set(hit.strategies) == {"text"}
    assert hit.notes[0].startswith("words ")
    assert "100% of the question" in hit.notes[0]


@pytest.mark.parametrize("place", [0, 1, 4])
def test_at_the_end_of_a_session_without_positions_the_order_is_still_known(engine, place):
    lines = (
        [f"Ann: filler number {n}" for n in range(place)]
        + ["Bo: the zeppelin"]
        + [f"Ann: later {n}" for n in range(4 - place)]
    )
    talk(engine, lines)
    with engine.workspace.transaction() as connection:
        connection.execute("UPDATE episodes SET metadata = json_remove(metadata, '$.position')")
    scores = {hit.record.content: hit.strategies for hit in search(engine, "zeppelin", limit=20)}
    near = [f"filler number {n}" for n in range(place)][-3:] + [f"later {n}" for n in range(4 - place)][:3]
    assert set(scores) == {"the zeppelin", *near}
    by_distance = sorted(near, key=lambda text: -scores[text]["context"])
    first = {f"filler number {place - 1}", "later 0"} & set(near)
    assert set(by_distance[: len(first)]) == first


def test_lines_of_one_log_stand_next_to_each_other_where_there_is_no_session(engine):
    engine.remember(
        [
            Draft(content="Bo: What did you put into the zeppelin?", kind="episode", source="memory/2026-02-01.md#L3"),
            Draft(
                content="Ann: Nothing but helium, like every zeppelin.",
                kind="episode",
                source="memory/2026-02-01.md#L4",
            ),
            Draft(content="Ann: A zeppelin is large.", kind="episode", source="memory/2026-02-01.md#L40"),
        ]
    )
    notes = {hit.record.content: " ".join(hit.notes) for hit in search(engine, "zeppelin put")}
    assert "turns around it" in notes["Ann: Nothing but helium, like every zeppelin."]
    assert "turns around it" not in notes["Ann: A zeppelin is large."]


def test_without_the_speaker_signal_a_name_is_a_word_like_any_other(tmp_path):
    with open_engine(tmp_path, "prefetch", prefetch__speaker=0) as engine:
        talk(engine, ["Bo: Thank you, Ann.", "Ann: The loom arrived."])
        assert contents(search(engine, "Ann loom"))[0] == "The loom arrived."
        assert contents(search(engine, "Ann"))[0] == "Thank you, Ann."


def test_no_signal_is_needed_for_an_answer(tmp_path):
    off = {"context": 0, "speaker": 0, "entity": 0, "time": 0, "answer": 0, "brevity": 0, "confidence": 0, "recency": 0}
    settings_ = {f"prefetch__{key}": value for key, value in off.items()}
    with open_engine(
        tmp_path, "prefetch", prefetch__related=0, prefetch__diversity=0, prefetch__vector=0, **settings_
    ) as engine:
        talk(engine, ["Ann: The loom arrived in March.", "Bo: Good."])
        assert contents(search(engine, "When did the loom arrive in March?")) == ["The loom arrived in March."]


def test_windows_are_fetched_for_hits_that_stand_apart_and_no_more_than_asked_for(engine):
    records = talk(engine, [f"Ann: zeppelin number {n}" for n in range(6)])
    fact = engine.remember(Draft(content="A zeppelin."))[0].record
    assert apart([fact, records[2], records[3], records[1], records[4]], 10) == [records[2].id, records[4].id]
    assert apart(records, 2) == [records[0].id, records[2].id]
    assert apart(records, 0) == []
