"""One call in a thread of its own, whose result or error is asked for later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Job"]

T = TypeVar("T")


class Job(Generic[T]):
    """Call `function` in the background, after another job has ended; a process that ends does not wait for it."""

    def __init__(self, function: Callable[..., T], *given: Any, after: Job[Any] | None = None) -> None:
        self._function, self._given, self._after = function, given, after
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="memcore-job", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if self._after is not None:
                self._after.result()
                self._after = None
            self._found.append(self._function(*self._given))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            self._error = error

    def result(self) -> T:
        """Wait for the end and return the result, or raise what the call raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]
