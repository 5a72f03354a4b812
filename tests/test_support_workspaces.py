"""The workspaces that other tests rely on hold what they promise."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hostile_workspace import (
    DEEP_LEVELS,
    ONE_LINE_BYTES,
    OPINION_BYTES,
    TABLE_ROWS,
    VERDICTS,
    build_hostile_workspace,
    build_large_workspace,
)

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
SAMPLE = EXAMPLES / "workspace"


def _questions() -> list[dict[str, Any]]:
    with (EXAMPLES / "questions.toml").open("rb") as file:
        questions: list[dict[str, Any]] = tomllib.load(file)["question"]
    return questions


def _line(source: str) -> str:
    name, _, number = source.partition("#L")
    return (SAMPLE / name).read_text(encoding="utf-8-sig").splitlines()[int(number) - 1]


def _tree(root: Path) -> dict[str, str]:
    """Return what a regular file holds and where a link points, for everything under `root`."""
    return {
        os.path.relpath(path, root): os.readlink(path).replace(str(root), "ROOT")
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for folder, names, files in os.walk(root)
        for path in (Path(folder) / name for name in (*names, *files))
        if path.is_symlink() or (path.is_file() and os.access(path, os.R_OK))
    }


@pytest.mark.parametrize("question", _questions(), ids=lambda question: question["text"])
def test_each_sample_question_points_at_the_line_that_answers_it(question: dict[str, Any]) -> None:
    assert question["expect_text"] in _line(question["expect_source"])
    for source in (*question.get("also", ()), *question.get("superseded", ())):
        assert _line(source)


def test_the_sample_questions_cover_four_languages_evenly() -> None:
    languages = [question["language"] for question in _questions()]
    assert {language: languages.count(language) for language in languages} == {"en": 3, "ko": 3, "zh": 3, "ja": 3}


def test_an_answer_is_not_on_a_superseded_line() -> None:
    for question in _questions():
        for source in question.get("superseded", ()):
            assert question["expect_text"] not in _line(source)


def test_the_readme_lists_every_file_of_the_sample() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")}
    assert listed == {path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("memory/2026-03-03.md", b"\r\n"),
        ("memory/2026-04-07.md", b"\xef\xbb\xbf"),
        ("memory/2026-07-21.md", "\u200b".encode()),
        ("memory/2026-02-24.md", "\u3000".encode()),
    ],
)
def test_the_bytes_that_make_a_sample_file_unusual_survive_git(name: str, mark: bytes) -> None:
    assert mark in (SAMPLE / name).read_bytes()


def test_the_hostile_workspace_is_the_same_each_time(tmp_path: Path) -> None:
    first = build_hostile_workspace(tmp_path / "one")
    second = build_hostile_workspace(tmp_path / "two")
    assert first == second
    one, two = _tree(tmp_path / "one"), _tree(tmp_path / "two")
    assert (one.pop("leaves-relative.md"), two.pop("leaves-relative.md")) == (
        "../one-outside/private.md",
        "../two-outside/private.md",
    )
    assert one == two


def test_every_expectation_names_something_that_exists_and_a_known_verdict(tmp_path: Path) -> None:
    expected = build_hostile_workspace(tmp_path / "w")
    for name, verdict in expected.items():
        assert os.path.lexists(tmp_path / "w" / name), name
        assert verdict.partition(":")[0] in VERDICTS
        assert "\n" not in verdict


def test_every_hostile_file_has_an_expectation(tmp_path: Path) -> None:
    root = tmp_path / "w"
    expected = build_hostile_workspace(root)
    found = {os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names}
    directories = {"loop/again", "leaves-dir", "directory.md"}
    assert found == set(expected) - directories


def test_the_big_hostile_files_have_their_size(tmp_path: Path) -> None:
    build_hostile_workspace(tmp_path / "w")
    line = (tmp_path / "w/one-line.md").read_bytes()
    assert len(line) == ONE_LINE_BYTES
    assert b"\n" not in line
    opinions = (tmp_path / "w/bank/opinions.md").read_text(encoding="utf-8")
    assert len(opinions) == OPINION_BYTES
    assert sum(text.startswith("O(c=") for text in opinions.splitlines()) == 3
    assert len((tmp_path / "w/table.md").read_text(encoding="utf-8").splitlines()) == TABLE_ROWS + 2
    assert [len(path.relative_to(tmp_path / "w").parts) for path in (tmp_path / "w/deep").rglob("note.md")] == [
        DEEP_LEVELS + 2
    ]


def test_the_links_that_leave_point_outside(tmp_path: Path) -> None:
    root = tmp_path / "w"
    expected = build_hostile_workspace(root)
    leaving = [name for name, verdict in expected.items() if "leaves the workspace" in verdict]
    assert len(leaving) == 3
    assert all(not (root / name).resolve().is_relative_to(root) for name in leaving)


def test_the_large_workspace_is_the_same_each_time(tmp_path: Path) -> None:
    assert build_large_workspace(tmp_path / "one", 20) == build_large_workspace(tmp_path / "two", 20)
    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")


def test_the_large_workspace_has_as_many_files_of_about_seven_kilobytes_as_asked(tmp_path: Path) -> None:
    written = build_large_workspace(tmp_path / "w", 40)
    sizes = [path.stat().st_size for path in (tmp_path / "w").rglob("*.md")]
    assert len(sizes) == 40
    assert sum(sizes) == written
    assert all(7_000 <= size < 7_400 for size in sizes)


def test_no_two_bullets_of_the_large_workspace_are_equal(tmp_path: Path) -> None:
    build_large_workspace(tmp_path / "w", 40)
    pages = (path.read_text(encoding="utf-8") for path in (tmp_path / "w").rglob("*.md"))
    bullets = [line for page in pages for line in page.splitlines() if line.startswith("- ")]
    assert len(bullets) == len(set(bullets)) > 2_000


def test_every_wiki_link_of_the_large_workspace_resolves(tmp_path: Path) -> None:
    build_large_workspace(tmp_path / "w", 40)
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "w/wiki").rglob("*.md")}
    assert {text.split("[[")[1].split("]]")[0] for text in pages.values()} <= set(pages)


def test_other_words_give_another_large_workspace(tmp_path: Path) -> None:
    build_large_workspace(tmp_path / "w", 3, ["alpha", "beta"])
    text = (tmp_path / "w/memory/2022-01-01.md").read_text(encoding="utf-8")
    assert "alpha" in text
    assert "tide" not in text
