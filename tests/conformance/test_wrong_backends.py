"""The suite catches faults: each deliberately wrong backend fails exactly the tests that are meant for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import wrong_backends
import wrong_changes
import wrong_paging
import wrong_suites
import wrong_writing
from hypothesis import Phase, settings
from memcore.testing import BackendSuite
from memcore.testing.machine import play
from memcore.testing.scope import QUIET
from reference_backend import Reference

HERE = Path(__file__).parent
MODEL = "test_any_history_agrees_with_a_model"
ABOUT_THE_SUITE = {MODEL, "test_no_test_is_overridden"}
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # eighteen thousand small databases

FOUND_BY_THE_MODEL = (
    wrong_writing.DeduplicatesGlobally, wrong_writing.DropsTheFourthWrite, wrong_backends.FindsRetired,
    wrong_backends.LeaksNamespaces, wrong_writing.LooksOncePerBatch, wrong_backends.PurgesWholeNamespaces,
     wrong_changes.DeletesInMemoryOnly, wrong_changes.IgnoresSuccessors,
    wrong_changes.LeavesRetiredRetired, wrong_changes.SaysItDeleted, wrong_changes.SplitsAtSpaces, wrong_changes.UpdatesItsTwins,
    wrong_paging.ForgetsOnClose, wrong_paging.RetiresInMemoryOnly,
    wrong_paging.ScansOnePage,
)  # fmt: skip


def run(classes: list[str], report: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start pytest on some of the wrong suites, without the model test, whose findings depend on hypothesis."""
    nodes = [f"{HERE / 'wrong_suites.py'}::{name}" for name in classes]
    plain = ["-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-k", f"not {MODEL}", "--tb=no"]
    places = [f"--basetemp={folder}", "-o", "tmp_path_retention_policy=none", f"--junitxml={report}"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COV")}  # twice as slow when measured
    environment = {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", *plain, *places, *nodes]
    return subprocess.Popen(command, env=environment, cwd=HERE.parents[1], stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def failures() -> dict[str, set[str]]:
    """Run every wrong suite once; return the failed tests of each class."""
    names = sorted(suite.__name__ for suite in wrong_suites.SUITES.values())
    parts = min(4, os.cpu_count() or 1)
    found: dict[str, set[str]] = {name: set() for name in names}
    ran: set[str] = set()
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as scratch:
        reports = [Path(scratch, f"{part}.xml") for part in range(parts)]
        for process in [run(names[i::parts], reports[i], Path(scratch, str(i))) for i in range(parts)]:
            assert process.wait() == 1
        for case in (case for report in reports for case in ElementTree.parse(report).iter("testcase")):
            name = case.get("classname", "").rpartition(".")[2]
            ran.add(name)
            if case.find("failure") is not None or case.find("error") is not None:
                found[name].add(case.get("name", ""))
    assert ran == set(names)
    return found


@pytest.mark.parametrize("wrong", wrong_backends.FAULTS, ids=lambda found: found.__name__)
def test_a_wrong_backend_fails_the_tests_meant_for_it_and_no_other(
    failures: dict[str, set[str]], wrong: type[Reference]
) -> None:
    listed, failed = wrong_backends.FAULTS[wrong], failures[f"Test{wrong.__name__}"]
    expected = {test for test in listed if not test.endswith("?")}
    perhaps = {test.rstrip("?") for test in listed} - expected
    assert {test if test in expected else test.partition("[")[0] for test in failed} - perhaps == expected


def test_every_test_of_the_suite_is_failed_by_some_wrong_backend() -> None:
    tests = {name for name in dir(BackendSuite) if name.startswith("test_")} - ABOUT_THE_SUITE
    assert tests == {
        test.partition("[")[0].rstrip("?") for expected in wrong_backends.FAULTS.values() for test in expected
    }


@pytest.mark.parametrize("wrong", FOUND_BY_THE_MODEL, ids=lambda found: found.__name__)
def test_the_model_alone_finds(wrong: type[Reference], tmp_path: Path) -> None:
    first = settings(
        QUIET, max_examples=100, stateful_step_count=20, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises((AssertionError, KeyError)):
        play(wrong_suites.SUITES[wrong](), tmp_path, first)
