"""The full-text index: what is in it, keeping it up to date, rebuilding it, and removing words for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from memcore.errors import CorruptError
from memcore.records import Record
from memcore.workspace import Workspace
from memcore_toolkit.text import LONGEST_TERM, index_text

from memcore_backends.sqlite import schema
from memcore_backends.sqlite.rows import to_record
from memcore_backends.sqlite.schema import CURATED, EPISODES, create_index

__all__ = ["Entry", "Index"]

Entry = tuple[int, Record]
"""A record with its `seq`."""

Watch = Callable[[Iterable[Entry], int], Iterable[Entry]]
"""What passes entries on while it shows the progress; gets them and their number."""

# marks that mean nothing at the ends of a word; C++ and C# keep theirs
AROUND_WORDS = "!\"$%&'()*,-./:;<=>?@[\\]^_`{|}~"
ANALYSIS = "sqlite:analysis"
"""The key in `meta` under which the file keeps the version of its index; without one the index is behind."""

VERSION = "1"
"""Changes when the columns of the index or the analysis of text change: every file is then indexed again, once.

A test holds the terms of a probe that stand for this version.
"""


def searchable(text: str) -> str:
    """Return what a full-text column gets: text that FTS5 itself cuts into the terms of `index_text`.

    FTS5 folds the case of ASCII text and cuts it at everything but letters and digits, and the analysis of ASCII text
    looks at one word at a time. So most sentences go in as they are, and of the others only the compounds are
    analysed, which spares a third of the time of a bulk write.
    """
    if not text.isascii() or _has_endless_word(text):
        return index_text(text)
    if _is_plain(text):
        return text
    return " ".join([word if word.isalnum() else _word(word) for word in text.split()])


def _word(word: str) -> str:
    return word if word.strip(AROUND_WORDS).isalnum() else _analysed(word)


_analysed = lru_cache(maxsize=4096)(index_text)  # dates, names and terms come again


def _is_plain(text: str) -> bool:
    if "-" in text or "'" in text or "_" in text or "@" in text or "+" in text or "#" in text or "\0" in text:
        return False
    stops, commas = text.count("."), text.count(",")  # part of a number or a name unless a space follows
    return stops == text.count(". ") + text.endswith(".") and commas == text.count(", ") + text.endswith(",")


def _has_endless_word(text: str) -> bool:
    place, last = 0, len(text) - LONGEST_TERM
    while place < last:
        place = text.rfind(" ", place, place + LONGEST_TERM + 1) + 1
        if not place:
            return True
    return False


def _entry(seq: int, record: Record) -> tuple[int, str, str, str]:
    labels = record.tags + record.entities
    return (
        seq,
        searchable(record.content),
        searchable(record.summary) if record.summary else "",
        searchable(" ".join(labels)) if labels else "",
    )


class Index:
    """The full-text table of one workspace; without FTS5, or with `enabled` off, it only remembers to be behind."""

    def __init__(self, workspace: Workspace, *, enabled: bool) -> None:
        self._workspace = workspace
        self.enabled = enabled and schema.fts5_available()

    def current(self) -> bool:
        """Return whether the index may be searched; bring it up to date first if it is behind and can be written."""
        if not self.enabled:
            return False
        if self.fresh():
            return True
        if self._workspace.read_only:
            return self._workspace.get_meta(ANALYSIS) is not None  # an older analysis finds most; no key: it is behind
        with self._workspace.transaction() as connection:
            if not self.fresh():  # another process may have been faster
                if connection.execute("SELECT 1 FROM curated UNION ALL SELECT 1 FROM episodes LIMIT 1").fetchone():
                    import logging  # 5 ms, for once in the life of a database

                    logging.getLogger("memcore").warning(
                        "the full-text index of %s is made again from its records, because this version of memcore cuts"
                        " text into words differently; this happens once",
                        self._workspace.path,
                    )
                self.rebuild()
        return True

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the index ready for the writes of the open transaction, before the first of them."""
        if self.enabled:
            self.current()
        else:  # who has FTS5 next makes the index again
            connection.execute("DELETE FROM meta WHERE key=?", (ANALYSIS,))

    def add(self, connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        """Index new records inside the open transaction."""
        if self.enabled:
            connection.executemany(
                "INSERT INTO curated_fts(rowid, content, summary, labels) VALUES(?,?,?,?)",
                (_entry(seq, record) for seq, record in entries),
            )

    def replace(self, connection: sqlite3.Connection, seq: int, old: Record, new: Record) -> None:
        """Index a changed record, whose row is changed already; old words may remain on disk until `erase`."""
        if self.enabled:
            try:
                with self._workspace.transaction():
                    self._remove(connection, [(seq, old)])
                    self.add(connection, [(seq, new)])
            except CorruptError:  # see `_remove`
                self.rebuild()

    def erase(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        """Take records whose rows are gone out of the index so that no segment of it holds a word of theirs."""
        if not self.enabled:
            if "curated_fts_data" in self._workspace.tables():
                _empty(connection)
            return
        try:
            with self._workspace.transaction():
                self._remove(connection, entries)
                connection.execute("INSERT INTO curated_fts(curated_fts) VALUES('optimize')")
                clean = not self._holds_strangers(connection)
        except CorruptError:
            clean = False
        if not clean:
            self.rebuild()

    def _remove(self, connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        """Take entries out of the index, which has to be told what it holds.

        If a newer Python knows more of Unicode and cuts a text into other words than were indexed, words stay, or
        SQLite takes the index for damaged and raises.
        """
        connection.executemany(
            "INSERT INTO curated_fts(curated_fts, rowid, content, summary, labels) VALUES('delete',?,?,?,?)",
            (_entry(seq, record) for seq, record in entries),
        )

    def _holds_strangers(self, connection: sqlite3.Connection) -> bool:
        connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.curated_words USING fts5vocab(main, curated_fts, instance)"
        )
        known = "SELECT seq FROM curated UNION ALL SELECT seq FROM episodes"
        found = connection.execute(f"SELECT 1 FROM temp.curated_words WHERE doc NOT IN ({known}) LIMIT 1").fetchall()
        return bool(found)

    def rebuild(self, watch: Watch = lambda entries, total: entries) -> int:  # noqa: ARG005
        """Index every record again in one transaction and return how many; `watch` may show the progress."""
        with self._workspace.transaction() as connection:
            total = sum(connection.execute(f"SELECT count(*) FROM {t.name}").fetchone()[0] for t in (CURATED, EPISODES))
            create_index(connection)
            self._workspace.set_meta(ANALYSIS, VERSION)
            self.add(connection, watch(_all_entries(connection), total))
        return int(total)

    def fresh(self) -> bool:
        """Return whether the index was made by the analysis of this version."""
        return self._workspace.get_meta(ANALYSIS) == VERSION

    def gaps(self) -> tuple[int, int]:
        """Return how many records have no index entry, and how many entries have no record."""
        connection = self._workspace.connection()
        entries = "SELECT id FROM curated_fts_docsize"
        missing = sum(
            connection.execute(f"SELECT count(*) FROM {t.name} WHERE seq NOT IN ({entries})").fetchone()[0]
            for t in (CURATED, EPISODES)
        )
        known = "SELECT seq FROM curated UNION ALL SELECT seq FROM episodes"
        stale = connection.execute(f"SELECT count(*) FROM curated_fts_docsize WHERE id NOT IN ({known})").fetchone()[0]
        return missing, int(stale)


def _all_entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    for table in (CURATED, EPISODES):
        for row in connection.execute(table.select("")):
            yield row[0], to_record(row)


def _empty(connection: sqlite3.Connection) -> None:
    """Empty an index that this interpreter cannot open: its parts are ordinary tables.

    Left are the two rows that FTS5's own `delete-all` leaves: no averages, and a structure of four bytes for the
    configuration, no level, no segment, no write.
    """
    structure = connection.execute("SELECT block FROM curated_fts_data WHERE id=10").fetchone()[0]
    for part in ("data", "idx", "docsize"):
        connection.execute(f"DELETE FROM curated_fts_{part}")
    rows = ((1, b""), (10, structure[:4] + b"\0\0\0"))
    connection.executemany("INSERT INTO curated_fts_data(id, block) VALUES(?,?)", rows)
