"""Check request bodies and query parameters and word the complaints the way pydantic does (§3.1, §3.4, §4.1).

Every complaint carries the offending input back to the caller, the whole body when a field is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from attrs import field, frozen

__all__ = [
    "BATON_READ",
    "BATON_WRITE",
    "LINK",
    "PATCH",
    "SEARCH",
    "WRITE",
    "Field",
    "Invalid",
    "ServerError",
    "check_body",
    "check_limit",
    "check_time",
    "check_unicode",
    "parse_body",
]

MAX_PARSE_DEPTH = 1_500
"""Nesting from which the real server cannot read a body at all (§10)."""

Kind = Literal["text", "texts", "object", "integer", "choice"]
_EXPECTED = {
    "text": (str, "string_type", "Input should be a valid string"),
    "texts": (list, "list_type", "Input should be a valid list"),
    "object": (dict, "dict_type", "Input should be a valid dictionary"),
}


class ServerError(Exception):
    """Say that the request ends in a plain-text 500."""


class Invalid(Exception):
    """Carry the complaints of a 422."""

    def __init__(self, *errors: Mapping[str, Any]) -> None:
        super().__init__("the request does not fit the schema")
        self.errors = list(errors)


@frozen(kw_only=True)
class Field:
    """Describe one field of a JSON body."""

    name: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    default: Any = None
    filled: bool = False
    low: int | None = None
    high: int | None = None
    choices: Sequence[str] = field(factory=tuple)


WRITE = (
    Field(name="agent_id", kind="text", required=True, filled=True),
    Field(name="namespace", kind="text", required=True, filled=True),
    Field(name="type", kind="text", required=True, filled=True),
    Field(name="content", kind="text", required=True, filled=True),
    Field(name="summary", kind="text", nullable=True),
    Field(name="tags", kind="texts", default=()),
    Field(name="references", kind="texts", default=()),
    Field(name="metadata", kind="object", default={}),
)
SEARCH = (
    Field(name="query", kind="text", required=True, filled=True),
    Field(name="namespace", kind="texts", nullable=True),
    Field(name="agent_id", kind="text", nullable=True),
    Field(name="type", kind="texts", nullable=True),
    Field(name="tags", kind="texts", nullable=True),
    Field(name="limit", kind="integer", default=20, low=1, high=100),
    Field(name="mode", kind="choice", default="hybrid", choices=("lexical", "semantic", "hybrid")),
)
PATCH = (Field(name="metadata", kind="object", default={}),)
LINK = (
    Field(name="target_entry_id", kind="text", required=True, filled=True),
    Field(name="relation", kind="text", nullable=True),
)
BATON_READ = (Field(name="namespace", kind="text", required=True, filled=True),)
BATON_WRITE = (
    Field(name="namespace", kind="text", required=True, filled=True),
    Field(name="baton", kind="object", required=True),
    Field(name="expected_revision", kind="integer", nullable=True),
)


def parse_body(content_type: str, body: bytes) -> Any:
    """Return the JSON value of a body; raise `Invalid` for what is not JSON, `ServerError` for what breaks the parser."""
    if not body:
        raise Invalid(_error("missing", ["body"], "Field required", None))
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Invalid(_not_an_object(body.decode("utf-8", "replace")))
    try:
        return json.loads(body.decode())
    except json.JSONDecodeError as error:
        context = {"ctx": {"error": error.msg}}
        raise Invalid(_error("json_invalid", ["body", error.pos], "JSON decode error", {}) | context) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ServerError("the body cannot be decoded") from error


def check_body(fields: Sequence[Field], payload: Any) -> dict[str, Any]:
    """Return the value of every described field, silently leaving the others out; raise `Invalid` with all complaints."""
    if not isinstance(payload, dict):
        raise Invalid(_not_an_object(payload))
    if depth(payload) > MAX_PARSE_DEPTH:
        raise ServerError("the body is nested too deeply")
    values: dict[str, Any] = {}
    errors: list[Mapping[str, Any]] = []
    for item in fields:
        if item.name not in payload:
            values[item.name] = item.default
            if item.required:
                errors.append(_error("missing", ["body", item.name], "Field required", payload))
            continue
        values[item.name], complaints = _check_value(item, payload[item.name])
        errors.extend(complaints)
    if errors:
        raise Invalid(*errors)
    return values


def check_limit(text: str, *, low: int, high: int) -> int:
    """Return the `limit` query parameter as a number; raise `Invalid` outside the bounds."""
    value, errors = _integer(["query", "limit"], text, low, high)
    if errors:
        raise Invalid(*errors)
    return int(value)


def check_time(name: str, text: str) -> datetime:
    """Return a time given as ISO datetime, date or epoch seconds, without adding an offset that is not there (§5)."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        message = "Input should be a valid datetime or date"
        raise Invalid(_error("datetime_from_date_parsing", ["query", name], message, text)) from error


def check_unicode(*values: Any) -> None:
    """Raise `ServerError` when a value holds a lone surrogate anywhere (§10)."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise ServerError("a value cannot be encoded as UTF-8") from error


def depth(value: Any) -> int:
    """Return how many containers are nested in a JSON value, itself included; 0 for a scalar."""
    level, deepest = [value], 0
    while level := [item for item in level if isinstance(item, (dict, list))]:
        deepest += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _check_value(item: Field, value: Any) -> tuple[Any, list[Mapping[str, Any]]]:
    place: list[str | int] = ["body", item.name]
    if value is None and item.nullable:
        return None, []
    if item.kind == "integer":
        return _integer(place, value, item.low, item.high)
    if item.kind == "choice":
        return value, [] if value in item.choices else [_choice_error(place, value, item.choices)]
    expected, kind, message = _EXPECTED[item.kind]
    if not isinstance(value, expected):
        return None, [_error(kind, place, message, value)]
    if item.filled and not value:
        message = "String should have at least 1 character"
        return None, [_error("string_too_short", place, message, value) | {"ctx": {"min_length": 1}}]
    if item.kind == "texts":
        wrong = [(at, entry) for at, entry in enumerate(value) if not isinstance(entry, str)]
        return value, [_error("string_type", [*place, at], _EXPECTED["text"][2], entry) for at, entry in wrong]
    return value, []


def _integer(
    place: list[str | int], value: Any, low: int | None, high: int | None
) -> tuple[Any, list[Mapping[str, Any]]]:
    message = "Input should be a valid integer"
    try:
        number = int(value) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        wording = f"{message}, unable to parse string as an integer"
        return None, [_error("int_parsing", place, wording, value)]
    if number is None:
        return None, [_error("int_type", place, message, value)]
    if isinstance(value, float) and value != number:
        return None, [_error("int_from_float", place, f"{message}, got a number with a fractional part", value)]
    if low is not None and number < low:
        wording = f"Input should be greater than or equal to {low}"
        return None, [_error("greater_than_equal", place, wording, value) | {"ctx": {"ge": low}}]
    if high is not None and number > high:
        wording = f"Input should be less than or equal to {high}"
        return None, [_error("less_than_equal", place, wording, value) | {"ctx": {"le": high}}]
    return number, []


def _choice_error(place: list[str | int], value: Any, choices: Sequence[str]) -> dict[str, Any]:
    *first, last = [f"'{choice}'" for choice in choices]
    expected = f"{', '.join(first)} or {last}"
    return _error("literal_error", place, f"Input should be {expected}", value) | {"ctx": {"expected": expected}}


def _not_an_object(value: Any) -> dict[str, Any]:
    message = "Input should be a valid dictionary or object to extract fields from"
    return _error("model_attributes_type", ["body"], message, value)


def _error(kind: str, place: Sequence[str | int], message: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "loc": list(place), "msg": message, "input": value}
