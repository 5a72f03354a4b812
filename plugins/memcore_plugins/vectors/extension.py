"""sqlite-vec on any Python: loaded as an extension where sqlite3 can, else registered for every new connection.

Many Pythons are built without `enable_load_extension` (pyenv, the one macOS ships). There, the library that the
sqlite-vec wheel carries is registered through `sqlite3_auto_extension` of the very SQLite that Python uses, so it must
be registered before the connection is opened. It then serves every connection of the process: functions, no more.
"""

from __future__ import annotations

import sqlite3
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["add_to", "library", "offers_vectors", "register"]

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def library() -> Path:
    """Return the path of the vec0 library; the package itself is not imported, because it imports NumPy (120 ms)."""
    spec = find_spec("sqlite_vec")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("sqlite_vec is not installed")
    return Path(spec.origin).parent / f"vec0{_SUFFIX}"


def can_load() -> bool:
    """Return whether this Python's sqlite3 can load extensions itself."""
    return hasattr(sqlite3.Connection, "enable_load_extension")


def register() -> None:
    """Make vec0 part of every connection opened from now on, where extensions cannot be loaded one by one."""
    if can_load():
        return
    import _sqlite3
    import ctypes

    sqlite = ctypes.CDLL(_sqlite3.__file__)  # resolves symbols of the libsqlite3 it is linked with
    vec = ctypes.CDLL(str(library()))
    code = sqlite.sqlite3_auto_extension(ctypes.cast(vec.sqlite3_vec_init, ctypes.c_void_p))
    if code:
        raise OSError(f"sqlite3_auto_extension failed with code {code}")


def add_to(connection: sqlite3.Connection) -> None:
    """Load vec0 into an open connection, where this Python can."""
    if can_load() and not offers_vectors(connection):
        connection.enable_load_extension(True)
        try:
            connection.load_extension(str(library().with_suffix("")))
        finally:
            connection.enable_load_extension(False)


def offers_vectors(connection: sqlite3.Connection) -> bool:
    """Return whether vec0 answers in this connection."""
    try:
        connection.execute("SELECT vec_version()").fetchone()
    except sqlite3.OperationalError:
        return False
    return True
