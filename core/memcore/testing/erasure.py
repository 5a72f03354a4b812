"""Deletion, proved on the bytes of the files."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memcore.contracts import Capability
from memcore.testing.harness import Harness, Store, since

__all__ = ["ErasureTests"]

NEEDLES = {
    "content": "zwiebelkuchenrezept",
    "summary": "quastenflosserbild",
    "tags": "xylothekbesuch",
    "metadata": "jubelperserwort",
    "source": "vogelwartenbericht.md",
}
"""Words that no file holds by chance, one for each field that carries private text."""
STAYS = "kaffeemuehlenreparatur"


@since(1)
class ErasureTests(Harness):
    """What a deletion leaves in the files: nothing."""

    def holding(self, store: Store, words: Sequence[str]) -> set[str]:
        """Return the words that stand in any file of the memory, write-ahead logs and journals included."""
        content = b"\0".join(path.read_bytes() for path in self.files(store.folder)).lower()
        return {word for word in words if word.encode() in content}

    def planted(self, store: Store, capability: Capability) -> str:
        """Write a record with a needle in every field, among others, and prove that the needles are in the files."""
        self.need(store, capability)
        if not self.durable_in_files:
            pytest.skip("not applicable: a server keeps the records; its operator must prove the deletion")
        store.put(*(f"Ordinary entry {number} about the harbour." for number in range(20)), STAYS)
        kept = store.keep(
            f"The secret is {NEEDLES['content']}.", summary=NEEDLES["summary"], tags=(NEEDLES["tags"],),
            source=NEEDLES["source"] + "#L1", metadata={"note": NEEDLES["metadata"]},
        )  # fmt: skip
        assert store.found(NEEDLES["content"])[0] == kept.id
        expected = {*NEEDLES.values(), STAYS}
        assert self.holding(store, sorted(expected)) == expected, "override `files` or set `durable_in_files`"
        return kept.id

    def gone(self, store: Store) -> None:
        """Prove that no needle is left in any file, at once, after closing, and after opening again."""
        words = [*NEEDLES.values(), STAYS]
        assert self.holding(store, words) == {STAYS}
        store.close()
        assert self.holding(store, words) == {STAYS}
        store.open()
        assert self.holding(store, words) == {STAYS}
        assert len(store.all()) == 21

    def test_deleted_text_is_gone_from_the_files(self, store: Store) -> None:
        """After delete, no byte of the text is left in any file: table, index, free pages, journal or log.

        If this fails, check secure deletion, full-text indexes that keep old terms, write-ahead logs and histories.
        """
        secret = self.planted(store, Capability.DELETE)
        assert store.erase([secret]) == 1
        self.gone(store)

    def test_purged_text_is_gone_from_the_files(self, store: Store) -> None:
        """After purge, no byte of the text is left in any file.

        If this fails, check that purge does what delete does, for every record of the scope.
        """
        secret = self.planted(store, Capability.PURGE)
        assert store.full.purge(store.scope(ids=(secret,))) == 1
        store.workspace.scrub()
        self.gone(store)

    def test_deleted_text_is_gone_after_a_life_of_changes(self, store: Store) -> None:
        """A record that was retired, revived and updated leaves no older version of itself behind.

        If this fails, check append-only logs and history tables: every version must go.
        """
        secret = self.planted(store, Capability.DELETE)
        store.backend.retire([secret], reason=f"not {NEEDLES['content']}")
        assert store.put(f"The secret is {NEEDLES['content']}.")[0].state == "revived"
        if Capability.UPDATE in store.backend.capabilities:
            store.full.update(secret, summary="harmless", tags=(), metadata={})
        store.reopen()
        assert store.erase([secret]) == 1
        self.gone(store)

    def test_deleting_a_namespace_leaves_the_same_text_of_another(self, store: Store) -> None:
        """The same text in another namespace survives the deletion of the first.

        If this fails, check texts that are stored once and shared.
        """
        self.need(store, Capability.DELETE)
        mine = store.keep(NEEDLES["content"])
        theirs = store.keep(NEEDLES["content"], namespace=store.namespace + "-other")
        assert len(store.backend.get([mine.id, theirs.id])) == 2
        store.erase([mine.id])
        assert store.get(mine.id, theirs.id) == [theirs]
        other = store.scope(namespaces=(store.namespace + "-other",))
        assert store.find(NEEDLES["content"], scope=other) == [theirs]
