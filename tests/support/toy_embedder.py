"""An embedder of words for tests: similar texts get similar vectors, and it fails in every way a test asks for."""

from __future__ import annotations

import math
import re
import threading
import time
import zlib

from attrs import Factory, define, field, frozen
from memcore import EmbedderSpec, PluginInfo, hookimpl
from memcore.errors import UnavailableError


@frozen(kw_only=True)
class ToySettings:
    """`salt` makes another model, `delay` is seconds for each text."""

    name: str = field(default="toy")
    dimension: int = field(default=256)
    salt: str = field(default="")
    delay: float = field(default=0.0)


@define
class Toy:
    """What the embedder was asked, and how it shall fail: `poison` is a word no text may hold, `dead` fails always."""

    asked: list = Factory(list)
    opened: int = 0
    closed: int = 0
    dead: bool = False
    poison: str = ""
    zero: str = ""
    hang: threading.Event | None = None
    lengths: tuple = ()


class ToyEmbedder:
    def __init__(self, settings: ToySettings, toy: Toy) -> None:
        self._settings, self._toy = settings, toy
        self.model, self.dimension = f"{settings.name}:{settings.dimension}", settings.dimension
        toy.opened += 1

    def embed(self, texts, *, query=False):
        self._toy.asked.append((tuple(texts), query))
        if self._toy.hang is not None:
            self._toy.hang.wait()
        if self._settings.delay:
            time.sleep(self._settings.delay * len(texts))
        if self._toy.dead:
            raise UnavailableError("the toy is broken", why="a test said so", cure="repair it")
        if self._toy.poison and any(self._toy.poison in text for text in texts):
            raise ValueError(f"cannot embed {texts}")
        return [self._vector(text) for text in texts]

    def _vector(self, text):
        if self._toy.zero and self._toy.zero in text:
            return [0.0] * self.dimension
        vector = [0.001] * self.dimension
        for word in re.findall(r"\w+", text.casefold()):
            vector[zlib.crc32(f"{self._settings.salt}{word}".encode()) % self.dimension] += 1.0
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector]

    def close(self):
        self._toy.closed += 1


class Plugin:
    """Offers the embedder `toy`."""

    info = PluginInfo(summary="an embedder for tests", settings=ToySettings)

    def __init__(self) -> None:
        self.toy = Toy()

    @hookimpl
    def memcore_embedder(self):
        return EmbedderSpec(
            name="toy",
            summary="toy",
            open=lambda context: ToyEmbedder(context.settings, self.toy),
            available=lambda settings: "" if settings.dimension else "embedder-toy.dimension is not set",
        )
