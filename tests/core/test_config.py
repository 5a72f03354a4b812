from __future__ import annotations

from pathlib import Path

import pytest
from attrs import field, frozen
from memcore.config import Config, CoreSettings, suggest
from memcore.errors import ConfigError


@frozen(kw_only=True)
class Settings:
    rate: float = 0.02
    days: int = 30
    deep: bool = False
    kinds: tuple[str, ...] = ("opinion",)
    endpoint: str = field(default="", metadata={"env": "VIRTUALME_ENDPOINT"})
    extra: dict[str, str] = field(factory=dict)


def write(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "memcore.toml").write_text(text)
    return home


def test_command_line_beats_environment_beats_file_beats_default(tmp_path):
    write(tmp_path, "[decay]\nrate = 0.1\ndays = 1\ndeep = true\n")
    environ = {"MEMCORE_DECAY__RATE": "0.2", "MEMCORE_DECAY__DAYS": "2"}
    config = Config(home=tmp_path, environ=environ, overrides={"decay.rate": "0.3"})
    rows = {key: (value, origin) for key, value, origin in config.lookup("decay", Settings)}
    assert rows["rate"] == (0.3, "command line")
    assert rows["days"] == (2, "MEMCORE_DECAY__DAYS")
    assert rows["deep"] == (True, str(tmp_path / "memcore.toml"))
    assert rows["kinds"] == (("opinion",), "default")


def test_an_alias_of_the_environment_lies_between_file_and_own_variable(tmp_path):
    write(tmp_path, '[decay]\nendpoint = "file"\n')
    alias = {"VIRTUALME_ENDPOINT": "alias"}
    assert Config(home=tmp_path, environ={}).section("decay", Settings).endpoint == "file"
    assert Config(home=tmp_path, environ=alias).section("decay", Settings).endpoint == "alias"
    both = alias | {"MEMCORE_DECAY__ENDPOINT": "own"}
    assert Config(home=tmp_path, environ=both).section("decay", Settings).endpoint == "own"


def test_dashes_and_underscores_name_the_same_section(tmp_path):
    write(tmp_path, "[memory-hall]\nrate = 1\n")
    config = Config(home=tmp_path, environ={"MEMCORE_MEMORY_HALL__DAYS": "9"})
    assert config.section("memory-hall", Settings) == Settings(rate=1.0, days=9)
    config.check({"": [], "memory-hall": ["rate", "days"]})


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [("yes", "deep", True), ("0", "deep", False), ("a, b,", "kinds", ("a", "b")), ("7", "days", 7), ("1", "rate", 1.0)],
)
def test_words_of_the_environment_become_values(tmp_path, text, key, value):
    config = Config(home=tmp_path, environ={f"MEMCORE_DECAY__{key.upper()}": text})
    assert getattr(config.section("decay", Settings), key) == value


@pytest.mark.parametrize(
    ("key", "value"), [("deep", "maybe"), ("days", "many"), ("rate", True), ("deep", 1), ("endpoint", 3), ("kinds", 5)]
)
def test_a_wrong_type_names_its_origin_and_what_is_wanted(tmp_path, key, value):
    config = Config(home=tmp_path, environ={}, overrides={f"decay.{key}": value})
    with pytest.raises(ConfigError, match=r"decay\.\w+ \(from command line\)") as caught:
        config.section("decay", Settings)
    assert "give a value of type" in caught.value.cure


def test_values_of_other_types_pass_unchanged(tmp_path):
    config = Config(home=tmp_path, environ={}, overrides={"decay.extra": {"a": "b"}})
    assert config.section("decay", Settings).extra == {"a": "b"}


def test_an_unknown_key_is_an_error_with_a_suggestion(tmp_path):
    config = Config(home=tmp_path, environ={"MEMCORE_DECAY__RATES": "1"})
    with pytest.raises(ConfigError) as caught:
        config.check({"": [], "decay": ["rate", "days"]})
    assert "MEMCORE_DECAY__RATES" in str(caught.value)
    assert caught.value.cure == "did you mean 'rate'?"


def test_an_unknown_section_is_an_error_with_a_suggestion(tmp_path):
    write(tmp_path, "[dekay]\nrate = 1\n")
    with pytest.raises(ConfigError, match="dekay") as caught:
        Config(home=tmp_path, environ={}).check({"": [], "decay": ["rate"]})
    assert caught.value.cure == "did you mean 'decay'?"


def test_an_unknown_key_of_memcore_itself_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="'bakend' in MEMCORE_BAKEND"):
        Config(home=tmp_path, environ={"MEMCORE_BAKEND": "x"}).check({"": ["backend"]})


def test_the_section_of_a_plugin_that_cannot_tell_admits_any_key(tmp_path):
    Config(home=tmp_path, environ={"MEMCORE_ACME__X": "1"}).check({"": [], "acme": None})


@pytest.mark.parametrize("content", [b"[decay", b"\xff\xfe"])
def test_a_broken_file_is_reported_at_check_only(tmp_path, content):
    (tmp_path / "memcore.toml").write_bytes(content)
    config = Config(home=tmp_path, environ={})
    assert config.section("decay", Settings) == Settings()
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.check({"": []})


def test_a_file_that_cannot_be_read_is_reported_at_check(tmp_path):
    (tmp_path / "memcore.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        Config(home=tmp_path, environ={}).check({"": []})


def test_the_home_comes_from_the_environment_or_the_platform(tmp_path, monkeypatch):
    assert Config(environ={"MEMCORE_HOME": str(tmp_path)}).home == tmp_path
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Config(environ={}).home.name == "memcore"


def test_the_database_is_in_the_home_or_where_it_is_named(tmp_path):
    assert Config(home=tmp_path, environ={}).database == tmp_path / "memory.db"
    assert Config(home=tmp_path, environ={"MEMCORE_DB": "/x/y.db"}).database == Path("/x/y.db")


def test_virtualme_may_choose_the_backend(tmp_path):
    assert Config(home=tmp_path, environ={"VIRTUALME_BACKEND": "b"}).section("", CoreSettings).backend == "b"


def test_suggestions_fall_back_to_what_is_known():
    assert suggest("zzz", ["alpha", "beta"]) == "known: alpha, beta"
    assert suggest("zzz", []) == "known: none"
