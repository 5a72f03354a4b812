"""What can go wrong on the way to the server, each with what follows from it for what waits in the outbox.

    UnavailableError        the same request may succeed later: it is repeated, then waits
    ├── Unreachable         nobody answers: the server is left alone for a while
    └── Troubled            it answers with a 5xx, breaks off, is too slow, or sends what is not JSON
    BackendError
    ├── Locked              our credentials are wrong: everything waits for a person
    ├── Misdirected         this is not the server, or not its address: everything waits for a person
    └── Rejected            the server will never take this one: it is set aside
"""

from __future__ import annotations

from memcore.errors import BackendError, UnavailableError

__all__ = ["Locked", "Misdirected", "Missing", "Rejected", "Troubled", "Unreachable"]


class Unreachable(UnavailableError):
    """Report that no connection could be made."""


class Troubled(UnavailableError):
    """Report an answer that says nothing certain; `status` is the HTTP status, 0 without one."""

    def __init__(self, what: str, *, why: str = "", cure: str = "", status: int = 0) -> None:
        super().__init__(what, why=why, cure=cure)
        self.status = status


class Locked(BackendError):
    """Report that the server does not accept our credentials."""


class Misdirected(BackendError):
    """Report an answer that only another address or setting can change."""


class Rejected(BackendError):
    """Report one request that the server refuses for what it holds."""


class Missing(BackendError):
    """Report that the server has no entry of this id or hash."""
