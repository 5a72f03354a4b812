"""Errors a user can cause. Each says what happened, why, and what to do; the classes below form the tree."""

from __future__ import annotations

__all__ = [
    "BackendError", "BusyError", "CapabilityError", "ConfigError", "CorruptError", "InvalidInputError",
    "MemcoreError", "NewerSchemaError", "PluginError", "RefusedError", "UnavailableError", "WorkspaceError",
]  # fmt: skip


class MemcoreError(Exception):
    """Explain one failure: `what` happened, `why`, and the `cure`; `exit_code` is for the command line."""

    exit_code = 2

    def __init__(self, what: str, *, why: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.cure = what, why, cure

    def __str__(self) -> str:
        """Join the three parts into one readable message."""
        parts = [self.what]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.cure:
            parts.append(f"try: {self.cure}")
        return "\n  ".join(parts)


class ConfigError(MemcoreError):
    """Report a wrong setting and where it came from."""


class InvalidInputError(MemcoreError):
    """Report input that cannot be accepted as it is."""


class RefusedError(MemcoreError):
    """Report a write that a gate refused."""

    exit_code = 1


class WorkspaceError(MemcoreError):
    """Report a database file that cannot be used."""


class BusyError(WorkspaceError):
    """Report a write lock that another process did not release in time."""


class NewerSchemaError(WorkspaceError):
    """Report a file whose schema is newer than this program."""


class CorruptError(WorkspaceError):
    """Report a file that is damaged or is not a memcore database."""


class PluginError(MemcoreError):
    """Report a plugin whose code or declaration is wrong."""


class BackendError(MemcoreError):
    """Report a failure of the storage backend."""


class UnavailableError(BackendError):
    """Report a backend that cannot be reached now; the same call may succeed later."""


class CapabilityError(BackendError):
    """Report an operation the backend does not offer; nothing was changed."""

    exit_code = 1
