"""How long a prefetch takes on a warm engine, by the size of memory and by how frequent the words of the question are.

Half of the corpus are facts, half turns of conversations with session, position and speaker, so that neighbours are fetched. The
floor of a size is the bare FTS5 query: the same words, the ten best row numbers, nothing read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched if sys.version_info >= (3, 12) else islice  # type: ignore  # noqa
