"""Copies of one fact meet under one key.

The normal form of the text with its namespace and kind, for active records only.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from memcore.records import Draft, Record, Scope, Verdict
from memcore_toolkit.text import normal_form

from memcore_plugins.ingest.schema import chunks, select_in

if TYPE_CHECKING:
    from memcore import Engine

__all__ = ["Sameness", "text_digest"]

_BUILT = "ingest:sameness"
_CHANNEL = (
    r"(?:logs?|notes?|folder|files?|docs?|document|e-?mail|mail|call|meeting|chat|session|thread|report|page|book|diary"
    r"|transcript|conversation)"
)
_CITED = re.compile(
    rf"\s*[(（](?:[^()（）,;\n]{{0,30}}\b{_CHANNEL}|[^()（）,;\n]{{0,12}}"
    r"(?:日志|日誌|记录|記錄|会议|会議|회의|메모|기록|メモ|記録))\s*[,;，、]\s*\d{4}-\d{2}-\d{2}[)）][\s.。]*$",
    re.IGNORECASE,
)
_SEPARATE = frozenset({"daily", "episode", "knowledge"})


def text_digest(text: str) -> bytes:
    """Return eight bytes that stand for a text inside one record's evidence."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


class Sameness:
    """Find and keep the keys of one engine. What `judge` computes, `note` of the same thread uses again."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._built = False

    def judge(self, engine: Engine, drafts: Sequence[Draft], out: Iterable[int] = ()) -> dict[int, Verdict]:
        """Return a merge for every draft that repeats an active record or an earlier draft in other words of no weight.

        `out` are the drafts that are refused anyway. A repetition letter by letter is left to the backend, which
        knows it.
        """
        self._build(engine)
        skipped = set(out)
        forms = {i: form for i, draft in enumerate(drafts) if i not in skipped and (form := self.form(draft))}
        self._local.forms = {(d.namespace, d.kind, d.content): forms[i] for i, d in enumerate(drafts) if i in forms}
        known = self._known(engine, set(forms.values()))
        found: dict[int, Verdict] = {}
        first: dict[bytes, int] = {}
        for i, form in forms.items():
            if form in known:
                if text_digest(drafts[i].content) not in known[form].values():
                    found[i] = Verdict(word="merge", reason="says the same", into=min(known[form]))
            elif drafts[first.setdefault(form, i)].content != drafts[i].content:
                found[i] = Verdict(word="merge", reason="says the same", twin=first[form])
        return found

    def note(self, engine: Engine, records: Iterable[Record]) -> None:
        """Keep the keys of records that became active."""
        forms: Mapping[tuple[str, str, str], bytes] = getattr(self._local, "forms", {})
        rows = []
        for record in records:
            form = forms.get((record.namespace, record.kind, record.content)) or self.form(record)
            if form:
                day = record.occurred_at.date().isoformat() if record.occurred_at else None
                rows.append(
                    (
                        record.id,
                        form,
                        text_digest(record.content),
                        record.namespace,
                        record.kind,
                        record.confidence,
                        day,
                    )
                )
        engine.workspace.connection().executemany("INSERT OR REPLACE INTO sameness VALUES(?,?,?,?,?,?,?)", rows)

    def drop(self, engine: Engine, ids: Iterable[str]) -> None:
        """Forget the keys of records that are no longer active."""
        for part in chunks(ids):
            marks = ",".join("?" * len(part))
            engine.workspace.connection().execute(f"DELETE FROM sameness WHERE record_id IN ({marks})", part)

    def rebuild(self, engine: Engine) -> int:
        """Write all keys anew from the active records and return how many there are."""
        with engine.workspace.transaction() as connection:
            connection.execute("DELETE FROM sameness")
            self.note(engine, engine.scan(Scope()))
            engine.workspace.set_meta(_BUILT, "1")
            return int(connection.execute("SELECT count(*) FROM sameness").fetchone()[0])

    def _build(self, engine: Engine) -> None:
        if not self._built:
            if engine.workspace.get_meta(_BUILT) is None:
                self.rebuild(engine)
            self._built = True

    def form(self, draft: Draft) -> bytes | None:
        """Return the key of a draft; None for what is never merged: raw logs, sections of pages, text without words."""
        if draft.kind in _SEPARATE:
            return None
        text = draft.content
        if text.rstrip("。. ").endswith((")", "）")):
            text = _CITED.sub("", text)  # where a fact was read says nothing of what it says
        form = normal_form(text)
        if not form:
            return None
        return hashlib.blake2b(
            f"{draft.namespace}\0{draft.kind}\0{form}".encode(errors="surrogatepass"), digest_size=16
        ).digest()

    def _known(self, engine: Engine, forms: Iterable[bytes]) -> dict[bytes, dict[str, bytes]]:
        """Return the records with these keys, and the digests of their texts."""
        known: dict[bytes, dict[str, bytes]] = {}
        statement = "SELECT form, record_id, text FROM sameness WHERE form IN (?)"
        for form, key, text in select_in(engine.workspace.connection(), statement, forms):
            known.setdefault(form, {})[key] = text
        return known
