"""Blocks of agent memory markdown: exact lines, tolerant of what people and models write, nothing swallowed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.frontmatter import read_frontmatter
from memcore_toolkit.markdown import (
    Block,
    Bullet,
    Document,
    Fence,
    Heading,
    HtmlComment,
    Paragraph,
    Quote,
    Rule,
    TableRow,
    parse,
)

PIECES = [
    "# One", "## Two ##", "- item", "  - [x] deeper", "\t- tab", "1. first", "* * *", "---", "===", "```", "```py", "~~~", "| a | b |",
    "|---|:-:|", "> said", "<!-- open", "close -->", "<!-- whole -->", "prose", "  deeper", "", "\u3000wide", "O(c=0.8) @Mina: tea", "`x` <!-- y",
    "a | b", "key: value", "\ufeff", "...", "- ", "-", "#", "#tag", "`" * 5,
]  # fmt: skip
documents = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=14).map("\n".join)


def only(document: Document, kind: type[Block]) -> list[Block]:
    return [block for block in document.walk() if type(block) is kind]


class TestHeadings:
    def test_a_heading_knows_its_ancestors_and_its_line(self) -> None:
        document = parse("# Log\ntext\n## Retain ##\n- tea\n# Next\n### Deep")
        headings = [block for block in document.blocks if isinstance(block, Heading)]
        assert [(block.line, block.level, block.path) for block in headings] == [
            (1, 1, ("Log",)),
            (3, 2, ("Log", "Retain")),
            (5, 1, ("Next",)),
            (6, 3, ("Next", "Deep")),
        ]
        assert only(document, Bullet)[0].section == ("Log", "Retain")

    def test_underlined_titles_are_headings(self) -> None:
        document = parse("Title\n=====\nPart\n---\ntext")
        assert [(b.level, b.text, b.line, b.end_line) for b in document.blocks if isinstance(b, Heading)] == [
            (1, "Title", 1, 2),
            (2, "Part", 3, 4),
        ]

    def test_a_rule_below_a_sentence_is_a_rule(self) -> None:
        document = parse("Mina likes tea.\n---\nMore\ntext\n---")
        assert [type(block) for block in document.blocks] == [Paragraph, Rule, Paragraph, Rule]

    def test_a_tag_is_no_heading(self) -> None:
        assert [type(block) for block in parse("#tag one\n\n####### seven").blocks] == [Paragraph, Paragraph]

    def test_wide_spaces_and_line_ends_of_any_kind_are_understood(self) -> None:
        document = parse("\ufeff#\u3000標題\r\n-\u3000一\r\u3000\u3000続き\n")
        heading, bullet = document.blocks
        assert isinstance(heading, Heading)
        assert isinstance(bullet, Bullet)
        assert (heading.text, bullet.text, bullet.continuation, bullet.line) == ("標題", "一", ("続き",), 2)


class TestBullets:
    def test_children_and_continuation_lines_belong_to_their_item(self) -> None:
        (bullet,) = parse("- a\n  more\n  - b\n    deep\n  back\n\n  after a gap").blocks
        assert isinstance(bullet, Bullet)
        assert bullet.full_text == "a\nmore\nback\nafter a gap"
        assert bullet.end_line == 7
        (child,) = bullet.children
        assert isinstance(child, Bullet)
        assert (child.line, child.text, child.continuation, child.indent) == (3, "b", ("deep",), 2)

    def test_an_unindented_line_is_a_paragraph_of_its_own(self) -> None:
        document = parse("- a\nW @Mina: bare")
        assert [type(block) for block in document.blocks] == [Bullet, Paragraph]

    @pytest.mark.parametrize(
        ("line", "marker", "text", "checked"),
        [
            ("* a", "*", "a", None),
            ("+ a", "+", "a", None),
            ("• a", "•", "a", None),
            ("12) a", "12)", "a", None),
            ("3. [ ] a", "3.", "a", False),
            ("- [X]  a ", "-", "a", True),
            ("- [x](y)", "-", "[x](y)", None),
            ("-", "-", "", None),
            ("- [x]", "-", "", True),
        ],
    )
    def test_markers_and_boxes(self, line: str, marker: str, text: str, checked: bool | None) -> None:
        (bullet,) = parse(line).blocks
        assert isinstance(bullet, Bullet)
        assert (bullet.marker, bullet.text, bullet.checked) == (marker, text, checked)

    @pytest.mark.parametrize("line", ["**bold** lead", "-5 degrees", "2025 was good", "1.5 litres", "*(note)*"])
    def test_lookalikes_are_no_bullets(self, line: str) -> None:
        assert [type(block) for block in parse(line).blocks] == [Paragraph]

    def test_deep_nesting_stays_shallow_and_complete(self) -> None:
        document = parse("\n".join(" " * depth + f"- {depth}" for depth in range(500)))
        assert [block.text for block in document.walk() if isinstance(block, Bullet)] == [str(n) for n in range(500)]

    def test_a_fence_below_an_item_is_its_child(self) -> None:
        (bullet, after) = parse("- run\n  ```sh\n  ls\n    -a\n  ```\nend").blocks
        assert isinstance(bullet, Bullet)
        (fence,) = bullet.children
        assert isinstance(fence, Fence)
        assert (fence.text, fence.info, bullet.end_line, after.line) == ("ls\n  -a", "sh", 5, 6)

    def test_a_hash_inside_an_item_is_its_text(self) -> None:
        (bullet,) = parse("- run\n  # as root").blocks
        assert isinstance(bullet, Bullet)
        assert bullet.continuation == ("# as root",)


class TestFences:
    def test_what_is_fenced_is_not_read(self) -> None:
        document = parse("````md\n```\n# no\n- no\n```\n````\n# yes")
        assert [type(block) for block in document.blocks] == [Fence, Heading]

    def test_an_unclosed_fence_ends_at_the_next_heading(self) -> None:
        document = parse("```\ncode\n# Next\n- tea")
        fence, heading, bullet = document.blocks
        assert isinstance(fence, Fence)
        assert (fence.text, fence.closed, fence.end_line) == ("code", False, 2)
        assert isinstance(heading, Heading)
        assert bullet.section == ("Next",)

    def test_an_unclosed_fence_ends_at_the_next_fence_that_opens(self) -> None:
        first, second, prose = parse("```sh\nls\n```py\nx\n```\nprose").blocks
        assert isinstance(first, Fence)
        assert isinstance(second, Fence)
        assert (first.text, first.closed, second.text, second.closed, prose.line) == ("ls", False, "x", True, 6)

    def test_an_odd_fence_does_not_swallow_the_next_section(self) -> None:
        document = parse("```\nls\n\n## Facts\n- tea\n\n```\ncode\n```\n")
        assert "tea" in [block.text for block in document.walk() if isinstance(block, Bullet)]

    def test_paired_fences_may_hold_anything_that_looks_like_a_heading(self) -> None:
        (fence,) = parse("```\n\n## no heading\n```").blocks
        assert isinstance(fence, Fence)
        assert fence.closed

    def test_inline_marks_are_no_fence(self) -> None:
        assert [type(block) for block in parse("```inline``` code").blocks] == [Paragraph]

    def test_a_fence_at_the_end_of_the_file_is_read(self) -> None:
        (fence,) = parse("~~~\na").blocks
        assert isinstance(fence, Fence)
        assert (fence.text, fence.closed) == ("a", False)


class TestComments:
    def test_a_comment_over_several_lines_hides_its_content(self) -> None:
        document = parse("lead <!-- start\n- no\n--> tail\n- yes")
        assert [block.text for block in document.walk() if isinstance(block, Bullet)] == ["yes"]
        (comment,) = only(document, HtmlComment)
        assert isinstance(comment, HtmlComment)
        assert (comment.line, comment.end_line, comment.text) == (1, 3, "start\n- no")
        assert [(b.line, b.text) for b in document.blocks if isinstance(b, Paragraph)] == [(1, "lead"), (3, "tail")]

    def test_an_unclosed_comment_ends_at_the_next_heading(self) -> None:
        document = parse("<!-- oops\n- no\n# Next\n- yes")
        assert [block.text for block in document.walk() if isinstance(block, Bullet)] == ["yes"]

    def test_an_unclosed_comment_ends_at_the_next_comment(self) -> None:
        document = parse("<!-- oops\n- no\n<!-- whole -->\n- yes\n<!-- last")
        assert [block.text for block in only(document, HtmlComment)] == ["oops\n- no", "whole", "last"]  # type: ignore[attr-defined]
        assert [block.text for block in document.walk() if isinstance(block, Bullet)] == ["yes"]

    def test_a_comment_inside_a_line_stays_with_its_line(self) -> None:
        (bullet,) = parse("- tea <!-- importance: 3 -->").blocks
        assert isinstance(bullet, Bullet)
        assert bullet.text == "tea <!-- importance: 3 -->"

    def test_a_comment_in_code_opens_nothing(self) -> None:
        document = parse("use `<!-- x`\n- tea")
        assert [type(block) for block in document.blocks] == [Paragraph, Bullet]


class TestTables:
    def test_rows_carry_their_header(self) -> None:
        document = parse(
            "| Opinion | Confidence |\n|---|:-:|\n| short \\| crisp | 0.8 |\n| `a|b` |\n| [[x|y]] | 1 | extra |\nend"
        )
        rows = [block for block in document.blocks if isinstance(block, TableRow)]
        assert [row.line for row in rows] == [3, 4, 5]
        assert rows[0].cells == {"Opinion": "short | crisp", "Confidence": "0.8"}
        assert rows[1].cells == {"Opinion": "`a|b`", "Confidence": ""}
        assert rows[2].cells == {"Opinion": "[[x|y]]", "Confidence": "1", "3": "extra"}
        assert rows[0].header == ("Opinion", "Confidence")
        assert isinstance(document.blocks[-1], Paragraph)

    def test_rows_without_a_header_name_their_columns_by_number(self) -> None:
        document = parse("| tea | Mina |\n| coffee | Jo |")
        assert [block.cells for block in document.blocks if isinstance(block, TableRow)] == [
            {"1": "tea", "2": "Mina"},
            {"1": "coffee", "2": "Jo"},
        ]

    def test_a_table_needs_no_outer_pipes_and_may_follow_prose(self) -> None:
        document = parse("Prices\nitem | price\n--- | ---\ntea | 3\n\nend | of it")
        assert [type(block) for block in document.blocks] == [Paragraph, TableRow, Paragraph]

    def test_columns_of_one_name_are_both_kept(self) -> None:
        (row,) = parse("| a | a |\n|---|---|\n| 1 | 2 |").blocks
        assert isinstance(row, TableRow)
        assert row.cells == {"a": "1", "2": "2"}


class TestFrontmatter:
    def test_yaml_values_keep_their_types(self) -> None:
        document = parse("---\ntitle: Tea\nupdated: 2026-02-03\nyear: 2024\ntags: [a, b]\n---\n# Tea")
        assert document.frontmatter == {"title": "Tea", "updated": date(2026, 2, 3), "year": 2024, "tags": ["a", "b"]}
        assert document.invalid_frontmatter is None
        assert document.blocks[0].line == 7

    def test_invalid_yaml_is_read_by_line_and_named(self) -> None:
        document = parse(
            "---\nrelated: [[a]], [[b]]\nsay: on: 'x'\nwhen: \"2026\"\nlist:\n- one\n- 'two'\nflow: [x, y\n---\ntext"
        )
        assert document.invalid_frontmatter
        assert document.frontmatter["related"] == ["[[a]]", "[[b]]"]
        assert document.frontmatter["say"] == "on: 'x'"
        assert document.frontmatter["when"] == "2026"
        assert document.frontmatter["list"] == ["one", "two"]

    @pytest.mark.parametrize("value", ["2026-13-40", "!!int x", "2001-01-01 00:00:00+99:99", "[" * 3000])
    def test_values_that_crash_a_yaml_reader_do_not_crash_ours(self, value: str) -> None:
        document = parse(f"---\ntitle: Tea\nbad: {value}\n---\ntext")
        assert document.frontmatter["title"] == "Tea"
        assert document.invalid_frontmatter

    @pytest.mark.parametrize(
        "text",
        [
            "text\n---\ntitle: no\n---",
            "---\n# Title\nprose\n---\nmore",
            "---\nnever closed: yes",
            "---\n- a\n- b\n---",
            "",
            "---",
        ],
    )
    def test_rules_are_not_frontmatter(self, text: str) -> None:
        assert parse(text).frontmatter == {}
        assert parse(text).invalid_frontmatter is None

    @pytest.mark.parametrize("text", ["---\n---\n# a", "---\n# comment only\n---\n# a", "---\n\n---\n# a"])
    def test_an_empty_block_is_skipped(self, text: str) -> None:
        document = parse(text)
        assert document.frontmatter == {}
        assert [type(block) for block in document.blocks] == [Heading]

    def test_a_huge_block_is_read_by_line(self) -> None:
        document = parse("---\ntitle: Tea\n" + "x: y\n" * 20_000 + "---\n")
        assert document.frontmatter["title"] == "Tea"
        assert document.invalid_frontmatter is not None
        assert "longer" in document.invalid_frontmatter


def test_quotes_lose_one_mark_and_keep_their_lines() -> None:
    (quote,) = parse("> one\n>> two\n>three").blocks
    assert isinstance(quote, Quote)
    assert (quote.text, quote.end_line) == ("one\n> two\nthree", 3)


@given(documents)
def test_any_text_is_read_with_lines_that_exist_and_nothing_is_lost(text: str) -> None:
    document = parse(text)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    covered = {number for block in document.walk() for number in range(block.line, block.end_line + 1)}
    assert all(1 <= number <= len(lines) for number in covered)
    assert all(block.line <= block.end_line for block in document.walk())
    head = read_frontmatter(lines).lines
    for number, line in enumerate(lines, 1):
        if number > head and line.strip() and "|" not in line:
            assert number in covered, line


@given(documents)
def test_words_are_never_invented(text: str) -> None:
    def words(value: str) -> set[str]:
        return set(value.split())

    known = words(text) | {piece for word in words(text) for piece in (word.lstrip(">"), word.lstrip("|").rstrip("|"))}
    for block in parse(text).walk():
        if isinstance(block, (Paragraph, Heading)):
            assert words(block.text) <= known | words(text.replace("<!--", " ").replace("-->", " "))


@pytest.mark.parametrize(
    "unit", ["```x\n", "<!-- \n", "--> <!-- a\n", " - a\n", "| a ", "|---", "\\", "`" * 4 + "\n", "#", "- ", ">", "[["]
)
def test_a_megabyte_of_one_mark_is_read_in_linear_time(unit: str) -> None:
    document = parse(unit * (1_000_000 // len(unit)))
    assert all(block.line <= block.end_line for block in document.walk())
