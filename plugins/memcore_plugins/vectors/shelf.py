"""The vectors of one model: bytes in `vec_curated`, bits in a virtual table of its own, never mixed with another's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from memcore_plugins.vectors.quantise import bits, eight_bit
from memcore_plugins.vectors.schema import chunks, delete, marks
from memcore_plugins.vectors.words import speaker_of

if TYPE_CHECKING:
    from memcore import Record

__all__ = ["MOST_CANDIDATES", "SAME_MODEL", "Near", "Shelf"]

MOST_CANDIDATES = 4096
"""The largest k that sqlite-vec 0.1.9 takes."""
SAME_MODEL = 0.98
"""Cosine of two vectors of one text by one model: half precision and batching move it by less than 0.001."""

FEW = 5_000
"""Vectors that are searched faster without an estimate of how near the nearest are."""
SAMPLE = 256
"""Vectors by which that is estimated; the third nearest of them bounds about 1 % of all, of which 0.2 % are wanted."""
LEAST_SAMPLE = 64

Near = list[tuple[str, float]]
"""Record ids with their cosine, the nearest first."""

_COSINE = "1.0 - vec_distance_cosine(vec_int8(vector), vec_int8(?))"


@frozen
class Shelf:
    """One model's vectors, seen through one connection. Those of another model are never compared with them."""

    connection: sqlite3.Connection
    model: int

    @classmethod
    def find(cls, connection: sqlite3.Connection, fingerprint: str, dimension: int) -> Shelf | None:
        """Return the shelf of a model, or None if it has no vectors yet."""
        statement = "SELECT id FROM vec_models WHERE fingerprint=? AND dimension=?"
        row = connection.execute(statement, (fingerprint, dimension)).fetchone()
        return cls(connection, int(row[0])) if row else None

    @classmethod
    def open(cls, connection: sqlite3.Connection, fingerprint: str, dimension: int, now: datetime) -> Shelf:
        """Return the shelf of a model, made if it is new; call inside a transaction."""
        if found := cls.find(connection, fingerprint, dimension):
            return found
        statement = "INSERT INTO vec_models(fingerprint, dimension, since) VALUES(?,?,?)"
        model = connection.execute(statement, (fingerprint, dimension, now.isoformat())).lastrowid
        width = dimension + -dimension % 8
        connection.execute(
            f"CREATE VIRTUAL TABLE vec_curated_bits_{model} USING vec0(space integer, bits bit[{width}])"
        )
        return cls(connection, int(model or 0))

    def recognise(self, probe: Sequence[float], now: datetime) -> bool:
        """Compare the vector of a fixed text with the one kept; if they differ, the vectors here are another model's.

        Call inside a transaction. Returns whether the model is still the same.
        """
        stored = eight_bit(probe)
        cosine = "1.0 - vec_distance_cosine(vec_int8(coalesce(probe, ?)), vec_int8(?))"
        query = f"SELECT probe IS NULL, {cosine} FROM vec_models WHERE id=?"
        new, similar = self.connection.execute(query, (stored, stored, self.model)).fetchone()
        if new:
            self.connection.execute("UPDATE vec_models SET probe=? WHERE id=?", (stored, self.model))
        if similar >= SAME_MODEL:
            return True
        renamed = "UPDATE vec_models SET fingerprint = fingerprint || ' until ' || ? WHERE id=?"
        self.connection.execute(renamed, (now.isoformat(), self.model))
        return False

    def baseline(self) -> float | None:
        """Return the cosine this model gives unrelated texts, or None if that was not measured yet."""
        row = self.connection.execute("SELECT baseline FROM vec_models WHERE id=?", (self.model,)).fetchone()
        return row[0] if row else None

    def note_baseline(self, vectors: Sequence[Sequence[float]]) -> None:
        """Note the mean cosine between vectors of unrelated texts; call inside a transaction."""
        stored = [eight_bit(vector) for vector in vectors]
        query = "SELECT 1.0 - vec_distance_cosine(vec_int8(?), vec_int8(?))"
        pairs = [(one, other) for place, one in enumerate(stored) for other in stored[:place]]
        mean = sum(self.connection.execute(query, pair).fetchone()[0] for pair in pairs) / len(pairs)
        self.connection.execute("UPDATE vec_models SET baseline=? WHERE id=?", (mean, self.model))

    def note_origin(self, origin: str) -> None:
        """Note which settings lead to this model now; call inside a transaction."""
        self.connection.execute("UPDATE vec_models SET origin=NULL WHERE origin=? AND id<>?", (origin, self.model))
        self.connection.execute("UPDATE vec_models SET origin=? WHERE id=?", (origin, self.model))

    def scanned(self) -> str | None:
        """Return when all records were last looked through for missing vectors, as ISO-8601 text."""
        row = self.connection.execute("SELECT scanned FROM vec_models WHERE id=?", (self.model,)).fetchone()
        return row[0] if row else None

    def note_scan(self, now: datetime) -> None:
        """Note that all records were looked through; call inside a transaction."""
        self.connection.execute("UPDATE vec_models SET scanned=? WHERE id=?", (now.isoformat(), self.model))

    def put(self, rows: Iterable[tuple[Record, bytes]]) -> None:
        """Store eight-bit vectors of records, in place of what was there; call inside a transaction."""
        given = list(rows)
        delete(self.connection, [record.id for record, _ in given])
        labels: dict[tuple[str, str], int] = {}
        for record, vector in given:
            space = self._label(labels, "namespace", record.namespace)
            name = speaker_of(record)
            speaker = self._label(labels, "speaker", name) if name else None
            insert = "INSERT INTO vec_curated(record_id, model, space, speaker, vector) VALUES(?,?,?,?,?)"
            seq = self.connection.execute(insert, (record.id, self.model, space, speaker, vector)).lastrowid
            insert = f"INSERT INTO vec_curated_bits_{self.model}(rowid, space, bits) VALUES(?,?,vec_bit(?))"
            self.connection.execute(insert, (seq, space, bits(vector)))

    def _label(self, known: dict[tuple[str, str], int], kind: str, name: str) -> int:
        if (kind, name) not in known:
            self.connection.execute("INSERT OR IGNORE INTO vec_curated_labels(kind, name) VALUES(?,?)", (kind, name))
            query = "SELECT id FROM vec_curated_labels WHERE kind=? AND name=?"
            known[kind, name] = int(self.connection.execute(query, (kind, name)).fetchone()[0])
        return known[kind, name]

    def spaces(self, namespaces: Sequence[str]) -> list[int]:
        """Return the numbers of those namespaces that have vectors."""
        names = list(namespaces)
        query = f"SELECT id FROM vec_curated_labels WHERE kind='namespace' AND name IN ({marks(names)})"
        return [int(row[0]) for row in self.connection.execute(query, names)]

    def count(self, spaces: list[int] | None, most: int) -> int:
        """Return how many vectors lie in these spaces (None: everywhere), counting no further than `most`."""
        where, given = self._where(spaces)
        query = f"SELECT count(*) FROM (SELECT 1 FROM vec_curated WHERE {where} LIMIT ?)"
        return int(self.connection.execute(query, (*given, most)).fetchone()[0])

    def _where(self, spaces: list[int] | None) -> tuple[str, list[int]]:
        if spaces is None:
            return "model=?", [self.model]
        return f"model=? AND space IN ({marks(spaces)})", [self.model, *spaces]

    def nearest(self, vector: bytes, candidates: int, spaces: list[int] | None) -> Near:
        """Return the nearest candidates by sign bits, compared by cosine.

        Where most vectors lie in these spaces, some of the candidates may lie outside: leaving those out later is
        cheaper than asking vec0 for the spaces.
        """
        within = "" if spaces is None else f" AND space IN ({','.join(map(str, spaces))})"  # vec0 binds no list here
        sample = self._sample()
        inside = [stored for space, stored in sample if spaces is None or space in spaces]
        if 2 * len(inside) > len(sample):
            within = ""
        if len(inside) < LEAST_SAMPLE:
            return self._nearest(vector, candidates, within)
        near = f" AND distance<={_reach(vector, inside)}"
        found = self._nearest(vector, candidates, within + near)
        return found if len(found) == candidates else self._nearest(vector, candidates, within)

    def _sample(self) -> list[tuple[int, bytes]]:
        """Return space and vector of an even sample of a large shelf; nothing of a small one."""
        ends = "SELECT (SELECT min(seq) FROM vec_curated), (SELECT max(seq) FROM vec_curated)"  # one SELECT would scan
        low, high = self.connection.execute(ends).fetchone()
        if low is None or high - low < FEW:
            return []
        seqs = ",".join(str(seq) for seq in range(low, high, (high - low) // SAMPLE))
        query = f"SELECT space, vector FROM vec_curated WHERE seq IN ({seqs}) AND +model=?"
        return self.connection.execute(query, (self.model,)).fetchall()

    def _nearest(self, vector: bytes, candidates: int, conditions: str) -> Near:
        found = self.connection.execute(
            f"WITH near AS MATERIALIZED (SELECT rowid AS seq FROM vec_curated_bits_{self.model}"
            f" WHERE bits MATCH vec_bit(?) AND k=?{conditions})"
            f" SELECT record_id, {_COSINE} AS cosine FROM near JOIN vec_curated USING(seq)"
            " ORDER BY cosine DESC, record_id",
            (bits(vector), min(candidates, MOST_CANDIDATES), vector),
        )
        return [(str(key), float(cosine)) for key, cosine in found]

    def all_of(self, vector: bytes, spaces: list[int] | None, most: int) -> Near:
        """Return the nearest of every vector in these spaces, compared by cosine."""
        where, given = self._where(spaces)
        query = f"SELECT record_id, {_COSINE} AS cosine FROM vec_curated WHERE {where}"
        rows = self.connection.execute(f"{query} ORDER BY cosine DESC, record_id LIMIT ?", (vector, *given, most))
        return [(str(key), float(cosine)) for key, cosine in rows]

    def exact(self, vector: bytes, ids: Iterable[str]) -> Near:
        """Return exactly these records, as far as they have a vector, the nearest first."""
        found: Near = []
        for part in chunks(ids):
            query = f"SELECT record_id, {_COSINE} FROM vec_curated WHERE model=? AND record_id IN ({marks(part)})"
            rows = self.connection.execute(query, (vector, self.model, *part))
            found.extend((str(key), float(cosine)) for key, cosine in rows)
        return sorted(found, key=lambda row: (-row[1], row[0]))

    def having(self, ids: Sequence[str]) -> set[str]:
        """Return those of these records that have a vector of this model."""
        found: set[str] = set()
        for part in chunks(ids):
            query = f"SELECT record_id FROM vec_curated WHERE model=? AND record_id IN ({marks(part)})"
            found.update(str(row[0]) for row in self.connection.execute(query, (self.model, *part)))
        return found


def _reach(vector: bytes, sample: Sequence[bytes]) -> int:
    """Return a number of differing bits within which a few times more vectors lie than are wanted.

    vec0 picks the k nearest of each chunk in time k * chunk, three quarters of a search at 100,000 and k = 200. What
    lies out of reach is not picked from.
    """
    asked = int.from_bytes(bits(vector), "big")
    distances = sorted((int.from_bytes(bits(stored), "big") ^ asked).bit_count() for stored in sample)
    return distances[max(1, 2 * len(sample) // SAMPLE)]
