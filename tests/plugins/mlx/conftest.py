"""The real mlx-embeddings. It weighs a gigabyte, so these tests run in an environment of its own: `nox -s mlx`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("mlx_embeddings") else ["test_*.py"]
