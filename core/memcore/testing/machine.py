"""The model test: random histories are played on the backend and on a dictionary, and must agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from attrs import define
from hypothesis import settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memcore.contracts import Capability
from memcore.errors import MemcoreError
from memcore.records import Record, Scope
from memcore.testing.harness import Harness, Store, since
from memcore.testing.scope import QUIET

__all__ = ["MachineTests", "play"]

WORDS = ("ferry", "harbour", "lantern", "潮汐表", "등대", "ケーキ")
SENTENCES = (
    "ferry harbour",
    "ferry",
    "lantern ferry",
    "harbour 潮汐表",
    "등대",
    "潮汐表 ケーキ 등대",
    "lantern harbour ケーキ",
)
SPACES = ("", "-other")
KINDS = ("fact", "opinion")
STEPS = 30

words = st.sampled_from(WORDS)
spaces = st.sampled_from(SPACES)
kinds = st.sampled_from(KINDS)
sentences = st.sampled_from(SENTENCES)
any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
picks = st.integers(0, 1000)


@define
class Expected:
    """What the model knows of one record."""

    space: str
    kind: str
    content: str
    status: str = "active"
    tags: tuple[str, ...] = ()


class Machine(RuleBasedStateMachine):
    """One history: every rule acts on both sides and compares what it can see."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        super().__init__()
        self.open_store = open_store
        self.store: Store | None = None
        self.model: dict[str, Expected] = {}

    @initialize()
    def begin(self) -> None:
        """Open an empty memory."""
        self.store = self.open_store()

    def teardown(self) -> None:
        """Close the memory."""
        if self.store is not None:
            self.store.close()

    @property
    def at(self) -> Store:
        """Return the open memory."""
        assert self.store is not None
        return self.store

    def space(self, name: str) -> str:
        """Return the namespace of one of the two spaces."""
        return self.at.namespace + name

    def has(self, capability: Capability) -> bool:
        """Return whether the backend declares this power."""
        return capability in self.at.backend.capabilities

    def pick(self, number: int) -> str:
        """Return the id of one of the known records, counted in the order they were written."""
        return list(self.model)[number % len(self.model)]

    def known(self, **wanted: Any) -> set[str]:
        """Return the ids of the model's records with these values."""
        return {
            key for key, found in self.model.items() if all(getattr(found, name) == wanted[name] for name in wanted)
        }

    def agree(self, record: Record) -> None:
        """Compare one record with the model."""
        found = self.model[record.id]
        space = record.namespace.removeprefix(self.at.namespace)
        assert Expected(space, record.kind, record.content, record.status, record.tags) == found

    @rule(batch=st.lists(st.tuples(spaces, kinds, sentences), min_size=1, max_size=6))
    def put(self, batch: list[tuple[str, str, str]]) -> None:
        """Write a batch; each answer must say whether the text was known."""
        drafts = [self.at.draft(text, namespace=self.space(space), kind=kind) for space, kind, text in batch]
        stored = self.at.backend.put(drafts)
        assert len(stored) == len(batch)
        for (space, kind, text), item in zip(batch, stored, strict=True):
            self.enter(space, kind, text, item.record, item.state)

    def enter(self, space: str, kind: str, text: str, record: Record, state: str) -> None:
        """Enter one answer of a put into the model."""
        known = self.known(space=space, kind=kind, content=text)
        if not known:
            assert state == "new"
            assert record.id not in self.model
            self.model[record.id] = Expected(space, kind, text)
        else:
            assert known == {record.id}
            assert state == ("existing" if self.model[record.id].status == "active" else "revived")
            if state == "revived":
                self.model[record.id].status, self.model[record.id].tags = "active", record.tags

    @precondition(lambda self: self.model)
    @rule(number=picks)
    def put_again(self, number: int) -> None:
        """Write a known text again, whatever became of its record."""
        known = self.model[self.pick(number)]
        stored = self.at.put(known.content, namespace=self.space(known.space), kind=known.kind)[0]
        self.enter(known.space, known.kind, known.content, stored.record, stored.state)

    @rule(space=spaces, kind=kinds, text=any_text)
    def put_any_text(self, space: str, kind: str, text: str) -> None:
        """Write any text; it may be refused, and is then not there."""
        try:
            stored = self.at.put(text, namespace=self.space(space), kind=kind)[0]
        except MemcoreError:
            return
        self.enter(space, kind, text, stored.record, stored.state)

    @precondition(lambda self: self.model)
    @rule(numbers=st.lists(picks, max_size=4))
    def get(self, numbers: list[int]) -> None:
        """Read records by id, in the order asked."""
        ids = list(dict.fromkeys(self.pick(number) for number in numbers))
        found = self.at.backend.get([*ids, "no-such-id"])
        assert [record.id for record in found] == ids
        for record in found:
            self.agree(record)

    @rule(word=words, space=spaces, kind=st.none() | kinds)
    def search(self, word: str, space: str, kind: str | None) -> None:
        """Search a word: every active record that has it is found, and nothing outside of the scope."""
        limits = {"space": space, "status": "active", **({"kind": kind} if kind else {})}
        inside = self.known(**limits)
        scope = Scope(namespaces=(self.space(space),), kinds=(kind,) if kind else ())
        found = self.at.find(word, scope=scope, limit=1000)
        matching = {key for key in inside if word in self.model[key].content.split()}
        assert matching <= {record.id for record in found} <= inside
        for record in found:
            self.agree(record)

    @rule(space=spaces, limit=st.sampled_from([1, 2, 1000]), status=st.sampled_from(["active", "retired"]))
    def scan(self, space: str, limit: int, status: str) -> None:
        """Scan one space in pages of any size."""
        found = self.at.all(Scope(namespaces=(self.space(space),), statuses=(status,)), limit=limit)
        assert len(found) == len({record.id for record in found})
        assert {record.id for record in found} == self.known(space=space, status=status)

    @precondition(lambda self: self.model)
    @rule(number=picks, successor=st.none() | picks)
    def retire(self, number: int, successor: int | None) -> None:
        """Retire a record, or let another one supersede it."""
        old, new = self.pick(number), None if successor is None else self.pick(successor)
        if old == new:
            return
        active = self.model[old].status == "active"
        assert self.at.backend.retire([old], reason="a rule of the model", superseded_by=new) == int(active)
        if active:
            self.model[old].status = "superseded" if new else "retired"

    @precondition(lambda self: self.model and self.has(Capability.UPDATE))
    @rule(number=picks, tags=st.lists(words, max_size=2, unique=True).map(tuple))
    def update(self, number: int, tags: tuple[str, ...]) -> None:
        """Change the tags of a record."""
        key = self.pick(number)
        self.at.full.update(key, tags=tags)
        self.model[key].tags = tags

    @precondition(lambda self: self.model and self.has(Capability.DELETE))
    @rule(number=picks)
    def delete(self, number: int) -> None:
        """Delete a record for good."""
        key = self.pick(number)
        assert self.at.full.delete([key]) == 1
        del self.model[key]

    @precondition(lambda self: self.store and self.has(Capability.PURGE))
    @rule(space=spaces, kind=kinds)
    def purge(self, space: str, kind: str) -> None:
        """Purge one kind in one space."""
        gone = self.known(space=space, kind=kind)
        assert self.at.full.purge(Scope(namespaces=(self.space(space),), kinds=(kind,))) == len(gone)
        for key in gone:
            del self.model[key]

    @rule()
    def reopen(self) -> None:
        """Close the memory and open it again."""
        self.at.reopen()

    @invariant()
    def same_records(self) -> None:
        """Compare everything there is."""
        if self.store is not None:
            scope = Scope(namespaces=tuple(self.space(name) for name in SPACES), statuses=())
            found = self.store.all(scope, limit=1000)
            assert {record.id for record in found} == set(self.model)
            for record in found:
                self.agree(record)


def play(suite: Harness, folder: Path, settled: settings) -> None:
    """Play histories on memories below `folder`; the first one that disagrees with the model raises."""
    numbers = count()
    machine: Any = partial(Machine, lambda: Store(suite, folder / f"history-{next(numbers)}"))
    stateful.run_state_machine_as_test(machine, settings=settled)
    assert next(numbers), "no history was played"


@since(1)
class MachineTests(Harness):
    """What must hold for any order of calls."""

    def test_any_history_agrees_with_a_model(self, tmp_path: Path) -> None:
        """Writing, reading, searching, retiring, updating, deleting and reopening in any order agree with a dictionary.

        If this fails, replay the few steps in the message: they are the shortest history hypothesis found.
        """
        play(self, tmp_path, settings(QUIET, max_examples=self.examples, stateful_step_count=STEPS))
