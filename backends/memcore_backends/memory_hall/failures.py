"""What can go wrong on the way to the server, each with what follows from it for what waits in the outbox.

UnavailableError        the same request may succeed later: it is repeated, then waits
├── UnreachableError         nobody answers: the server is left alone for a while
└── TroubledError            it answers with a 5xx, breaks off, or sends what is not JSON
    └── SlowError            it does not answer in time; what was sent may have been done all the same
BackendError
├── LockedError              our credentials are wrong: everything waits for a person
├── MisdirectedError         this is not the server, or not its address: everything waits for a person
└── RejectedError            the server will never take this one: it is set aside
"""

from __future__ import annotations

from memcore.errors import BackendError, UnavailableError

__all__ = [
    "LockedError",
    "MisdirectedError",
    "MissingError",
    "RejectedError",
    "SlowError",
    "TroubledError",
    "UnreachableError",
]


class UnreachableError(UnavailableError):
    """Report that no connection could be made."""


class TroubledError(UnavailableError):
    """Report an answer that says nothing certain; `status` is the HTTP status, 0 without one."""

    def __init__(self, what: str, *, why: str = "", cure: str = "", status: int = 0) -> None:
        super().__init__(what, why=why, cure=cure)
        self.status = status


class SlowError(TroubledError):
    """Report that the server took longer than it may."""


class LockedError(BackendError):
    """Report that the server does not accept our credentials."""


class MisdirectedError(BackendError):
    """Report an answer that only another address or setting can change."""


class RejectedError(BackendError):
    """Report one request that the server refuses for what it holds."""


class MissingError(BackendError):
    """Report that the server has no entry of this id or hash."""
