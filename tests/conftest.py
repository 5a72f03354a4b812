"""What all tests share: examples of hypothesis are not timed, because a busy machine is no fault of the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("memcore", deadline=None)
settings.load_profile("memcore")
