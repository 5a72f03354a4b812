"""Topics: how records come under them, what searching by topic brings, and how links follow the records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore import Draft, PluginInfo, Query, Scope, hookimpl
from memcore.records import Answer, DecisionItem
from memcore_plugins.topics import schema
from memcore_plugins.topics.registry import Registry, slug_of
from memcore_plugins.topics.schema import Link, Topic
from upkeep_engine import Clock, healthy, open_engine, rows


@pytest.fixture
def engine(tmp_path):
    with open_engine(tmp_path, "topics", "prefetch") as opened:
        yield opened
        assert healthy(opened)


def topics(engine):
    return {topic.name: topic for topic in schema.load_topics(engine.workspace.connection())}


def linked(engine, name):
    connection = engine.workspace.connection()
    links = {link.record_id: link.reason for link in schema.links_of(connection, topics(engine)[name].id)}
    return {record.content: links[record.id] for record in engine.get(list(links))}


def add(engine, name, **more):
    topic = Topic(namespace="default", slug=slug_of(name), name=name, created_at="2026", **more)
    with engine.workspace.transaction() as connection:
        schema.save_topics(connection, [topic])


def section(content, heading, *, path="bank/world.md", kind="bank", **more):
    return Draft(content=content, source=f"{path}#L1", metadata={"section": heading, "format": kind}, **more)


def test_a_wiki_page_is_a_topic_and_its_records_are_under_it(engine):
    engine.remember(
        [
            section("Heights count from the datum.", "Chart datum", path="wiki/concepts/chart-datum.md", kind="wiki"),
            section("Norway measures lower.", "Chart datum > Norway", path="wiki/concepts/chart-datum.md", kind="wiki"),
        ]
    )
    assert linked(engine, "Chart datum") == {
        "Heights count from the datum.": "page: Chart datum",
        "Norway measures lower.": "page: Chart datum",
    }
    assert "Norway" not in topics(engine)


def test_a_heading_that_enough_records_share_is_a_topic(engine):
    engine.remember(
        [section(f"Supplier {n} is late.", "World > Suppliers") for n in range(3)]
        + [section("A gull.", "World > Birds")]
    )
    assert set(topics(engine)) == {"Suppliers"}
    assert linked(engine, "Suppliers")["Supplier 0 is late."] == "heading: Suppliers"


@pytest.mark.parametrize(
    "heading",
    [
        "2026-02-03",
        "World",
        "09:00",
        "Retain",
        "x",
        "A heading that goes on and on until nobody would take it for a name",
    ],
)
def test_a_date_a_time_and_a_page_of_everything_are_no_topics(engine, heading):
    engine.remember([section(f"Line {n}.", heading) for n in range(5)])
    assert topics(engine) == {}


def test_headings_of_logs_and_instructions_are_no_topics(engine):
    for kind in ("daily", "agents", "identity", "session"):
        engine.remember([section(f"{kind} line {n}.", "Errands", kind=kind) for n in range(5)])
    assert topics(engine) == {}


def test_the_title_of_a_file_of_everything_is_dropped_and_the_headings_below_it_stay(engine):
    engine.remember(
        [
            section(f"Thing {n}.", "What I keep in mind > Open threads", path="MEMORY.md", kind="memory")
            for n in range(3)
        ]
    )
    assert set(topics(engine)) == {"Open threads"}


def test_a_shared_tag_is_a_topic(engine):
    engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",)) for n in range(3)])
    assert linked(engine, "gauge")["Gauge 1 drifts."] == "tag: gauge"


def test_discovery_can_be_switched_off(tmp_path):
    with open_engine(tmp_path, "topics", topics__discover=False) as engine:
        engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",)) for n in range(3)])
        assert topics(engine) == {}


def test_entities_cues_and_names_link_to_known_topics_with_the_reason(engine):
    add(engine, "Deployment", aliases=("rollout",), cues=("kubernetes",))
    engine.remember(
        [
            Draft(content="The cluster runs Kubernetes 1.30."),
            Draft(content="Friday rollouts are forbidden."),
            Draft(content="Peter owns it.", entities=("Deployment",)),
            Draft(content="Redeployments are something else."),
        ]
    )
    assert linked(engine, "Deployment") == {
        "The cluster runs Kubernetes 1.30.": "cue: kubernetes",
        "Friday rollouts are forbidden.": "name: rollout",
        "Peter owns it.": "entity: Deployment",
    }


def test_a_record_can_be_under_many_topics(engine):
    add(engine, "Deployment", cues=("kubernetes",))
    add(engine, "分潮", origin="page")
    engine.remember(Draft(content="Kubernetes 计算 60 个分潮"))
    assert len(linked(engine, "Deployment")) == len(linked(engine, "分潮")) == 1


def test_a_common_word_from_a_tag_is_not_recognised_in_running_text(engine):
    engine.remember([Draft(content=f"Watch {n} was quiet.", tags=("night",)) for n in range(3)])
    engine.remember(Draft(content="It rained all night."))
    assert "It rained all night." not in linked(engine, "night")


def test_turns_of_conversations_are_linked_only_when_asked_for(tmp_path):
    for episodes, number in ((False, 0), (True, 1)):
        with open_engine(tmp_path / str(episodes), "topics", topics__episodes=episodes) as engine:
            add(engine, "Deployment", cues=("kubernetes",))
            engine.remember(Draft(content="I learned kubernetes", kind="episode"))
            assert len(linked(engine, "Deployment")) == number


def test_a_fact_said_again_under_another_heading_comes_under_that_topic_too(engine):
    add(engine, "Suppliers")
    engine.remember(section("Gannet is late.", "World"))
    engine.remember(section("Gannet is late.", "World > Suppliers"))
    assert linked(engine, "Suppliers") == {"Gannet is late.": "heading: Suppliers"}


def test_namespaces_have_topics_of_their_own(engine):
    engine.remember(
        [
            Draft(content=f"Gauge {n} drifts.", tags=("gauge",), namespace=name)
            for n in range(3)
            for name in ("default", "other")
        ]
    )
    found = schema.load_topics(engine.workspace.connection())
    assert [(topic.namespace, topic.name) for topic in found] == [("default", "gauge"), ("other", "gauge")]
    assert all(count == 3 for count in schema.counts(engine.workspace.connection()).values())


def test_a_question_that_names_a_topic_brings_its_records_best_overlap_first(engine):
    add(engine, "Deployment", cues=("kubernetes",))
    records = [
        o.record
        for o in engine.remember(
            [
                Draft(content="Never on Fridays."),
                Draft(content="It takes ten minutes."),
                Draft(content="Apples are red."),
            ]
        )
    ]
    with engine.workspace.transaction() as connection:
        rows_ = [Link(topic_id=topics(engine)["Deployment"].id, record_id=r.id, reason="by hand") for r in records[:2]]
        schema.add_links(connection, rows_, "2026")
    for question, strength in (("How many minutes is a deployment?", 1.0), ("kubernetes minutes", 0.8)):
        hits = engine.search(Query(text=question, scope=Scope(namespaces=("default",)), now=engine.now()))
        assert [hit.record.content for hit in hits] == ["It takes ten minutes.", "Never on Fridays."]
        assert hits[0].strategies["topic"] > hits[1].strategies["topic"] == strength / 2


def test_a_topic_search_stays_in_the_scope(engine):
    add(engine, "Deployment", cues=("kubernetes",))
    engine.remember([Draft(content="kubernetes one", kind="world"), Draft(content="kubernetes two", kind="opinion")])
    hits = engine.search(
        Query(text="deployment", scope=Scope(namespaces=("default",), kinds=("opinion",)), now=engine.now())
    )
    assert [hit.record.content for hit in hits] == ["kubernetes two"]
    assert engine.search(Query(text="deployment", scope=Scope(namespaces=("other",)), now=engine.now())) == []


def test_links_follow_a_record_to_its_successor_and_go_with_a_removed_one(engine):
    add(engine, "Deployment", cues=("kubernetes",))
    old, gone = (
        o.record for o in engine.remember([Draft(content="kubernetes runs here"), Draft(content="kubernetes is big")])
    )
    engine.supersede([old.id], Draft(content="It runs elsewhere now"))
    engine.retire([gone.id], reason="wrong")
    assert linked(engine, "Deployment") == {"It runs elsewhere now": "cue: kubernetes"}


def test_a_refused_link_is_not_made_again_by_any_rule(engine):
    add(engine, "Deployment", cues=("kubernetes",))
    record = engine.remember(Draft(content="kubernetes is Greek"))[0].record
    with engine.workspace.transaction() as connection:
        assert schema.unlink(connection, topics(engine)["Deployment"].id, [record.id], "by hand", "2026") == 1
    engine.remember(Draft(content="kubernetes is Greek"))
    engine.maintain(only="topics")
    assert linked(engine, "Deployment") == {}


def test_forgetting_a_record_drops_its_links_and_the_topic_that_only_it_had(engine):
    record = engine.remember(
        section("Secret plan.", "Project Nightfall", path="wiki/concepts/nightfall.md", kind="wiki")
    )[0].record
    add(engine, "Kept by hand")
    assert set(topics(engine)) == {"Project Nightfall", "Kept by hand"}
    engine.forget(Scope(ids=(record.id,)))
    assert set(topics(engine)) == {"Kept by hand"}
    assert rows(engine, "topic_curated") == []


def test_forgetting_a_namespace_drops_its_topics_and_no_others(engine):
    add(engine, "Kept by hand")
    engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",), namespace="other") for n in range(3)])
    engine.forget(Scope(namespaces=("other",)))
    assert set(topics(engine)) == {"Kept by hand"}
    engine.remember(Draft(content="Kept by hand and named here"))
    engine.forget(Scope(namespaces=("default",)))
    assert topics(engine) == {}


def test_maintenance_links_what_was_written_before_the_topic_and_drops_stale_links(engine):
    record = engine.remember(Draft(content="kubernetes runs here"))[0].record
    add(engine, "Deployment", cues=("kubernetes",))
    with engine.workspace.transaction() as connection:
        schema.add_links(
            connection, [Link(topic_id=topics(engine)["Deployment"].id, record_id="m-gone", reason="x")], "2026"
        )
    dry = engine.maintain(only="topics", dry_run=True)["topics"].counts
    assert (dry["stale"], dry["without"]) == (1, 1)
    assert linked(engine, "Deployment") == {}
    counts = engine.maintain(only="topics")["topics"].counts
    assert (counts["links"], counts["stale"], counts["without"]) == (1, 1, 0)
    assert list(linked(engine, "Deployment")) == [record.content]
    assert engine.maintain(only="topics")["topics"].counts["links"] == 0


class Desk:
    """A queue of decisions in a list."""

    info = PluginInfo(summary="a test's queue")

    def __init__(self):
        self.queue = []

    @hookimpl
    def memcore_decide(self, engine, request):
        self.queue.append(request)
        return str(len(self.queue))


def undecided(engine, groups=1, size=4):
    drafts = [
        Draft(content=f"Line {g}-{n}.", source=f"notes/page-{g}.md#L{n}")
        for g in range(groups)
        for n in range(size + g)
    ]
    return [outcome.record for outcome in engine.remember(drafts)]


def answer(engine, request, choice):
    for _, function in engine.catalog.implementers("memcore_decided"):
        function(
            engine=engine,
            item=DecisionItem(id="1", request=request),
            answer=Answer(choice=choice, reason="it is", by="a person"),
        )


def test_what_no_rule_decides_is_asked_about_by_group_in_maintenance_only(engine):
    desk = Desk()
    engine.register(desk, name="desk")
    undecided(engine, groups=8)
    assert desk.queue == []
    assert engine.maintain(only="topics")["topics"].counts["asked"] == 5
    assert desk.queue[0].question == "Which topic do 11 records from notes/page-7.md belong to?"
    assert desk.queue[0].key == "TOPIC_CLASSIFY:default:notes/page-7.md:"
    assert len(desk.queue[0].record_ids) == 11
    assert desk.queue[0].options == ("page-7", "no topic")


def test_asking_can_be_switched_off_and_small_groups_are_not_asked_about(tmp_path):
    for name, size, ask in (("a", 4, False), ("b", 2, True)):
        with open_engine(tmp_path / name, "topics", topics__ask=ask) as engine:
            desk = Desk()
            engine.register(desk, name="desk")
            undecided(engine, size=size)
            engine.maintain(only="topics")
            assert desk.queue == []


@pytest.mark.parametrize(("choice", "under"), [("page-0", 4), ("A new name", 4), ("no topic", 0)])
def test_an_answer_is_carried_out_and_settles_the_group(engine, choice, under):
    desk = Desk()
    engine.register(desk, name="desk")
    undecided(engine)
    engine.maintain(only="topics")
    answer(engine, desk.queue[0], choice)
    if under:
        assert set(linked(engine, choice).values()) == {"decided by a person: it is"}
        assert len(linked(engine, choice)) == under
    else:
        assert topics(engine) == {}
    engine.maintain(only="topics")
    assert len(desk.queue) == 1


def test_an_answer_to_another_kind_of_question_changes_nothing(engine):
    desk = Desk()
    engine.register(desk, name="desk")
    undecided(engine)
    engine.maintain(only="topics")
    from attrs import evolve

    answer(engine, evolve(desk.queue[0], kind="CONFLICT_RESOLVE"), "page-0")
    assert topics(engine) == {}


def test_the_check_reports_empty_topics_shared_names_and_stale_links(engine):
    add(engine, "Deployment", aliases=("ops",))
    add(engine, "Operations", aliases=("Ops",))
    with engine.workspace.transaction() as connection:
        schema.add_links(
            connection, [Link(topic_id=topics(engine)["Deployment"].id, record_id="m-gone", reason="x")], "2026"
        )
    found = {(finding.code, finding.severity) for _, finding in engine.check("topics")}
    assert found == {("topics.empty", "info"), ("topics.ambiguous", "warning"), ("topics.stale", "warning")}


def test_a_healthy_registry_has_no_findings(engine):
    engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",)) for n in range(3)])
    assert engine.check("topics") == []


def test_the_figures_count_topics_and_standing_links(engine):
    engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",)) for n in range(3)])
    assert engine.stats()["topics"] == {"topics": 1, "links": 3}


def test_the_prompt_block_is_stable_and_names_topics_with_records(engine):
    add(engine, "Empty one")
    engine.remember(
        [Draft(content=f"Gauge {n}.", tags=("gauge", "<b>")) for n in range(3)]
        + [Draft(content=f"Buoy {n}.", tags=("buoy",)) for n in range(4)]
    )
    assert engine.prompt_block() == "## Topics in memory\nbuoy; gauge"
    assert engine.prompt_block(Scope(namespaces=("other",))) == ""


def test_the_prompt_block_is_limited_to_the_largest_topics(tmp_path):
    with open_engine(tmp_path, "topics", topics__prompt_topics=1) as engine:
        engine.remember(
            [Draft(content=f"Gauge {n}.", tags=("gauge",)) for n in range(3)]
            + [Draft(content=f"Buoy {n}.", tags=("buoy",)) for n in range(4)]
        )
        assert engine.prompt_block() == "## Topics in memory\nbuoy"


def test_a_missed_batch_is_linked_by_the_next_maintenance(tmp_path):
    with open_engine(tmp_path, clock=Clock()) as engine:
        engine.remember([Draft(content=f"Gauge {n} drifts.", tags=("gauge",)) for n in range(3)])
    with open_engine(tmp_path, "topics", clock=Clock()) as engine:
        engine.maintain(only="topics")
        assert len(linked(engine, "gauge")) == 3


@given(st.text(max_size=40))
def test_a_slug_is_the_slug_of_itself(text):
    assert slug_of(slug_of(text)) == slug_of(text)


@given(st.lists(st.text(min_size=1, max_size=12), max_size=6), st.text(max_size=80))
def test_any_names_and_any_text_can_be_matched(names, text):
    found = [Topic(namespace="n", slug=slug_of(name), name=name, cues=(name,)) for name in names]
    registry = Registry(found)
    for topic, reason in registry.in_text(text):
        assert topic in found
        assert reason.startswith(("name: ", "cue: "))
    for name in names:
        if slug_of(name):
            assert registry.find(name) is not None
