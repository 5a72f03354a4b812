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

from memcore.errors import UnavailableError

__all__ = ["CURE", "add_to", "can_load", "library", "offers_vectors", "register"]

CURE = "use a Python whose sqlite3 can load extensions (python.org, Homebrew, uv, most Linux distributions)"
"""What to do where sqlite-vec cannot be used at all."""

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def library() -> Path:
    """Return the path of the vec0 library; the package itself is not imported, because it imports NumPy (120 ms)."""
    spec = find_spec("sqlite_vec")
    if spec is None or spec.origin is None:
        what, cure = "sqlite-vec is not installed", "pip install 'memcore-engine[vectors]'"
        raise UnavailableError(what, cure=cure)
    path = Path(spec.origin).parent / f"vec0{_SUFFIX}"
    if not path.is_file():
        raise UnavailableError(f"sqlite-vec brings no {path.name} for this platform", cure="install it from source")
    return path


def can_load() -> bool:
    """Return whether this Python's sqlite3 can load extensions itself."""
    return hasattr(sqlite3.Connection, "enable_load_extension")


def register() -> None:
    """Make vec0 part of every connection opened from now on, where extensions cannot be loaded one by one.

    Raises UnavailableError where that is impossible: a SQLite built with OMIT_LOAD_EXTENSION hands its extensions no
    table of functions, and vec0 would crash the process (https://sqlite.org/c3ref/auto_extension.html).
    """
    path = library()
    if can_load():
        return
    with sqlite3.connect(":memory:") as connection:
        options = {str(row[0]) for row in connection.execute("PRAGMA compile_options")}
    connection.close()
    if "OMIT_LOAD_EXTENSION" in options:
        raise UnavailableError("this SQLite is built without extensions", cure=CURE)
    import _sqlite3
    import ctypes

    try:
        # resolves the symbols of the SQLite it is linked with; without a file it is part of the interpreter
        sqlite = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        vec = ctypes.CDLL(str(path))
        code = sqlite.sqlite3_auto_extension(ctypes.cast(vec.sqlite3_vec_init, ctypes.c_void_p))
    except (OSError, AttributeError) as error:
        raise UnavailableError("sqlite-vec cannot be registered", why=type(error).__name__, cure=CURE) from error
    if code:
        raise UnavailableError("sqlite-vec cannot be registered", why=f"SQLite says {code}", cure=CURE)


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
