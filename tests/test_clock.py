"""The sample workspace grows old: every command runs at every clock, and what fades fades on the day it should.

The numbers are worked out by hand from the files of the sample, not taken from a run.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta

import pytest
from program import memcore
from whole import SAMPLE

BEGIN = date(2026, 10, 10)
"""The day of the migration: four days after the newest log of the sample."""
EIGHT = {
    "migrate": (SAMPLE, "--incremental"),
    "lint": (),
    "warn": (),
    "decay": ("--dry-run",),
    "stats": (),
    "wiki-lint": (SAMPLE / "wiki",),
    "backfill-vectors": ("--dry-run",),
    "ontology-sync": (SAMPLE, "--dry-run"),
}
OPINIONS = (
    # confidence and the day it was last said; each loses 0.02 a day and leaves below 0.30
    ("bank/opinions-suppliers.md#L5", 0.90, "2026-09-30"),
    ("bank/opinions-suppliers.md#L6", 0.80, "2026-09-18"),
    ("bank/opinions-suppliers.md#L7", 0.70, "2026-09-03"),
    ("bank/opinions-suppliers.md#L8", 0.35, "2026-05-06"),
    ("bank/opinions.md#L3", 0.95, "2026-10-01"),
    ("bank/opinions.md#L7", 0.85, "2026-09-22"),
    ("bank/opinions.md#L12", 0.80, "2026-09-28"),
    ("bank/opinions.md#L16", 0.75, "2026-10-02"),
    ("bank/opinions.md#L20", 0.60, "2026-01-14"),
    ("bank/opinions.md#L25", 0.45, "2026-09-28"),
    ("memory/2026-09-11.md#L20", 0.95, "2026-09-11"),
    ("memory/2026-10-02.md#L19", 0.75, "2026-10-02"),
    ("memory/2026-10-06.md#L16", 0.70, "2026-10-06"),
)
"""The opinions of the sample that can still be there; all others were last said before the end of August."""
HELD = {
    # days after the migration: the opinions of the list above that are still held, by their last digits
    0: 9,  # gone: suppliers L7 (20 days after 09-03), L8, opinions L20, L25 (7 days after 09-28)
    1: 9,
    3: 9,
    4: 7,  # suppliers L6: 0.80 lasts 25 days from 09-18, to 10-13; the log of 09-11: 0.95 lasts 32 days, to 10-13
    10: 6,  # opinions L7: 0.85 lasts 27 days from 09-22, to 10-19
    14: 5,  # opinions L12: 0.80 lasts 25 days from 09-28, to 10-23
    15: 3,  # opinions L16 and the log of 10-02: 0.75 lasts 22 days, to 10-24
    17: 2,  # the log of 10-06: 0.70 lasts 20 days, to 10-26
    20: 2,
    21: 1,  # suppliers L5: 0.90 lasts 30 days from 09-30, to 10-30
    23: 1,
    24: 0,  # opinions L3: 0.95 lasts 32 days from 10-01, to 11-02
    30: 0,
    90: 0,
}
STALE = {
    # days after the migration: entities last renewed more than 30 days ago
    0: {"backup", "ebb-api"},  # 2026-01-20 and 2026-05-12
    1: {"backup", "ebb-api"},
    2: {"backup", "ebb-api", "tide-forecast"},  # 2026-09-11, 31 days before 10-12
    6: {"backup", "ebb-api", "tide-forecast", "林雨桐"},  # 2026-09-15
    21: {"backup", "ebb-api", "tide-forecast", "林雨桐", "Mina Seo"},  # 2026-09-30
    26: {"backup", "ebb-api", "tide-forecast", "林雨桐", "Mina Seo"},
    30: {"backup", "ebb-api", "tide-forecast", "林雨桐", "Mina Seo", "Jonas Halvorsen", "Pier signs"},  # 2026-10-06
    90: {"backup", "ebb-api", "tide-forecast", "林雨桐", "Mina Seo", "Jonas Halvorsen", "Pier signs"},
}


def day(after):
    return (BEGIN + timedelta(days=after)).isoformat()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    home = tmp_path_factory.mktemp("clock")
    assert memcore(home, "--now", day(0), "migrate", SAMPLE).code == 0
    return home


@pytest.fixture
def home(migrated, tmp_path):
    return shutil.copytree(migrated, tmp_path / "home")


@pytest.mark.parametrize("after", [1, 30, 90])
@pytest.mark.parametrize("command", EIGHT)
def test_the_command_runs_at_this_clock(home, command, after):
    done = memcore(home, "--now", day(after), command, *EIGHT[command])
    assert done.code in ((0, 1) if command in ("lint", "warn", "wiki-lint") else (0,)), done
    assert (done.out + done.err).strip()


@pytest.mark.parametrize("after", [0, 1, 30, 90])
def test_the_commands_that_look_change_nothing(home, after):
    before = (home / "memory.db").read_bytes()
    for command in ("lint", "warn", "decay", "stats", "wiki-lint"):
        memcore(home, "--now", day(after), "--read-only", command, *EIGHT[command])
    assert (home / "memory.db").read_bytes() == before


@pytest.mark.parametrize("after", HELD)
def test_opinions_leave_on_the_day_they_have_faded(home, after):
    assert memcore(home, "--now", day(after), "decay").code == 0
    figures = memcore(home, "--now", day(after), "stats", "--json").json
    kinds = figures["sqlite"]["kinds"]["opinion"]
    assert kinds.get("active", 0) == HELD[after]
    assert sum(kinds.values()) == 30, "what left is kept"


def test_the_numbers_above_are_those_of_the_rule():
    for after, held in HELD.items():
        now = BEGIN + timedelta(days=after)
        left = [round(c - 0.02 * (now - date.fromisoformat(said)).days, 6) for _, c, said in OPINIONS]
        assert sum(value >= 0.30 for value in left) == held


def test_many_runs_leave_what_one_late_run_leaves(home, tmp_path):
    often, late = home, shutil.copytree(home, tmp_path / "late")
    for after in range(1, 16):
        memcore(often, "--now", day(after), "maintain")
    memcore(often, "--now", day(2), "maintain")
    memcore(often, "--now", day(15), "maintain")
    memcore(late, "--now", day(15), "maintain")
    kinds = [memcore(each, "--now", day(15), "stats", "--json").json["sqlite"]["kinds"] for each in (often, late)]
    assert kinds[0] == kinds[1]
    assert kinds[0]["opinion"] == {"active": HELD[15], "retired": 30 - HELD[15]}


@pytest.mark.parametrize("after", STALE)
def test_entities_grow_stale_after_thirty_days(home, after):
    found = memcore(home, "--now", day(after), "entities", "--json").json
    assert {each["name"] for each in found if each["stale"]} == STALE[after]
    done = memcore(home, "--now", day(after), "warn", "--limit", "0")
    assert done.out.count("entities.stale") == len(STALE[after])


@pytest.mark.parametrize("after", [0, 1, 30, 90])
def test_a_page_is_stale_by_its_sources_whatever_the_day(home, after):
    """Chart datum was changed on 2026-01-15, its source on the same gauge on 2026-07-03: 169 days, then and always."""
    done = memcore(home, "--now", day(after), "wiki-lint", SAMPLE / "wiki")
    assert "169 days before sources/2026-07-gauge-levelling.md" in done.out
    assert done.out.count("warning: stale:") == 1


@pytest.mark.parametrize(("after", "stale"), [(0, 1), (1, 2), (30, 2), (50, 3), (51, 3), (90, 3)])
def test_a_verification_runs_out_with_the_clock(home, tmp_path, after, stale):
    """Two pages are to be verified every 90 days: one was on 2026-07-12 (to 10-10), one on 2026-08-30 (to 11-28)."""
    vault = shutil.copytree(SAMPLE / "wiki", tmp_path / "wiki")
    for name, verified in (("one", "2026-07-12"), ("two", "2026-08-30")):
        head = f"---\ntitle: {name}\ncreated: 2026-07-01\nupdated: 2026-07-01\ntype: concept\ntags: [x]\nsources: []\n"
        text = f"{head}verification_required: true\nlast_verified: {verified}\n---\n\n# {name}\n\nA line.\n"
        (vault / "concepts" / f"{name}.md").write_text(text)
    done = memcore(home, "--now", day(after), "wiki-lint", vault)
    assert done.out.count("warning: stale:") == stale
