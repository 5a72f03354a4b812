from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from memcore import Draft, Engine, Finding, Query, Report, Scope, Session, Source
from memcore.contracts import Migration, PluginInfo
from memcore.errors import BackendError, CapabilityError, ConfigError, NewerSchemaError, PluginError
from memcore.hookspecs import hookimpl
from memcore.records import Hit, PromptBlock, Verdict, evolve
from zoo import BareShelf, catalog

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Open:
    """Opens engines over the zoo and closes them at the end of the test."""

    def __init__(self, home):
        self.home, self.engines = home, []

    def __call__(self, *, settings=None, read_only=False, **classes):
        engine = Engine.open(
            home=self.home,
            environ={},
            settings=settings,
            read_only=read_only,
            clock=lambda: NOW,
            catalog=catalog(**classes),
        )
        self.engines.append(engine)
        return engine


@pytest.fixture
def opened(tmp_path):
    opener = Open(tmp_path)
    yield opener
    for engine in opener.engines:
        engine.close()


class Recorder:
    """Writes down every event it gets."""

    info = PluginInfo(summary="recorder", tables=("seen",))

    def __init__(self):
        self.seen, self.fail = [], False

    @hookimpl
    def memcore_migrations(self):
        return [Migration.sql(1, "CREATE TABLE seen(what TEXT)")]

    @hookimpl
    def memcore_written(self, engine, event):
        with engine.workspace.transaction() as connection:
            connection.execute("INSERT INTO seen VALUES('written')")
        if self.fail:
            raise ValueError("private words")
        self.seen.append(event)

    @hookimpl
    def memcore_retired(self, engine, event):
        if self.fail:
            raise ValueError("private words")
        self.seen.append(event)

    @hookimpl
    def memcore_forget(self, engine, scope, record_ids):
        if self.fail:
            raise ValueError("cannot")
        with engine.workspace.transaction() as connection:
            return connection.execute("DELETE FROM seen").rowcount

    @hookimpl
    def memcore_started(self, engine):
        self.seen.append("started")

    @hookimpl
    def memcore_stopping(self, engine):
        self.seen.append("stopping")


class Witness:
    info = PluginInfo(summary="counts events in meta")

    @hookimpl
    def memcore_written(self, engine, event):
        engine.workspace.set_meta("witness", str(len(event.written)))


def recorder(engine, name="recorder"):
    engine.catalog.load(engine.catalog.plugins[name])
    return engine.catalog.plugins[name].instance


def test_a_draft_is_stored_and_every_plugin_is_told(opened):
    engine = opened(recorder=Recorder)
    (outcome,) = engine.remember(Draft(content="the replica runs in Oslo"))
    assert outcome.state == "new"
    assert engine.get([outcome.record.id]) == [outcome.record]
    event = recorder(engine).seen[-1]
    assert (event.written, event.confirmed, event.at) == ((outcome.record,), (), NOW)


def test_the_same_draft_again_is_a_confirmation(opened):
    engine = opened(recorder=Recorder)
    draft = Draft(content="tea at four")
    first, second = engine.remember([draft, draft])
    assert (first.state, second.state) == ("new", "existing")
    assert recorder(engine).seen[-1].confirmed == ((draft, first.record),)


def test_nothing_to_remember_tells_nobody(opened):
    engine = opened(recorder=Recorder)
    assert engine.remember([]) == ()
    assert recorder(engine).seen == ["started"]


def gate(word, *, name="gate", twin=None, into=None):
    class Gate:
        info = PluginInfo(summary=name)

        @hookimpl
        def memcore_gate(self, engine, drafts):
            return [
                Verdict(word=word, reason=f"{name} says so", twin=twin, into=into) if "secret" in d.content else None
                for d in drafts
            ]

    return Gate


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (("accept",), "new"),
        (("hold",), "held"),
        (("refuse",), "refused"),
        (("refuse", "hold"), "refused"),
        (("hold", "refuse"), "refused"),
        (("accept", "hold"), "held"),
    ],
)
def test_the_strictest_verdict_wins_whatever_the_order(opened, words, state):
    engine = opened(**{f"gate{i}": gate(word) for i, word in enumerate(words)})
    held, fine = engine.remember([Draft(content="a secret"), Draft(content="weather")])
    assert (held.state, fine.state) == (state, "new")
    assert (held.record is None) == (state != "new")


def test_a_gate_that_fails_holds_everything(opened):
    class Broken:
        info = PluginInfo(summary="broken")

        @hookimpl
        def memcore_gate(self, engine, drafts):
            raise RuntimeError("out of order")

    engine = opened(broken=Broken)
    (outcome,) = engine.remember(Draft(content="x"))
    assert outcome.state == "held"
    assert "nobody queues decisions" in outcome.reason
    assert engine.catalog.plugins["broken"].status == "degraded"


def test_a_held_draft_is_queued_and_approval_passes_a_hold_but_no_refusal(opened):
    queued = []

    class Queue:
        info = PluginInfo(summary="queue")

        @hookimpl
        def memcore_decide(self, engine, request):
            queued.append(request)
            return f"d{len(queued)}"

    engine = opened(queue=Queue, gate=gate("hold"))
    draft = Draft(content="a secret", tags=("x",))
    (outcome,) = engine.remember(draft)
    assert outcome.reason.endswith("decision d1")
    assert queued[0].kind == "REVIEW"
    assert queued[0].options == ("accept", "refuse")
    assert Draft(**queued[0].evidence | {"tags": ("x",)}) == draft
    assert engine.remember(draft, approved=True)[0].state == "new"
    strict = opened(gate=gate("refuse"))
    assert strict.remember(draft, approved=True)[0].state == "refused"


def test_a_merge_confirms_the_record_or_the_earlier_twin(opened):
    plain = opened()
    (stored,) = plain.remember(Draft(content="no secrets yet"))
    engine = opened(recorder=Recorder, gate=gate("merge", twin=0))
    first, second = engine.remember([Draft(content="plain words"), Draft(content="a secret")])
    assert second.state == "merged"
    assert second.record == first.record
    assert recorder(engine).seen[-1].confirmed[0][0].content == "a secret"
    missing = opened(gate=gate("merge", into="nowhere"))
    assert missing.remember(Draft(content="a secret"))[0].record is None
    assert stored.record is not None


def test_a_copy_of_a_refused_draft_shares_its_fate(opened):
    engine = opened(refuse=gate("refuse", name="first"), merge=copy_gate())
    first, second = engine.remember([Draft(content="a secret"), Draft(content="a copy")])
    assert (first.state, second.state, second.record) == ("refused", "refused", None)
    assert second.reason == first.reason


def copy_gate():
    class Gate:
        info = PluginInfo(summary="merges copies")

        @hookimpl
        def memcore_gate(self, drafts):
            return [Verdict(word="merge", twin=0) if "copy" in draft.content else None for draft in drafts]

    return Gate


def test_a_host_redacts_before_the_gate_sees_a_draft(opened):
    class Host:
        @hookimpl
        def memcore_rewrite(self, drafts):
            return [evolve(draft, content=draft.content.replace("secret", "[redacted]")) for draft in drafts]

    engine = opened(gate=gate("refuse"))
    engine.register(Host(), name="host")
    (outcome,) = engine.remember(Draft(content="a secret"))
    assert outcome.record.content == "a [redacted]"


@pytest.mark.parametrize("result", [[], "raise"])
def test_a_rewrite_that_fails_stores_nothing(opened, result):
    class Host:
        @hookimpl
        def memcore_rewrite(self, drafts):
            if result == "raise":
                raise RuntimeError("no")
            return result

    engine = opened()
    engine.register(Host(), name="host")
    with pytest.raises((PluginError, RuntimeError)):
        engine.remember(Draft(content="a secret"))
    assert list(engine.scan(Scope(statuses=()))) == []


def test_a_rewrite_may_leave_everything_as_it_is(opened):
    class Host:
        @hookimpl
        def memcore_rewrite(self, drafts):
            return None

    engine = opened()
    engine.register(Host(), name="host")
    assert engine.remember(Draft(content="x"))[0].state == "new"


def test_a_plugin_that_fails_costs_nothing_else_and_is_caught_up(opened, caplog):
    engine = opened(recorder=Recorder, other=Witness)
    failing = recorder(engine)
    failing.fail = True
    with caplog.at_level(logging.WARNING, logger="memcore"):
        (outcome,) = engine.remember(Draft(content="kept all the same"))
    assert outcome.state == "new"
    assert engine.catalog.plugins["recorder"].status == "degraded"
    assert "private words" not in caplog.text
    assert "ValueError" in caplog.text
    rows = engine.workspace.connection().execute("SELECT count(*) FROM seen").fetchone()[0]
    assert rows == 0, "the savepoint of the failing plugin was undone"
    assert engine.workspace.get_meta("witness") == "1", "that of the other was not"
    failing.fail = False
    engine.maintain(dry_run=True)
    assert failing.seen == ["started"]
    engine.maintain()
    assert failing.seen[-1].written == (outcome.record,)
    count = len(failing.seen)
    engine.maintain()
    assert len(failing.seen) == count, "delivered once"


def test_a_missed_confirmation_is_delivered_again_with_its_words(opened):
    engine = opened(recorder=Recorder)
    (outcome,) = engine.remember(Draft(content="x"))
    failing = recorder(engine)
    failing.fail = True
    again = Draft(content="x", source="b.md#L1", occurred_at=NOW)
    engine.remember(again)
    failing.fail = False
    engine.maintain()
    assert failing.seen[-1].written == ()
    assert failing.seen[-1].confirmed == ((again, outcome.record),)


def test_a_missed_retirement_is_delivered_again_too(opened):
    engine = opened(recorder=Recorder)
    (outcome,) = engine.remember(Draft(content="x"))
    failing = recorder(engine)
    failing.fail = True
    engine.retire([outcome.record.id], reason="wrong")
    engine.maintain()
    failing.fail = False
    engine.maintain()
    assert failing.seen[-1].records[0].status == "retired"
    assert failing.seen[-1].reason == "wrong"


def test_what_is_forgotten_is_not_kept_for_a_plugin_that_missed_it(opened):
    engine = opened(recorder=Recorder)
    (outcome,) = engine.remember(Draft(content="x"))
    failing = recorder(engine)
    failing.fail = True
    engine.remember(Draft(content="x"))
    assert [(name, ids) for _, name, ids in engine.missed()] == [("recorder", [outcome.record.id])]
    failing.fail = False
    engine.forget(Scope())
    assert engine.missed() == []


def test_what_a_vanished_plugin_missed_waits(opened):
    engine = opened(recorder=Recorder)
    failing = recorder(engine)
    failing.fail = True
    engine.remember(Draft(content="x"))
    without = opened()
    without.maintain()
    assert len(without.workspace.list_meta("missed:")) == 1


def test_retiring_and_superseding_tell_why(opened):
    engine = opened(recorder=Recorder)
    (old,) = engine.remember(Draft(content="the replica runs in Oslo"))
    new = engine.supersede([old.record.id], Draft(content="the replica runs in Bergen"))
    assert engine.get([old.record.id])[0].status == "superseded"
    event = recorder(engine).seen[-1]
    assert (event.superseded_by, event.records[0].id) == (new.record.id, old.record.id)
    assert engine.retire([new.record.id], reason="wrong") == 1
    assert engine.retire([new.record.id], reason="wrong") == 0
    assert engine.retire(["nowhere"], reason="wrong") == 0


def test_a_refused_successor_supersedes_nothing(opened):
    engine = opened(gate=gate("refuse"))
    (old,) = engine.remember(Draft(content="plain"))
    assert engine.supersede([old.record.id], Draft(content="a secret")).state == "refused"
    assert engine.get([old.record.id])[0].status == "active"


def test_a_fact_that_replaces_itself_stays(opened):
    engine = opened()
    (old,) = engine.remember(Draft(content="plain"))
    engine.supersede([old.record.id], Draft(content="plain"))
    assert engine.get([old.record.id])[0].status == "active"


def test_scan_crosses_pages(opened, monkeypatch):
    engine = opened()
    engine.remember([Draft(content=f"fact {number}") for number in range(25)])
    store, real = engine.backend, engine.backend.scan
    monkeypatch.setattr(store, "scan", lambda scope, after=None: real(scope, after=after, limit=10))
    assert len({record.id for record in engine.scan(Scope())}) == 25


class Lifecycle:
    info = PluginInfo(summary="lifecycle")

    @hookimpl
    def memcore_extract(self, source):
        return [Draft(content=source.text)]

    @hookimpl
    def memcore_session_end(self, session):
        return Report(summary=session.id)

    @hookimpl
    def memcore_maintain(self, run):
        return Report(summary=f"{run.now.isoformat()} {run.dry_run}")

    @hookimpl
    def memcore_check(self):
        yield Finding(code="x.y", severity="info", message="look")

    @hookimpl
    def memcore_stats(self):
        return {"n": 1}

    @hookimpl
    def memcore_prompt_block(self, scope):
        return PromptBlock(title="B", text=",".join(scope.namespaces))


class Quiet:
    info = PluginInfo(summary="quiet")

    @hookimpl
    def memcore_maintain(self):
        return None

    @hookimpl
    def memcore_prompt_block(self):
        return PromptBlock(title="A", text="first")


class Failing:
    info = PluginInfo(summary="failing")

    @hookimpl
    def memcore_check(self):
        yield Finding(code="before", severity="info", message="seen")
        raise RuntimeError("no")

    @hookimpl
    def memcore_stats(self):
        raise RuntimeError("no")


def test_the_lifecycle_reaches_every_plugin_in_isolation(opened):
    engine = opened(life=Lifecycle, quiet=Quiet, failing=Failing)
    assert engine.extract(Source(text="words")) == [Draft(content="words")]
    assert engine.session_end(Session(id="s1", turns=()))["life"].summary == "s1"
    assert engine.maintain(dry_run=True)["life"].summary == f"{NOW.isoformat()} True"
    assert engine.maintain(only="quiet") == {}
    assert [finding.code for name, finding in engine.check() if name == "life"] == ["x.y"]
    assert engine.check("failing")[0][1].code == "before"
    assert engine.stats() == {"life": {"n": 1}}
    assert engine.prompt_block() == "## A\nfirst\n\n## B\ndefault"
    assert engine.prompt_block(Scope(namespaces=("other",))).endswith("other")
    assert engine.catalog.plugins["failing"].status == "degraded"


def test_forget_removes_everywhere_or_nowhere(opened):
    engine = opened(recorder=Recorder)
    engine.remember([Draft(content="of Alice", namespace="alice"), Draft(content="of Bob", namespace="bob")])
    alice = Scope(namespaces=("alice",))
    assert engine.forget(alice, dry_run=True) == {"records": 1}
    recorder(engine).fail = True
    with pytest.raises(ValueError, match="cannot"):
        engine.forget(alice)
    recorder(engine).fail = False
    assert engine.forget(alice) == {"records": 1, "recorder": 1}
    assert [record.namespace for record in engine.scan(Scope(statuses=()))] == ["bob"]


def test_forget_is_refused_by_a_backend_that_cannot_delete(opened):
    engine = opened(shelf=BareShelf)
    engine.remember(Draft(content="stays"))
    with pytest.raises(CapabilityError, match="cannot be forgotten"):
        engine.forget(Scope())
    assert len(list(engine.scan(Scope()))) == 1


def test_forget_is_refused_while_a_plugin_with_tables_cannot_take_part(opened):
    opened(recorder=Recorder).remember(Draft(content="x"))
    engine = opened(recorder=Recorder, settings={"disable": "recorder"})
    with pytest.raises(PluginError, match="not everything") as caught:
        engine.forget(Scope())
    assert caught.value.cure == "memcore plugins enable recorder"


def test_an_unknown_backend_is_explained(opened):
    with pytest.raises(BackendError, match="no storage backend 'shelff'") as caught:
        opened(settings={"backend": "shelff"})
    assert caught.value.cure == "did you mean 'shelf'?"


def test_a_backend_that_cannot_be_used_is_explained(opened):
    class Later:
        info = PluginInfo(summary="later", placeholder="write it: see the author guide")

        @hookimpl
        def memcore_backend(self):
            return None

    with pytest.raises(BackendError, match="later is placeholder") as caught:
        opened(later=Later, settings={"backend": "later"})
    assert "author guide" in caught.value.cure


def test_a_plugin_whose_tables_fail_is_broken_but_the_engine_opens(opened):
    class Bad:
        info = PluginInfo(summary="bad", tables=("bad",))

        @hookimpl
        def memcore_migrations(self):
            return [Migration.sql(1, "NOT SQL")]

    engine = opened(bad=Bad)
    assert engine.catalog.plugins["bad"].status == "broken"
    assert engine.remember(Draft(content="x"))[0].state == "new"


def test_the_tables_of_the_chosen_backend_must_work(opened):
    from zoo import Shelf

    class Bad(Shelf):
        @hookimpl
        def memcore_migrations(self):
            return [Migration.sql(1, "NOT SQL")]

    with pytest.raises(Exception, match="syntax error"):
        opened(shelf=Bad)


def test_a_newer_ledger_marks_the_plugin(opened):
    opened(recorder=Recorder).workspace.set_meta("schema:recorder", "9")
    engine = opened(recorder=Recorder, other=Lifecycle)
    engine.workspace.set_meta("plugins", None)
    again = opened(recorder=Recorder)
    assert again.catalog.plugins["recorder"].status == "broken"
    assert NewerSchemaError.__name__ not in again.catalog.plugins["recorder"].reason


def test_a_connection_hook_that_fails_is_isolated(opened):
    class Bad:
        info = PluginInfo(summary="bad")

        @hookimpl
        def memcore_connection(self, connection):
            raise RuntimeError("no extension")

    engine = opened(bad=Bad)
    assert engine.catalog.plugins["bad"].status == "degraded"


def test_a_reader_opens_without_writing(opened, tmp_path):
    opened().close()
    before = (tmp_path / "memory.db").read_bytes()
    reader = opened(read_only=True)
    assert reader.search(Query(text="x")) == []
    reader.close()
    assert (tmp_path / "memory.db").read_bytes() == before


def test_unknown_settings_stop_the_engine(opened):
    with pytest.raises(ConfigError, match="unknown key"):
        opened(settings={"bakend": "x"})


def test_an_engine_is_a_context_and_closes_once(tmp_path):
    with Engine.open(home=tmp_path, environ={}, catalog=catalog(recorder=Recorder)) as engine:
        seen, store = recorder(engine).seen, engine.backend
        assert abs(engine.now() - datetime.now(UTC)) < timedelta(minutes=5)
    engine.close()
    assert seen[-1] == "stopping"
    assert seen.count("stopping") == 1
    assert store.closed == 1


def test_several_threads_write_through_one_engine(opened):
    engine = opened(recorder=Recorder)

    def work(name):
        for number in range(20):
            engine.remember(Draft(content=f"{name} {number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(engine.scan(Scope()))) == 60
    assert engine.catalog.plugins["recorder"].status == "active"


def test_two_engines_in_one_process_do_not_meet(tmp_path):
    with (
        Engine.open(home=tmp_path / "a", environ={}, catalog=catalog()) as one,
        Engine.open(home=tmp_path / "b", environ={}, catalog=catalog()) as two,
    ):
        one.remember(Draft(content="only here"))
        assert list(two.scan(Scope())) == []


def test_a_hit_of_the_backend_is_found_without_any_strategy(opened):
    engine = opened()
    (outcome,) = engine.remember(Draft(content="the replica runs in Oslo"))
    (hit,) = engine.search(Query(text="replica"))
    assert (hit.record, dict(hit.strategies)) == (outcome.record, {"text": 1.0})
    assert isinstance(hit, Hit)
