"""The shipped recall sets are what they say: composed the same way every time, in two splits that share nothing."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "recall"


@pytest.fixture(scope="module")
def recall():
    sys.path.insert(0, str(FOLDER))
    try:
        import recall_conversations
        import recall_measure
        import recall_public
        import recall_sets

        yield {
            "conversations": recall_conversations,
            "measure": recall_measure,
            "public": recall_public,
            "sets": recall_sets,
        }
    finally:
        sys.path.remove(str(FOLDER))


def test_the_data_stays_below_a_megabyte():
    assert sum(file.stat().st_size for file in (FOLDER / "data").iterdir()) < 1_000_000


def test_composing_twice_gives_the_same_dialogues(recall):
    make = recall["conversations"].dialogues
    first, second = make("test")[0], make("test")[0]
    assert first.turns == second.turns
    assert first.questions == second.questions


def test_every_question_has_evidence_among_the_turns_and_nothing_was_left_unfilled(recall):
    for split in ("tune", "test"):
        for dialogue in recall["conversations"].dialogues(split):
            known = {turn.id for turn in dialogue.turns}
            assert len(known) == len(dialogue.turns)
            for question in dialogue.questions:
                assert question.evidence
                assert set(question.evidence) <= known
                assert "{" not in question.text
            assert not [turn.text for turn in dialogue.turns if "{" in turn.text]


def test_the_splits_share_no_theme_and_no_question(recall):
    themes = [
        {theme["id"] for theme in json.loads((FOLDER / "data" / f"themes_{s}.json").read_text())}
        for s in ("tune", "test")
    ]
    assert themes[0].isdisjoint(themes[1])
    asked = [
        {q.text for d in recall["conversations"].dialogues(s) for q in d.questions if q.kind != "period"}
        for s in ("tune", "test")
    ]
    assert asked[0].isdisjoint(asked[1])


def test_the_facts_hold_twenty_pairs_each_of_three_languages_among_hundreds_of_others(recall):
    items, questions, superseded = recall["sets"].fact_set()
    counts = {kind: sum(question.kind == kind for question in questions) for kind in ("zh", "ja", "ko")}
    assert counts == {"zh": 20, "ja": 20, "ko": 20}
    assert len(items) > 500
    assert len({item.draft.content for item in items}) == len(items)
    assert superseded


def test_the_shipped_facts_are_found_in_every_language(recall, tmp_path):
    measure = recall["measure"]
    items, questions, superseded = recall["sets"].fact_set()
    with measure.open_memory(tmp_path, plugins="sqlite,prefetch") as engine:
        keys = measure.store(engine, items)
        ids = {key: record for record, names in keys.items() for key in names}
        for old, new in superseded:
            engine.retire([ids[old]], reason="replaced", superseded_by=ids[new])
        scores = measure.ask(engine, questions, keys)
        nothing = measure.ask(engine, recall["sets"].unrelated("default"), keys)
    assert sum(scores.sums[f"hit@3 {language}"] for language in ("zh", "ja", "ko")) >= 58
    assert scores.mean("hit@3 superseded") == 1.0
    assert nothing.mean("false recall unrelated") <= 0.1


def test_a_locomo_file_is_read_by_the_protocol_of_its_paper(recall, tmp_path):
    told = [{
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ann", "speaker_b": "Bo",
            "session_2_date_time": "9:05 am on 2 June, 2023", "session_2": [{"speaker": "Bo", "dia_id": "D2:1", "text": "Hi"}],
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "Look", "blip_caption": "a red bridge"}],
        },
        "qa": [
            {"question": "What did Ann share?", "answer": "a bridge", "evidence": ["D1:1; D2:1"], "category": 1},
            {"question": "No evidence?", "evidence": [], "category": 4},
            {"question": "Adversarial?", "evidence": ["D1:1"], "category": 5},
        ],
    }]  # fmt: skip
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps(told))
    (corpus,) = recall["public"].locomo(file)
    assert [item.key for item in corpus.items] == ["conv-1/D1/D1:1", "conv-1/D2/D2:1"]
    assert corpus.items[0].draft.content == "Look [shares a red bridge]"
    assert corpus.items[0].draft.occurred_at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert corpus.items[0].draft.metadata == {"session_id": "conv-1/D1", "position": 0, "speaker": "Ann"}
    (question,) = corpus.questions
    assert question.evidence == ("conv-1/D1/D1:1", "conv-1/D2/D2:1")
    assert question.kind == "multi-hop"


def test_a_longmemeval_file_is_read_by_the_protocol_of_its_paper(recall, tmp_path):
    entry = {
        "question_id": "q1", "question_type": "multi-session", "question": "Which tea?", "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["s1"], "haystack_dates": ["2023/05/20 (Sat) 02:21"], "answer_session_ids": ["s1"],
        "haystack_sessions": [[{"role": "user", "content": "I like oolong.", "has_answer": True}, {"role": "assistant", "content": "Nice."}]],
    }  # fmt: skip
    file = tmp_path / "long.json"
    file.write_text(json.dumps([entry, {**entry, "question_id": "q2_abs"}]))
    (corpus,) = recall["public"].longmemeval(file)
    assert [item.key for item in corpus.items] == ["q1/s1/0", "q1/s1/1"]
    assert corpus.questions[0].evidence == ("q1/s1/0",)
    assert recall["public"].session_of("q1/s1/0") == "q1/s1"
    assert corpus.questions[0].now == datetime(2023, 5, 30, 23, 40, tzinfo=UTC)
