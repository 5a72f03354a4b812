"""Text of any kind is stored as it is, or refused: never altered."""

from __future__ import annotations

from typing import Any

import pytest

from memcore.contracts import Capability
from memcore.errors import MemcoreError
from memcore.records import Draft
from memcore.testing.harness import Harness, Store, since

__all__ = ["HOSTILE", "TextTests"]

HOSTILE = {
    "chinese": "她說計畫撞牆了，先休息一週。",
    "japanese": "抹茶のケーキは金曜日に届く。ﾊﾝｶｸも。",
    "korean": "우리는 기억을 파일에 저장한다.",
    "jamo": "\u1112\u1161\u11ab\u1100\u1173\u11af beside 한글",
    "combining": "e\u0301 and \u00e9, \u0958 and \u0915\u093c, Z\u0351\u0343\u0346a\u0322lgo",
    "compatibility": "ﬁve ½ ① Ⅷ ㎏ Å ſ",
    "emoji": "👩🏽‍🚒 👍🏿 🇰🇷 ☁️ \U0001fae8",
    "right-to-left": "\u200fשלום عليكم \u202ereversed\u202c end",
    "quotes": "it's \"quoted\" `code` ''double'' „low“ \\' \\\"",
    "wildcards": "100%_of * it? [a-z] %_\\ \\n \\0 \\u0041",
    "markup": "<b>&amp;</b> {{x}} ${y} %(z)s {0} -- ; DROP TABLE",
    "outer-space": "  \t indented and trailing \t ",
    "line-ends": "one\r\ntwo\nthree\rfour\u2028five\n\n",
    "spaces": "no\u00a0break\u3000wide\u200bzero\ufeffmark",
    "nul": "before\0after",
    "controls": "\x01\x02\x1b[31mred\x7f\x85",
    "non-characters": "\ufffe\uffff \U0010ffff \ue000",
    "number": "007",
    "json": '{"content": null}',
    "null-word": "null",
    "64-kib-of-words": ("tide " * 13_108)[:65_536],
    "64-kib-in-one-word": "x" * 65_536,
    "64-kib-of-cjk": "潮" * 21_845,
}
"""Texts that storage engines are known to change."""

ALIKE = {
    "case": ("Ferry at nine", "ferry at nine"),
    "normal-form": ("caf\u00e9", "cafe\u0301"),
    "outer-space": ("ferry at nine", " ferry at nine"),
    "line-end": ("ferry at nine", "ferry at nine\n"),
    "width": ("ｆｅｒｒｙ", "ferry"),
    "hangul": ("\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
    "number": ("7", "7.0"),
    "nul": ("tide", "tide\0"),
}
"""Pairs that look alike and are different texts."""


@since(1)
class TextTests(Harness):
    """What a backend may do to text: nothing."""

    @pytest.mark.parametrize("name", HOSTILE)
    def test_text_is_stored_unchanged_or_refused(self, store: Store, name: str) -> None:
        """Every character comes back; a text that cannot be stored is refused with a MemcoreError and leaves nothing.

        If this fails, check trimming, Unicode normalisation, NUL-terminated strings, and columns that guess types.
        """
        text = HOSTILE[name]
        before = store.keep("An ordinary sentence.").id
        try:
            stored = store.put(text)[0]
        except MemcoreError:
            assert store.ids() == {before}
        else:
            assert stored.record.content == text
            assert [record.content for record in store.get(stored.record.id)] == [text]
            store.reopen()
            assert [record.content for record in store.get(stored.record.id)] == [text]
            assert store.put(text)[0].state == "existing"

    @pytest.mark.parametrize("name", ALIKE)
    def test_texts_that_look_alike_are_two_records(self, store: Store, name: str) -> None:
        """Texts that differ in case, spaces or Unicode form are different memories.

        If this fails, check that the key is made of the exact text, not of a cleaned form.
        """
        one, two = store.put(*ALIKE[name])
        assert (one.state, two.state) == ("new", "new")
        assert one.record.id != two.record.id
        assert tuple(record.content for record in store.get(one.record.id, two.record.id)) == ALIKE[name]

    def test_the_other_fields_are_stored_unchanged_or_refused(self, store: Store) -> None:
        """Summary, tags, entities, source, agent, kind and metadata keep every character as well.

        If this fails, check lists joined by a separator that may occur in an item, and trimmed items.
        """
        kept: dict[str, Draft] = {}
        for name, text in HOSTILE.items():
            draft = store.draft(
                f"A sentence with {name} in its fields.", summary=text, tags=(text, "b"), entities=(text, "b"),
                source=text, agent_id=text, kind=text, upstream_ids=(text,), metadata={text: text, "list": [text]},
            )  # fmt: skip
            try:
                kept[store.backend.put([draft])[0].record.id] = draft
            except MemcoreError:
                assert len(store.ids()) == len(kept), name
        kept[store.keep("A sentence without fields.").id] = store.draft("A sentence without fields.")
        store.reopen()
        for record in store.get(*kept):
            for field in ("summary", "tags", "entities", "source", "agent_id", "kind", "upstream_ids", "metadata"):
                assert getattr(record, field) == getattr(kept[record.id], field), record.content
        assert store.ids() == set(kept)

    def test_updated_fields_are_stored_unchanged(self, store: Store) -> None:
        """An update keeps every character, as a put does.

        If this fails, check that update and put write through the same code.
        """
        self.need(store, Capability.UPDATE)
        record = store.keep("A sentence with fields.")
        for text in (HOSTILE["quotes"], HOSTILE["combining"], HOSTILE["wildcards"], HOSTILE["outer-space"]):
            store.full.update(record.id, summary=text, tags=(text,), metadata={"key": text})
            (found,) = store.backend.get([record.id])
            assert (found.summary, found.tags, dict(found.metadata)) == (text, (text,), {"key": text})
            assert found.content == record.content

    @pytest.mark.parametrize("field", ["content", "summary", "source", "agent_id", "tags", "entities", "metadata"])
    def test_half_a_surrogate_pair_is_refused_or_kept(self, store: Store, field: str) -> None:
        """Text that is not valid Unicode is refused with a MemcoreError or kept as it is, and later writes go on.

        If this fails, check the encoding of each field before anything is written; such a text has stopped servers.
        """
        half = "half \ud800 pair"
        value: Any = {"tags": (half,), "entities": (half,), "metadata": {"key": half}}.get(field, half)
        assert store.put("An ordinary sentence.")[0].state == "new"
        try:
            record = store.backend.put([store.draft(**{"content": "A sentence.", field: value})])[0].record
        except MemcoreError:
            assert len(store.ids()) == 1
        else:
            assert getattr(record, field) == value
            assert store.get(record.id) == [record]
        assert store.put("Another ordinary sentence.")[0].state == "new"
        store.reopen()
        assert len(store.find("ordinary")) >= 2
