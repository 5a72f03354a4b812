"""The integrity of what is kept: one pass over the records, then the links between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import define, field
from memcore.records import Finding, Record, Scope
from memcore_toolkit.secrets import find_secrets
from memcore_toolkit.text import normal_form

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["check_records"]

_BATCH = 1000
_FACTS = frozenset({"fact", "knowledge", "observation", "opinion", "pattern", "world"})
_MERGED = frozenset({"experience", "fact", "identity", "observation", "opinion", "pattern", "world"})
_NUMBER = re.compile(r"[^\W_]*\d[^\W_]*")
_NAMED_VALUE = re.compile(r"(?P<about>.{1,80}) > (?P<name>[^:>]{1,40}): (?P<value>[^\n]+)\Z")
_LEAST_WORDS = 4


_Place = tuple[str, str]
"""The id of a record, and its source where it has one."""


@define
class _Seen:
    """What the pass remembers to compare: keys of texts, statements with their numbers, links."""

    forms: dict[tuple[str, str, str], list[_Place]] = field(factory=dict)
    statements: dict[tuple[str, str, str], list[tuple[_Place, str]]] = field(factory=dict)
    upstream: dict[str, list[str]] = field(factory=dict)
    successors: dict[str, list[str]] = field(factory=dict)


def check_records(engine: Engine) -> Iterator[Finding]:
    """Yield the findings about all active records, and about superseded ones whose successor is missing."""
    seen = _Seen()
    for record in engine.scan(Scope(statuses=("active", "superseded"))):
        if record.status == "superseded":
            successor = str(record.metadata.get("superseded_by") or "")
            if successor:
                seen.successors.setdefault(successor, []).append(record.id)
            continue
        yield from _check_one(record)
        yield from _secrets(record)
        _remember(seen, record)
    yield from _duplicates(seen)
    yield from _contradictions(seen)
    yield from _dangling(engine, seen)


def _check_one(record: Record) -> Iterator[Finding]:
    where, ids = record.source or record.id, (record.id,)
    for problem in record.metadata.get("problems") or ():
        if problem == "unknown-letter":
            message = f"its tag had the unknown letter {record.metadata.get('tag')}; it is kept as {record.kind}"
            yield Finding(code="lint.tag-letter", severity="warning", message=message, where=where, record_ids=ids)
        elif str(problem).startswith("confidence"):
            message = "the confidence of its tag could not be used as it was written"
            yield Finding(code="lint.confidence", severity="warning", message=message, where=where, record_ids=ids)


def _remember(seen: _Seen, record: Record) -> None:
    if record.kind in _MERGED and (form := normal_form(record.content)):
        seen.forms.setdefault((record.namespace, record.kind, form), []).append(_place(record))
        if record.kind in _FACTS and record.entities:
            _remember_statement(seen, record, form)
    for key in record.upstream_ids:
        seen.upstream.setdefault(key, []).append(record.id)


def _remember_statement(seen: _Seen, record: Record, form: str) -> None:
    """Keep a statement under what it is about, with what it says of it: a named value, or its numbers."""
    named = _NAMED_VALUE.match(record.content)
    if named:
        key = (record.namespace, record.entities[0], f"{named['about']} > {named['name']}".casefold())
        seen.statements.setdefault(key, []).append((_place(record), normal_form(named["value"])))
        return
    numbers = tuple(_NUMBER.findall(form))
    skeleton = _NUMBER.sub("#", form)
    if numbers and len(skeleton.split()) >= _LEAST_WORDS:
        key = (record.namespace, record.entities[0], skeleton)
        seen.statements.setdefault(key, []).append((_place(record), " ".join(numbers)))


def _secrets(record: Record) -> Iterator[Finding]:
    if spans := find_secrets(record.content):
        yield Finding(
            code="lint.secret",
            severity="error",
            message=f"it holds a secret ({', '.join(sorted({span.kind for span in spans}))})",
            where=record.source or record.id,
            cure=f"renew the key, then: memcore forget --record {record.id}",
            record_ids=(record.id,),
        )


def _duplicates(seen: _Seen) -> Iterator[Finding]:
    for (namespace, kind, _), places in seen.forms.items():
        if len(places) > 1:
            message = f"{len(places)} records of kind {kind} in {namespace} say the same"
            yield _pair("lint.duplicate", message, places, "retire all but one")


def _contradictions(seen: _Seen) -> Iterator[Finding]:
    for (_, entity, _), said in seen.statements.items():
        if len({value for _, value in said}) > 1:
            message = f"{len(said)} records about {entity} differ only in their values"
            yield _pair("lint.contradiction", message, [place for place, _ in said], "retire what is no longer true")


def _place(record: Record) -> _Place:
    return record.id, record.source or record.id


def _pair(code: str, message: str, places: Sequence[_Place], cure: str) -> Finding:
    where = ", ".join(source for _, source in places[:3])
    ids = tuple(key for key, _ in places)
    return Finding(code=code, severity="warning", message=message, where=where, cure=cure, record_ids=ids)


def _dangling(engine: Engine, seen: _Seen) -> Iterator[Finding]:
    """Yield links to records that do not exist, in either direction."""
    for links, code, told in (
        (seen.upstream, "lint.upstream", "was made from the record {0}, which does not exist"),
        (seen.successors, "lint.superseded", "is superseded by the record {0}, which does not exist"),
    ):
        keys = list(links)
        for start in range(0, len(keys), _BATCH):
            part = keys[start : start + _BATCH]
            there = {record.id for record in engine.get(part)}
            for key in part:
                for owner in links[key] if key not in there else ():
                    yield Finding(
                        code=code, severity="error", message=told.format(key), where=owner, record_ids=(owner,)
                    )
