"""The desk at which judgments are asked for and answered: queue, validate, carry out, ask those who can answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve
from memcore.errors import InvalidInputError, MemcoreError, PluginError, RefusedError

from memcore_plugins.decisions import schema
from memcore_plugins.decisions.schema import Item

if TYPE_CHECKING:
    from memcore import Engine
    from memcore.records import Answer, DecisionItem, DecisionRequest

    from memcore_plugins.decisions import DecisionsSettings

__all__ = ["LONGEST_ANSWER", "ask", "check_answer", "enqueue", "resolve", "the_item"]

LONGEST_ANSWER = 20_000
"""Characters of a free-text answer; what is longer is not an answer but a document."""


def enqueue(engine: Engine, request: DecisionRequest, settings: DecisionsSettings) -> str:
    """Queue a request and return its id.

    The key makes it idempotent: an open item is brought up to date, an answered one stays answered until what it
    rests on changes. A draft that was accepted and is held again comes back only if the record it became is gone.
    """
    from memcore_toolkit.secrets import redact

    request = evolve(request, evidence=_each_text(request.evidence, redact))
    now, key, mark = engine.now(), schema.item_id(request.key), schema.fingerprint(request)
    deadline = request.deadline or now + timedelta(days=settings.deadline_days)
    with engine.workspace.transaction() as connection:
        old = schema.load(connection, key)
        if old is None:
            schema.insert(connection, _new(request, key, mark, deadline, now))
        elif old.status == "queued":
            kept = min(old.deadline, deadline) if request.deadline is None else deadline
            fresh = _new(request, key, mark, kept, old.created_at)
            schema.insert(connection, evolve(fresh, record_ids=fresh.record_ids, history=old.history))
        elif old.fingerprint != mark or old.status == "moot" or _undone(engine, old):
            event = {"event": "reopened", "at": schema.text_of(now)}
            schema.insert(connection, evolve(_new(request, key, mark, deadline, now), history=(*old.history, event)))
    return key


def _new(request: DecisionRequest, key: str, mark: str, deadline: datetime, now: datetime) -> Item:
    return Item(
        id=key,
        kind=request.kind,
        key=request.key,
        question=request.question,
        options=request.options,
        record_ids=request.record_ids,
        evidence=request.evidence,
        deadline=deadline,
        status="queued",
        fingerprint=mark,
        created_at=now,
    )


def _undone(engine: Engine, item: Item) -> bool:
    """Return whether a draft was accepted and its record has left active memory since."""
    accepted = item.kind == "REVIEW" and item.last_choice == "accept"
    return accepted and not any(record.status == "active" for record in engine.get(item.record_ids))


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(item, change) for key, item in value.items()}
    return [_each_text(item, change) for item in value] if isinstance(value, list | tuple) else value


def the_item(engine: Engine, beginning: str) -> Item:
    """Return the one item whose id begins like this; raises InvalidInputError for none and for several."""
    connection = engine.workspace.connection()
    found = schema.find(connection, beginning.strip()) if beginning.strip() else []
    if len(found) != 1:
        why = f"{len(found)} ids begin with {beginning!r}" if found else f"no id begins with {beginning!r}"
        raise InvalidInputError("there is no such decision", why=why, cure="memcore decisions list --all")
    item = schema.load(connection, found[0])
    if item is None:
        raise InvalidInputError("the decision was deleted meanwhile", cure="memcore decisions list --all")
    return item


def check_answer(request: DecisionRequest, answer: Answer) -> Answer:
    """Return the answer with its choice spelled like the option; raises InvalidInputError for what is not on offer."""
    choice = answer.choice.strip()
    if not request.options:
        if not choice or len(choice) > LONGEST_ANSWER:
            why = f"it has {len(choice)} characters, 1 to {LONGEST_ANSWER} are possible"
            raise InvalidInputError("the answer is not usable", why=why, cure="answer in words")
        return evolve(answer, choice=choice)
    matches = [option for option in request.options if option == choice]
    matches = matches or [option for option in request.options if option.casefold() == choice.casefold()]
    if len(matches) != 1:
        cure = f"choose one of: {', '.join(request.options)}"
        raise InvalidInputError(f"{choice!r} is not an option", why=f"the question is: {request.question}", cure=cure)
    return evolve(answer, choice=matches[0])


def resolve(engine: Engine, item: Item, answer: Answer) -> Answer:
    """Answer a queued item and have the plugins carry it out, in one transaction; return the answer understood.

    Raises InvalidInputError for a wrong answer, RefusedError for an item that is not queued, and what goes wrong
    while it is carried out; then nothing has changed and the item is still queued.
    """
    with engine.workspace.transaction() as connection:
        current = schema.load(connection, item.id)
        if current is None or current.status != "queued":
            status = current.status if current else "deleted"
            raise RefusedError(f"the decision {item.id} is {status}, not queued", cure="memcore decisions list")
        asked = current.asked()
        answer = check_answer(asked.request, answer)
        event = {
            "event": "answered",
            "at": schema.text_of(engine.now()),
            "choice": answer.choice,
            "reason": answer.reason,
            "by": answer.by,
        }
        schema.move(connection, current, "answered", event)
        _carry_out(engine, asked, answer)
    return answer


def _carry_out(engine: Engine, item: DecisionItem, answer: Answer) -> None:
    for plugin, function in engine.catalog.implementers("memcore_decided"):
        try:
            function(engine=engine, item=item, answer=answer)
        except MemcoreError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            what = f"{plugin.name} could not carry out the answer to {item.id}; the decision is still queued"
            raise PluginError(what, why=why, cure="repair the plugin and answer again") from error


def ask(engine: Engine, limit: int) -> tuple[int, list[str], list[str]]:
    """Ask plugins and host about the most urgent items; return how many, what was answered, and what failed after it.

    Nobody has precedence: an item stays queued if two of them disagree, and if an answer is not on offer.
    """
    able = engine.catalog.implementers("memcore_answer")
    queued = schema.items(engine.workspace.connection(), "queued")[:limit] if able else []
    lines, failed = list[str](), list[str]()
    for item in queued:
        answers: list[Answer] = []
        for plugin, function in able:
            with engine.isolated(plugin, "memcore_answer"):
                if (found := function(engine=engine, item=item.asked())) is not None:
                    answer = check_answer(item.asked().request, found)
                    answers.append(evolve(answer, by=answer.by or plugin.name))
        if len({answer.choice for answer in answers}) == 1:
            try:
                done = resolve(engine, item, answers[0])
                lines.append(f"{item.id} {item.kind}: {_short(done.choice)} ({done.by})")
            except MemcoreError as error:
                failed.append(f"{item.id} {item.kind} could not be carried out: {_short(str(error))}")
    return len(queued), lines, failed


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
