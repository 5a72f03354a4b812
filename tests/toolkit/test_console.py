"""What commands print: aligned text in a pipe, colour on a terminal, JSON that is always valid."""

from __future__ import annotations

import enum
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit import console


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


@contextmanager
def attached(stream: Terminal) -> Iterator[None]:
    with redirect_stdout(stream), redirect_stderr(stream):
        yield


@attrs.frozen(kw_only=True)
class Value:
    name: str
    when: datetime
    _hidden: int = 0


class Colour(enum.Enum):
    RED = "red"


class TestTable:
    def test_a_pipe_gets_aligned_text_without_trailing_space(self, capsys: pytest.CaptureFixture[str]) -> None:
        console.emit_table(["name", "hits"], [["tea", 3], ["녹차", 12], [None, 7]])
        assert capsys.readouterr().out == "name  hits\ntea      3\n녹차    12\n         7\n"

    def test_a_table_without_rows_is_its_header(self, capsys: pytest.CaptureFixture[str]) -> None:
        console.emit_table(["a", "b"], [])
        assert capsys.readouterr().out == "a  b\n"

    def test_cells_cannot_steer_the_terminal_or_break_the_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        console.emit_table(["a"], [["\x1b[31mred\nline\u202etxt"]])
        assert capsys.readouterr().out == "a\n [31mred line txt\n"

    def test_json_is_rows_as_objects_or_the_given_value(self, capsys: pytest.CaptureFixture[str]) -> None:
        console.emit_table(["b", "a"], [["차", 1]], as_json=True)
        assert capsys.readouterr().out == '[\n  {\n    "b": "차",\n    "a": 1\n  }\n]\n'
        console.emit_table(["a"], [[1]], json_value={"n": 1}, as_json=True)
        assert json.loads(capsys.readouterr().out) == {"n": 1}

    def test_a_terminal_gets_colour_and_no_markup_is_read(self, terminal: Terminal) -> None:
        with attached(terminal):
            console.emit_table(["name", "n"], [["[red]tea[/red]", 3]])
        assert "\x1b[" in terminal.getvalue()
        assert "[red]tea[/red]" in terminal.getvalue()

    @pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
    def test_colour_can_be_declined(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
        monkeypatch.setenv(variable, "dumb")
        with attached(terminal):
            console.emit_table(["name"], [["tea"]])
        assert terminal.getvalue() == "name\ntea\n"

    def test_without_rich_a_terminal_gets_plain_text(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "rich", None)
        with attached(terminal):
            console.emit_table(["name"], [["tea"]])
        assert terminal.getvalue() == "name\ntea\n"


class TestJson:
    def test_values_of_every_kind_become_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        value = {
            "z": Value(name="차", when=datetime(2026, 1, 2, tzinfo=UTC)),
            date(2026, 1, 2): {3, 1},
            2: (1.5, float("nan"), None, True),
            "path": Path("a") / "b",
            "colour": Colour.RED,
            "bytes": b"a\xff",
            "lazy": (item for item in "ab"),
        }
        console.emit_json(value)
        assert json.loads(capsys.readouterr().out) == {
            "z": {"name": "차", "when": "2026-01-02T00:00:00+00:00"},
            "2026-01-02": [1, 3],
            "2": [1.5, None, None, True],
            "path": str(Path("a") / "b"),
            "colour": "red",
            "bytes": "a\\xff",
            "lazy": ["a", "b"],
        }

    def test_keys_keep_their_order_and_text_its_script(self, capsys: pytest.CaptureFixture[str]) -> None:
        console.emit_json({"b": "茶", "a": 1})
        assert capsys.readouterr().out == '{\n  "b": "茶",\n  "a": 1\n}\n'

    @given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=8))  # fmt: skip
    def test_anything_printed_is_valid_json(self, value: object) -> None:
        stream = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            console.emit_json(value)
        json.loads(stream.getvalue(), parse_constant=pytest.fail)

    def test_a_narrow_encoding_is_survived(self, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding="ascii", newline="")
        monkeypatch.setattr(sys, "stdout", stream)
        console.emit_json("차")
        stream.flush()
        assert json.loads(raw.getvalue()) == "차"


class TestProgress:
    def test_a_pipe_sees_the_items_only(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert list(console.progress(range(3), total=3, label="x")) == [0, 1, 2]
        assert capsys.readouterr().err == ""

    def test_fast_work_on_a_terminal_shows_nothing(self, terminal: Terminal) -> None:
        with attached(terminal):
            assert list(console.progress(range(3), total=3, label="x")) == [0, 1, 2]
        assert terminal.getvalue() == ""

    def test_slow_work_on_a_terminal_shows_a_bar_with_its_label(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(console, "PROGRESS_AFTER", 0.0)
        with attached(terminal):
            assert list(console.progress(range(3), total=3, label="[b]moving")) == [0, 1, 2]
        assert "[b]moving" in terminal.getvalue()

    def test_the_bar_ends_when_the_work_fails(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(console, "PROGRESS_AFTER", 0.0)

        def work() -> Iterator[int]:
            yield 1
            raise RuntimeError("broken")

        with attached(terminal), pytest.raises(RuntimeError, match="broken"):
            list(console.progress(work(), label="x"))
        assert "x" in terminal.getvalue()

    def test_without_rich_slow_work_is_done_quietly(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(console, "PROGRESS_AFTER", 0.0)
        monkeypatch.setitem(sys.modules, "rich.console", None)
        with attached(terminal):
            assert list(console.progress(range(3), label="x")) == [0, 1, 2]
        assert terminal.getvalue() == ""


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("no\x1b tea")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: no  tea\n")


def test_warnings_are_coloured_on_a_terminal(terminal: Terminal) -> None:
    with attached(terminal):
        console.warn("no tea")
    assert "no tea" in terminal.getvalue()


def test_no_stream_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert list(console.progress([1], label="x")) == [1]


@pytest.mark.parametrize(("text", "width"), [("tea", 3), ("녹차", 4), ("e\u0301", 1), ("ｱ", 1), ("", 0), ("茶 é", 4)])
def test_width_counts_columns(text: str, width: int) -> None:
    assert console.display_width(text) == width
