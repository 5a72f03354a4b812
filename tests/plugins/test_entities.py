from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memcore import Draft, Scope
from memcore_plugins.bank_migrate.run import migrate
from memcore_plugins.entities import EntitySettings, schema
from memcore_plugins.entities.merging import key_of
from memcore_plugins.entities.upkeep import findings
from program import memcore
from upkeep_engine import Clock, healthy, open_engine

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "workspace"
NOW = datetime(2026, 10, 10, 9, tzinfo=UTC)
ON = "--set", "plugins=sqlite,ingest,bank_migrate,entities"


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def engine(tmp_path, clock):
    with open_engine(tmp_path, "ingest", "bank_migrate", "entities", clock=clock) as engine:
        yield engine
        assert healthy(engine)


def day(text):
    return datetime.fromisoformat(f"{text}T00:00:00+00:00")


def page(slug, content, *, updated="2026-10-01", how="field", field="", **more):
    metadata = {"format": "entity", "entity": slug.title(), "slug": slug, "updated": updated, "updated_from": how}
    if field:
        metadata["field"] = field
    source = f"bank/entities/{slug}.md#L3"
    return Draft(content=f"{slug.title()} > {content}", entities=(slug,), metadata=metadata, source=source, **more)


def state(slug, text, when, **more):
    return Draft(
        content=f"{slug}: {text}",
        kind="observation",
        entities=(slug,),
        metadata={"state": slug},
        occurred_at=day(when),
        **more,
    )


def mention(slug, text="was seen", when="2026-10-01", **more):
    return Draft(content=f"@{slug} {text}", kind="world", entities=(slug,), occurred_at=day(when), **more)


def known(engine):
    return {entity.slug: entity for entity in schema.load_all(engine.workspace.connection())}


def stale(engine):
    return {finding.where: finding for finding in findings(engine, EntitySettings())}


def test_the_sample_has_its_pages_states_and_mentions(engine):
    migrate(engine, SAMPLE)
    found = known(engine)
    assert {slug for slug, entity in found.items() if entity.source} == {
        "ebb-api",
        "pier-signs",
        "Mina-Seo",
        "Jonas-Halvorsen",
        "林雨桐",
    }
    assert (found["林雨桐"].name, found["林雨桐"].source) == ("林雨桐", "bank/entities/林雨桐.md")
    assert (found["ebb-api"].kind, found["ebb-api"].state, found["ebb-api"].fields["Owner"]) == (
        "project",
        "live",
        "Jonas Halvorsen",
    )
    assert found["pier-signs"].state == "Six signs up; the replacement for sign 7 is at sea."
    assert found["backup"].state.startswith("Restore rehearsed")
    assert found["Plovermap"].mentions == 1


def test_only_the_page_nobody_renewed_is_a_warning_in_the_sample(engine):
    migrate(engine, SAMPLE)
    told = stale(engine)
    assert {where: finding.severity for where, finding in told.items()} == {
        "bank/entities/ebb-api.md": "warning",
        "@backup": "info",
    }
    finding = told["bank/entities/ebb-api.md"]
    assert finding.message == "ebb-api was last updated on 2026-05-12 (field), 151 days ago"
    assert finding.cure == "check Kind, Owner, State, then set its Last Updated"
    assert "it was mentioned again on 2026-10-06" in told["@backup"].cure


def test_a_page_is_stale_after_thirty_days_and_not_before(engine, clock):
    engine.remember(page("pier", "State: open", updated="2026-10-01", field="State"))
    clock.now = datetime(2026, 10, 31, tzinfo=UTC)
    assert stale(engine) == {}
    clock.now = datetime(2026, 11, 1, tzinfo=UTC)
    assert list(stale(engine)) == ["bank/entities/pier.md"]


def test_the_days_are_a_setting(tmp_path, clock):
    with open_engine(tmp_path, "entities", clock=clock, entities__stale_days=3) as engine:
        engine.remember(page("pier", "State: open", updated="2026-10-01", field="State"))
        assert [finding.code for _, finding in engine.check("entities")] == ["entities.stale"]


def test_a_page_without_any_date_is_stale_and_says_so(engine):
    engine.remember(page("pier", "State: open", updated="", how=""))
    (finding,) = stale(engine).values()
    assert finding.message == "Pier: nothing says when it was last updated"


def test_what_is_only_mentioned_is_never_stale(engine):
    engine.remember(mention("rope", when="2020-01-01"))
    assert stale(engine) == {}
    assert known(engine)["rope"].mentions == 1


def test_the_newest_state_counts_whatever_the_order(engine):
    engine.remember(state("pier", "closed", "2026-09-01"))
    engine.remember(state("pier", "open", "2026-03-01"))
    assert (known(engine)["pier"].state, known(engine)["pier"].updated_at, known(engine)["pier"].updated_from) == (
        "closed",
        "2026-09-01",
        "state",
    )


def test_a_newer_state_renews_a_page(engine):
    engine.remember(
        [page("pier", "State: open", updated="2026-05-01", field="State"), state("pier", "closed", "2026-10-05")]
    )
    assert known(engine)["pier"].state == "closed"
    assert stale(engine) == {}


def test_a_page_that_says_the_same_with_a_new_date_is_fresh_again(engine):
    engine.remember(page("pier", "State: open", updated="2026-05-01", field="State"))
    assert len(stale(engine)) == 1
    engine.remember(page("pier", "State: open", updated="2026-10-05", field="State"))
    assert stale(engine) == {}


@pytest.mark.parametrize("spelling", ["mina-seo", "Mina_Seo", "MINA-SEO", "Ｍina-Ｓeo"])
def test_spellings_of_one_name_are_one_entity(engine, spelling):
    engine.remember([mention("Mina-Seo"), mention(spelling, "again")])
    (entity,) = known(engine).values()
    assert (entity.mentions, entity.aliases) == (2, ("Mina-Seo", spelling))


@pytest.mark.parametrize("name", ["林雨桐", "ebb-api", "통영-수협", "コンブ", "Måløy"])
def test_names_of_every_script_keep_a_key(name):
    assert key_of(name)


def test_namespaces_have_their_own_entities(engine):
    engine.remember([mention("pier"), mention("pier", namespace="work")])
    rows = engine.workspace.connection().execute("SELECT namespace, mentions FROM entities ORDER BY namespace")
    assert [tuple(row) for row in rows] == [("default", 1), ("work", 1)]


def test_what_is_retired_no_longer_counts(engine):
    outcomes = engine.remember([mention("pier"), state("pier", "closed", "2026-09-01"), mention("rope")])
    engine.retire([outcomes[1].record.id, outcomes[2].record.id], reason="wrong")
    assert list(known(engine)) == ["pier"]
    assert (known(engine)["pier"].state, known(engine)["pier"].mentions) == ("", 1)


def test_forgetting_leaves_nothing_of_the_text(engine):
    (outcome, _) = engine.remember([state("pier", "painted ultramarine", "2026-09-01"), mention("rope")])
    engine.forget(Scope(ids=(outcome.record.id,), statuses=()))
    assert list(known(engine)) == ["rope"]
    assert b"ultramarine" not in engine.workspace.path.read_bytes()


def test_figures_count_entities_pages_and_stale_ones(engine):
    engine.remember([page("pier", "State: open", updated="2026-01-01", field="State"), mention("rope")])
    assert engine.stats()["entities"] == {"entities": 2, "pages": 1, "stale": 1}


SAID = st.lists(
    st.tuples(
        st.sampled_from(["pier", "Pier", "rope"]), st.sampled_from(["state", "mention", "page"]), st.integers(1, 9)
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=25)
@given(said=SAID, data=st.data())
def test_the_order_and_batches_of_records_do_not_matter(tmp_path_factory, said, data):
    drafts = []
    for number, (slug, what, when) in enumerate(said):
        made = {
            "state": state(slug, f"s{when}", f"2026-09-0{when}"),
            "mention": mention(slug, f"m{number}", f"2026-09-0{when}"),
        }
        drafts.append(made.get(what) or page(slug, f"Fact {number}", updated=f"2026-09-0{when}"))
    ends = []
    for order in (drafts, data.draw(st.permutations(drafts))):
        home = tmp_path_factory.mktemp("home")
        with open_engine(home, "entities") as engine:
            cut = data.draw(st.integers(0, len(order)))
            for batch in (order[:cut], order[cut:]):
                engine.remember(batch)
            rows = "SELECT key, state, state_at, updated_at, mentions, mentioned_at FROM entities ORDER BY key"
            ends.append([tuple(row) for row in engine.workspace.connection().execute(rows)])
        shutil.rmtree(home)
    assert ends[0] == ends[1]


# --- the command ---


@pytest.fixture
def home(tmp_path):
    assert memcore(tmp_path, *ON, "migrate", SAMPLE).code == 0
    return tmp_path


def test_the_table_shows_state_date_and_how_it_is_known(home):
    done = memcore(home, *ON, "entities")
    line = next(line for line in done.out.splitlines() if line.startswith("ebb-api"))
    assert (done.code, "project" in line, "live" in line, "2026-05-12  field" in line, "stale" in line) == (
        0,
        True,
        True,
        True,
        True,
    )


def test_one_entity_is_shown_with_its_newest_records(home):
    done = memcore(home, *ON, "entities", "@jonas halvorsen")
    assert "source: bank/entities/Jonas-Halvorsen.md" in done.out
    assert "Sails a 27-foot wooden boat" in done.out
    told = memcore(home, *ON, "entities", "Jonas-Halvorsen", "--json").json
    assert told["fields"] == {"Role": "servers, backups, nights"}
    assert len(told["records"]) == told["mentions"]


def test_only_stale_ones_are_shown_on_request(home):
    told = memcore(home, *ON, "entities", "--stale", "--json").json
    assert all(entity["stale"] for entity in told)
    assert "ebb-api" in {entity["slug"] for entity in told}


def test_an_unknown_name_suggests_a_known_one(home):
    done = memcore(home, *ON, "entities", "Plovermop")
    assert (done.code, "did you mean 'Plovermap'?" in done.err) == (2, True)


def test_an_empty_memory_explains_itself(tmp_path):
    assert "no entities yet" in memcore(tmp_path, *ON, "entities").out
    assert memcore(tmp_path, *ON, "entities", "--stale").out == "nothing is stale\n"
