"""Inside a line: code spans, emphasis, links, placeholders; and the bytes of a file."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.inline import code_spans
from memcore_toolkit.markdown import (
    MarkdownLink,
    WikiLink,
    decode,
    inline_plain,
    is_code_wrapped,
    link_targets,
    markdown_links,
    placeholder,
    wikilinks,
)

marks = st.text("`*_~=[]()|!<>\\#%-: \nab\u200b한字.md\"'", max_size=40)


class TestPlain:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("**bold** and *soft* and __both__ _too_", "bold and soft and both too"),
            ("***deep** inside*", "deep inside"),
            ("`a*b` and `c*d`", "a*b and c*d"),
            ("**run `ls -a`** now", "run ls -a now"),
            ("`` `x` ``", "`x`"),
            ("snake_case and 2 * 3 * 4", "snake_case and 2 * 3 * 4"),
            ("_foo_bar baz_", "foo_bar baz"),
            ("[text](https://a.example) ![alt](b.png)", "text alt"),
            ("[[Mina|her]] and [[Tea#Green]] and [[a\\|b]]", "her and Tea#Green and b"),
            ("~~old~~ ==new==", "old new"),
            ("one<br>two <b>x</b> keep <name>", "one two  x  keep <name>"),
            ("tea <!-- importance: 3 -->", "tea "),
            (r"\*not soft\* and \`no code\`", "*not soft* and `no code`"),
            ("nul\0here `x`", "nulhere x"),
            ("**소중한** 것, *重要*", "소중한 것, 重要"),
            ("a ` b", "a ` b"),
        ],
    )
    def test_marks_go_and_text_stays(self, text: str, plain: str) -> None:
        assert inline_plain(text) == plain

    @given(st.text(st.characters(exclude_characters="`*_~=[]<\\%\0"), max_size=40))
    def test_text_without_marks_is_left_alone(self, text: str) -> None:
        assert inline_plain(text) == text

    @given(marks)
    def test_letters_are_never_invented(self, text: str) -> None:
        for letter in "ab한字":
            assert inline_plain(text).count(letter) <= text.count(letter)


class TestCode:
    @pytest.mark.parametrize("text", ["`W @Mina:`", "``a ` b``", " `x` "])
    def test_wrapped_text_is_documentation(self, text: str) -> None:
        assert is_code_wrapped(text)

    @pytest.mark.parametrize("text", ["`a` and `b`", "tea", "`open", "", "``", "`a` b", r"\`a`"])
    def test_anything_else_is_not(self, text: str) -> None:
        assert not is_code_wrapped(text)

    def test_a_span_ends_with_its_paragraph(self) -> None:
        assert code_spans("a ` b\n\nc ` d") == []
        assert code_spans("a ` b\nc ` d") == [(2, 9)]

    @given(marks)
    def test_spans_are_in_order_and_apart(self, text: str) -> None:
        position = 0
        for start, end in code_spans(text):
            assert position <= start < end <= len(text)
            assert text[start] == text[end - 1] == "`"
            position = end


class TestWikiLinks:
    @pytest.mark.parametrize(
        ("text", "link"),
        [
            ("[[Tea]]", WikiLink(target="Tea")),
            ("[[Tea.md]]", WikiLink(target="Tea")),
            ("[[notes/Tea|green]]", WikiLink(target="notes/Tea", alias="green")),
            ("[[Tea\\|green]]", WikiLink(target="Tea", alias="green")),
            ("![[tea.png|300]]", WikiLink(target="tea.png", alias="300", embed=True)),
            ("[[Tea#How#Long]]", WikiLink(target="Tea", anchor="How#Long")),
            ("[[Tea.md#^b-1]]", WikiLink(target="Tea", anchor="^b-1")),
            ("[[#Here]]", WikiLink(target="", anchor="Here")),
            ("[[녹차]]", WikiLink(target="녹차")),
            ("[[ 緑茶 ]]", WikiLink(target="緑茶")),
        ],
    )
    def test_every_written_form(self, text: str, link: WikiLink) -> None:
        assert wikilinks(text) == [link]

    @pytest.mark.parametrize(
        "text",
        ["`[[no]]`", "```\n[[no]]\n```", "<!-- [[no]] -->", "x <!-- a\n[[no]]\n-->", "%%[[no]]%%", "[[##search]]", "[[^^x]]", "[[]]", "[[ ]]", "[[#]]", "[[a\nb]]", "---\nx: [[no]]\ny: z: q\n---\n"],
    )  # fmt: skip
    def test_code_comments_searches_and_frontmatter_do_not_count(self, text: str) -> None:
        assert wikilinks(text) == []

    def test_links_know_their_line(self) -> None:
        text = "---\nt: x\n---\n[[a]] `[[no]]`\n```\n[[no]]\n```\n<!-- [[no]]\n--> [[b]]\n| [[c\\|d]] |"
        assert [(link.target, link.line) for link in wikilinks(text)] == [("a", 4), ("b", 9), ("c", 10)]


class TestMarkdownLinks:
    @pytest.mark.parametrize(
        ("text", "link"),
        [
            ("[t](sources/x.md)", MarkdownLink(text="t", target="sources/x.md")),
            ("[t](a%20b.md#part)", MarkdownLink(text="t", target="a b.md", anchor="part")),
            ("[t](<a b.md>)", MarkdownLink(text="t", target="a b.md")),
            ('![t](a.png "title")', MarkdownLink(text="t", target="a.png", image=True)),
            ("[t](https://a.example/x#y)", MarkdownLink(text="t", target="https://a.example/x#y", external=True)),
            ("[t](a_(b).md)", MarkdownLink(text="t", target="a_(b).md")),
            ("[t](#part)", MarkdownLink(text="t", target="", anchor="part")),
        ],
    )
    def test_every_written_form(self, text: str, link: MarkdownLink) -> None:
        assert markdown_links(text) == [link]

    @pytest.mark.parametrize("text", ["`[t](x)`", "[t]()", "[t] (x)", "[t](a b)", "~~~\n[t](x)\n~~~"])
    def test_what_is_no_link_is_not_found(self, text: str) -> None:
        assert markdown_links(text) == []

    def test_links_know_their_line(self) -> None:
        assert [link.line for link in markdown_links("a\n[b](c)\n\n[d](e) [f](g)")] == [2, 4, 4]


@given(marks)
def test_links_of_any_text_exist_in_it(text: str) -> None:
    for wiki in wikilinks(text):
        assert wiki.target in text
        assert 1 <= wiki.line <= text.count("\n") + 1
    for link in markdown_links(text):
        assert link.text in text
        assert 1 <= link.line <= text.count("\n") + 1


class TestPlaceholder:
    @pytest.mark.parametrize(
        "text",
        ["", "  ", "\u3000", "_(pick something you like)_", "*（稍后填写）*", "*待填充*", "**TBD**", "YYYY-MM-DD", "`YYYY-MM-DD`", "[YYYY-MM-DD]", "YYYY-MM-DD: what happened", "tbd.", "(optional)", "(none)", "{{name}}", "<your name>", "[Your name here]", "…", "-", "미정", "(없음)", "N/A", "**"],
    )  # fmt: skip
    def test_what_was_never_filled_in(self, text: str) -> None:
        assert placeholder(text)

    @pytest.mark.parametrize(
        "text",
        ["none", "*really likes tea*", "Mina", "2025-11-27", "files are named YYYY-MM-DD.md", "무엇", "待办: 买茶", "<https://a.example>", "0", "no", "(she left)", "optional feature", "[link](x)"],
    )  # fmt: skip
    def test_what_says_something(self, text: str) -> None:
        assert not placeholder(text)


class TestLinkTargets:
    @pytest.mark.parametrize(
        ("value", "targets"),
        [
            ("[[a]]", ("a",)),
            ("[[a|b]], [[c#d]]", ("a", "c")),
            ([["a"]], ("a",)),
            (["[[a.md]]", "b", 3], ("a", "b", "3")),
            ({"from": ["[[a]]"], "to": "b"}, ("a", "b")),
            (None, ()),
            (True, ()),
            ("", ()),
        ],
    )
    def test_every_way_of_writing_it(self, value: object, targets: tuple[str, ...]) -> None:
        assert link_targets(value) == targets


class TestDecode:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_a_byte_order_mark_decides(self, encoding: str) -> None:
        decoded = decode("차 tea\r\n茶".encode(encoding))
        assert decoded.text == "차 tea\n茶"
        assert decoded.notes
        assert not decoded.binary

    def test_big_endian_marks_are_known(self) -> None:
        assert decode(codecs.BOM_UTF16_BE + "茶".encode("utf-16-be")).encoding == "utf-16-be"

    def test_plain_utf8_has_nothing_to_note(self) -> None:
        decoded = decode(b"a\r\nb\rc\n")
        assert (decoded.text, decoded.encoding, decoded.notes) == ("a\nb\nc\n", "utf-8", ())

    def test_bytes_that_do_not_fit_are_replaced_and_their_line_is_named(self) -> None:
        decoded = decode(b"tea\ncaf\xe9\n")
        assert decoded.text == "tea\ncaf\ufffd\n"
        assert decoded.notes[0].startswith("line 2:")

    def test_nul_characters_are_noted_and_many_mean_binary(self) -> None:
        assert not decode(b"a" * 500 + b"\0").binary
        assert "NUL" in decode(b"a" * 500 + b"\0").notes[0]
        assert decode("plain text".encode("utf-16-le")).binary

    @given(st.binary(max_size=60))
    def test_any_bytes_become_text_with_clean_line_ends(self, data: bytes) -> None:
        assert "\r" not in decode(data).text

    def test_zero_width_characters_stay(self) -> None:
        assert decode("a\u200bb".encode()).text == "a\u200bb"
