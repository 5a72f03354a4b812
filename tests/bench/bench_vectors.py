"""Vectors: how fast and how right the nearest are found, what they cost on disk, and what storing adds to embedding."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy
from harness import Report, clocked, each, numbers, percentile, questions, texts
from memcore import Draft, EmbedderSpec, Engine, Query, Scope, hookimpl
from memcore_plugins.vectors import VectorsSettings
from memcore_plugins.vectors.backfill import find_missing, open_shelf, run
from memcore_plugins.vectors.quantise import bits, eight_bit
from memcore_plugins.vectors.shelf import Shelf

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
DIMENSION = 1024  # bge-m3
LATENT = 96  # directions in which texts differ; embeddings of texts have some tens to a hundred
TOPICS, SUBTOPICS = 200, 20
FASTEST = 400  # texts a second of the fastest embedder measured on a processor (MiniLM, eight bits, one thread)
ASKED = 200
PLUGINS = "sqlite,prefetch,vectors"


def main(report: Report) -> None:
    """Measure at each size; the floor of a search is the exact one over 32-bit numbers in memory."""
    sizes = (1_000, 5_000) if report.quick else (1_000, 10_000, 100_000)
    quantising(report)
    throughput(report, 500 if report.quick else 4_000)
    for size in sizes:
        searching(report, size)


class Made:
    """Vectors in clusters within clusters, the same for every run: texts of a topic lie together, as embeddings do."""

    def __init__(self, size: int, seed: int = 11) -> None:
        source = numpy.random.default_rng(next(numbers(seed)))
        scale = numpy.arange(1, LATENT + 1) ** -0.3
        topics = source.standard_normal((TOPICS, LATENT))
        subtopics = topics[:, None] + 0.7 * source.standard_normal((TOPICS, SUBTOPICS, LATENT))
        self._places = subtopics.reshape(-1, LATENT) * scale
        self._out = source.standard_normal((LATENT, DIMENSION)).astype(numpy.float32)
        self._mean = 0.6 * source.standard_normal(DIMENSION).astype(numpy.float32) * LATENT**0.5
        self._scale, self._source = scale, source
        self.records = self._some(size, 0.6)
        self.questions = self._some(ASKED, 0.5)

    def _some(self, count: int, spread: float) -> numpy.ndarray:
        places = self._source.integers(0, len(self._places), count)
        latent = self._places[places] + spread * self._scale * self._source.standard_normal((count, LATENT))
        vectors = latent.astype(numpy.float32) @ self._out + self._mean
        vectors += 0.5 * self._source.standard_normal((count, DIMENSION)).astype(numpy.float32)
        return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)

    def nearest(self, question: int, count: int = 10) -> list[int]:
        """Return the rows nearest to a question by exact cosine: the floor."""
        cosines = self.records @ self.questions[question]
        top = numpy.argpartition(-cosines, count)[:count]
        return [int(row) for row in top[numpy.argsort(-cosines[top])]]


class Planned:
    """An embedder that knows every text beforehand; `pace` is how many texts a second it takes, 0 for no time."""

    def __init__(self, known: dict[str, list[float]], pace: float = 0.0) -> None:
        self.model, self.dimension, self.known, self._pace = "planned", DIMENSION, known, pace

    def embed(self, given, *, query=False):
        """Return the vectors that were planned."""
        if self._pace:
            time.sleep(len(given) / self._pace)
        return [self.known.get(text, ONE) for text in given]

    def close(self) -> None:
        """Hold nothing."""


ONE = [1.0] * DIMENSION


class Hooks:
    """The host that brings the embedder."""

    def __init__(self, embedder: Planned) -> None:
        self._embedder = embedder

    @hookimpl
    def memcore_embedder(self):
        """Offer it."""
        return EmbedderSpec(name="planned", summary="planned", open=lambda _: self._embedder, available=lambda _: "")


def opened(home: Path, embedder: Planned) -> Engine:
    """Open an engine with this embedder."""
    settings = {"plugins": PLUGINS, "embedder": "planned", "search_timeout": 30.0}
    engine = Engine.open(home=home, environ={}, settings=settings, clock=lambda: NOW)
    engine.register(Hooks(embedder), name="bench")
    return engine


def quantising(report: Report) -> None:
    """Measure what one vector costs before it is stored."""
    rows = Made(200).records.tolist()
    spent = each(lambda row: bits(eight_bit(row)), rows * 5)
    report.row(
        f"eight bits and signs of {DIMENSION} numbers", f"{percentile(spent, 0.5) * 1e6:.0f} µs", target="< 200 µs"
    )


def throughput(report: Report, count: int) -> None:
    """Measure a backfill against its embedder alone, and against an embedder that takes no time."""
    made = Made(count)
    known = dict(zip(texts(count), made.records.tolist()))
    whole, _ = paced(report.folder / "none", Planned(known))
    report.row("backfill, an embedder of no time", f"{count / whole:.0f}/s, {whole / count * 1e6:.0f} µs a record")
    whole, alone = paced(report.folder / "fast", Planned(known, FASTEST))
    rate, floor = f"{count / whole:.0f}/s", f"{count / alone:.0f}/s"
    report.row(f"backfill, {FASTEST} texts a second", rate, floor=floor, ratio=alone / whole, target="> 0.9")


def paced(home: Path, embedder: Planned) -> tuple[float, float]:
    """Return the seconds of a backfill, and of its embedder alone."""
    written = list(embedder.known)
    with opened(home, embedder) as engine:
        engine.remember([Draft(content=text) for text in written])
        settings = engine.settings("vectors", VectorsSettings)
        parts = [written[start : start + settings.batch] for start in range(0, len(written), settings.batch)]
        alone = clocked(lambda: [embedder.embed(part) for part in parts])
        whole = clocked(lambda: list(run(engine, embedder, settings, ahead=True)))
    return whole.wall, alone.wall


def searching(report: Report, size: int) -> None:
    """Measure one size: what is stored, the vector stage, and prefetch by words and meaning together."""
    made = Made(size)
    written = list(texts(size))
    asked = questions(ASKED, low=200, high=3000)
    known = dict(zip(written, made.records.tolist())) | dict(zip(asked, made.questions.tolist()))
    home = report.folder / f"search-{size}"
    with opened(home, Planned(known)) as engine:
        for start in range(0, size, 5000):
            rows = range(start, min(size, start + 5000))
            engine.remember([Draft(content=written[row], namespace=space(row), source=f"{row}") for row in rows])
        engine.workspace.scrub()
        before = (home / "memory.db").stat().st_size
        filled(engine)
        engine.workspace.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        grown = (home / "memory.db").stat().st_size - before
        floor = DIMENSION + DIMENSION / 8
        figure = f"{size:,}: bytes a record on disk"
        report.row(figure, f"{grown / size:.0f}", floor=f"{floor:.0f} of bytes and bits", ratio=grown / size / floor)
        stage(report, size, made, Shelf.find(engine.workspace.connection(), "planned", DIMENSION), engine)
        hybrid(report, size, asked, engine)


def space(row: int) -> str:
    """Return the namespace of a record: one in fifty lies in a small one."""
    return "small" if row % 50 == 0 else "large"


def filled(engine: Engine) -> None:
    """Embed everything."""
    embedder = engine.catalog.plugins["vectors"].instance.chosen.get(engine)
    find_missing(engine, open_shelf(engine, embedder, "bench"))
    for _ in run(engine, embedder, engine.settings("vectors", VectorsSettings)):
        continue


def stage(report: Report, size: int, made: Made, shelf: Shelf, engine: Engine) -> None:
    """Measure the search for the nearest alone, and how many of the exact ten nearest it finds."""
    row_of = {record.id: int(record.source) for record in engine.scan(Scope())}
    wanted = engine.settings("vectors", VectorsSettings).candidates
    vectors = [eight_bit(row) for row in made.questions.tolist()]
    each(lambda vector: shelf.nearest(vector, wanted, None), vectors)
    spent = each(lambda vector: shelf.nearest(vector, wanted, None), vectors)
    report.latency(f"{size:,}: {wanted} nearest by bits, compared exactly", spent)
    exact = each(made.nearest, range(ASKED))
    report.latency(f"{size:,}: the exact search of the floor", exact)
    found = [[row_of[key] for key, _ in shelf.nearest(vector, wanted, None)[:10]] for vector in vectors]
    right = sum(len({*rows} & {*made.nearest(number)}) for number, rows in enumerate(found))
    report.row(f"{size:,}: recall@10 of the vector stage", f"{right / ASKED / 10:.4f}", target="> 0.98")
    spent = each(lambda vector: shelf.all_of(vector, shelf.spaces(["small"]), 2000), vectors)
    report.latency(f"{size:,}: a namespace of {size // 50:,}, one by one", spent)
    spent = each(lambda vector: shelf.nearest(vector, wanted, shelf.spaces(["large"])), vectors)
    report.latency(f"{size:,}: a namespace of {size - size // 50:,}, by bits", spent)


def hybrid(report: Report, size: int, asked: list[str], engine: Engine) -> None:
    """Measure prefetch with every strategy, embedding excluded."""
    scope = Scope(namespaces=("large",))
    each(lambda text: engine.prefetch(text, scope=scope), asked[:20])
    spent = each(lambda text: engine.prefetch(text, scope=scope), asked)
    report.latency(f"{size:,}: prefetch by words and meaning", spent, target="p95 < 40 ms" if size == 100_000 else "")
    whole = clocked(lambda: [engine.prefetch(text, scope=scope) for text in asked])
    report.row(f"{size:,}: processor time of one such prefetch", f"{whole.cpu / len(asked) * 1000:.1f} ms")
    query = [Query(text=text, scope=scope, limit=10, now=NOW) for text in asked]
    plugin = engine.catalog.plugins["vectors"].instance
    spent = each(lambda one: plugin.memcore_search(engine=engine, query=one), query)
    report.latency(f"{size:,}: the strategy `vector` of it", spent)
