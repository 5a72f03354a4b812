"""Measure recall: `python tests/recall/run.py` on the shipped sets, `--locomo FILE` or `--longmemeval FILE` on public
ones.

The conversational set is split in two that share nothing: weights were chosen on `tune`, `test` shows what they are
worth. Printed are recall at 5, 10 and 20 of the evidence, NDCG at 10, mean reciprocal rank, the share of unrelated
questions that bring anything (false recall), and what each signal is worth: the same run with that signal off.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from memcore import Engine, Hit, Query, Scope
from recall_conversations import dialogues
from recall_measure import Asked, Scores, ask, open_memory, store
from recall_public import Corpus, locomo, longmemeval, session_of
from recall_sets import conversation_items, conversation_questions, fact_set, unrelated

SIGNALS = {
    "neighbouring turns": {"prefetch.context": 0},
    "speaker": {"prefetch.speaker": 0},
    "entities": {"prefetch.entity": 0},
    "irregular forms": {"prefetch.forms": False},
    "related words": {"prefetch.related": 0},
    "time": {"prefetch.time": 0},
    "kind of answer": {"prefetch.answer": 0},
    "turn that asks": {"prefetch.question": 1},
    "brevity": {"prefetch.brevity": 0},
    "recency": {"prefetch.recency": 0},
    "variety": {"prefetch.diversity": 0},
    "merging copies": {"prefetch.duplicates": False},
    "relevance floor": {"prefetch.floor": 0},
}
COLUMNS = ("recall@5", "recall@10", "recall@20", "NDCG@10", "MRR")
LANGUAGES = ("en", "zh", "ja", "ko", "superseded")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path, metavar="FILE", help="measure on a LoCoMo file")
    parser.add_argument("--longmemeval", type=Path, metavar="FILE", help="measure on a LongMemEval file")
    parser.add_argument("--limit", type=int, default=0, help="conversations or questions of a public file; 0: all")
    parser.add_argument("--no-ablation", action="store_true", help="leave out the runs with a signal off")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any setting, as on the command line"
    )
    given = parser.parse_args(arguments)
    settings = dict(item.split("=", 1) for item in given.set)
    logging.getLogger("memcore").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if given.locomo or given.longmemeval:
            corpora = locomo(given.locomo) if given.locomo else longmemeval(given.longmemeval)
            _public(home, corpora, given.limit, settings)
        else:
            _conversations(home, settings, ablate=not given.no_ablation)
            _facts(home / "facts", settings)
    return 0


def _conversations(home: Path, settings: dict, *, ablate: bool) -> None:
    for split in ("tune", "test"):
        keys, questions = {}, []
        place = home / split
        with open_memory(place) as engine:
            for dialogue in dialogues(split):
                keys |= store(engine, conversation_items(dialogue, dialogue.name))
                questions += conversation_questions(dialogue, dialogue.name)
        strange = list(unrelated(f"{split}-0", questions[0].now))
        print(f"\nconversations, {split}: {len(keys)} turns, {len(questions)} questions, {len(strange)} unrelated ones")
        _head()
        with open_memory(place, settings) as engine:
            for name, scores in _strategies(engine, questions, keys).items():
                _row(f"{name} alone", scores)
            fused, nothing = ask(engine, questions, keys), ask(engine, strange, keys)
        _row("fused", fused, nothing)
        _kinds(fused, ("detail", "when", "dated", "period"))
        for name, change in SIGNALS.items() if ablate else ():
            with open_memory(place, {**settings, **change}) as engine:
                _row(f"  without {name}", ask(engine, questions, keys), ask(engine, strange, keys), against=fused)


def _facts(home: Path, settings: dict) -> None:
    items, questions, superseded = fact_set()
    with open_memory(home, settings) as engine:
        keys = store(engine, items)
        ids = {key: record for record, names in keys.items() for key in names}
        for old, new in superseded:
            engine.retire([ids[old]], reason="replaced", superseded_by=ids[new])
        print(f"\ncurated facts: {len(items)} records in four languages, {len(questions)} questions")
        _head()
        for name, scores in _strategies(engine, questions, keys).items():
            _row(f"{name} alone", scores)
        fused = ask(engine, questions, keys)
        _row("fused", fused, ask(engine, unrelated("default"), keys))
    hits = {name: fused.sums.get(f"hit@3 {name}", 0.0) for name in LANGUAGES}
    print("  hit@3: " + ", ".join(f"{name} {hits[name]:.0f}/{fused.counts[f'hit@3 {name}']}" for name in LANGUAGES))


def _public(home: Path, corpora: Iterable[Corpus], limit: int, settings: dict) -> None:
    turns, sessions, plain, stored = Scores(), Scores(), Scores(), 0
    for number, corpus in enumerate(corpora):
        if limit and number >= limit:
            break
        with open_memory(home / str(number), settings) as engine:
            keys = store(engine, corpus.items)
            stored += len(keys)
            _into(turns, ask(engine, corpus.questions, keys))
            _into(plain, _strategies(engine, corpus.questions, keys)["text"])
            by_session = [_by_session(asked) for asked in corpus.questions]
            _into(sessions, ask(engine, by_session, keys, group=session_of))
    print(f"\n{stored} turns, {turns.counts.get('recall@10', 0)} questions")
    _head()
    _row("text alone, turns", plain)
    _row("fused, turns", turns)
    _row("fused, sessions", sessions)
    _kinds(turns, [name.removeprefix("recall@10 ") for name in turns.counts if name.startswith("recall@10 ")])


def _by_session(asked: Asked) -> Asked:
    evidence = dict.fromkeys(map(session_of, asked.evidence))
    return Asked(text=asked.text, evidence=evidence, kind=asked.kind, now=asked.now, namespace=asked.namespace)


def _strategies(engine: Engine, questions: Iterable[Asked], keys: dict) -> dict[str, Scores]:
    """Measure the list of each strategy by itself."""
    found: dict[str, Scores] = {"text": Scores()}
    for asked in questions:
        query = Query(text=asked.text, scope=Scope(namespaces=(asked.namespace,)), limit=20, now=asked.now)
        hits: dict[str, list[Hit]] = {"text": list(engine.backend.search(query))}
        for _, more in engine.call("memcore_search", query=query):
            for hit in more:
                for name in hit.strategies:
                    if name != "text":
                        hits.setdefault(name, []).append(hit)
        for name in {*found, *hits}:
            best = sorted(hits.get(name, ()), key=lambda hit: -hit.score)[:20]
            scores = found.setdefault(name, Scores())
            scores.note(asked, [key for hit in best for key in keys.get(hit.record.id, ())])
    return dict(sorted(found.items()))


def _into(total: Scores, part: Scores) -> None:
    for name, value in part.sums.items():
        total.sums[name] = total.sums.get(name, 0.0) + value
        total.counts[name] = total.counts.get(name, 0) + part.counts[name]


def _head() -> None:
    print(f"{'':32}" + "".join(f"{name:>10}" for name in (*COLUMNS, "false")))


def _row(name: str, scores: Scores, nothing: Scores | None = None, *, against: Scores | None = None) -> None:
    cells = [f"{scores.mean(column):10.3f}" for column in COLUMNS]
    cells.append(f"{nothing.mean('false recall unrelated'):10.2f}" if nothing else " " * 10)
    if against is not None:
        cells.append(f"   {scores.mean('recall@10') - against.mean('recall@10'):+.3f}")
    print(f"{name:32}" + "".join(cells))


def _kinds(scores: Scores, kinds: Iterable[str]) -> None:
    told: Callable[[str], str] = lambda kind: f"{kind} {scores.mean(f'recall@10 {kind}'):.3f}"
    print("  recall@10 by kind: " + ", ".join(told(kind) for kind in kinds))


if __name__ == "__main__":
    sys.exit(main())
