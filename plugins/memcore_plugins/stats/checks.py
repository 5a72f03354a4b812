"""What the morning report adds to the findings of other plugins: what fails, and a prompt block that is too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memcore import Finding

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.stats import StatsSettings

__all__ = ["failing", "findings", "gather"]


def findings(engine: Engine, settings: StatsSettings) -> Iterator[Finding]:
    """Yield what is wrong with the memory as a whole."""
    health = engine.backend.health()
    if not health.ok:
        message = f"the backend {engine.backend.name} cannot be used: {health.detail}"
        yield Finding(code="stats.backend", severity="error", message=message, cure="memcore doctor")
    missed: Counter[str] = Counter()
    for _, name, ids in engine.missed():
        missed[name] += len(ids)
    for name, count in sorted(missed.items()):
        message = f"{name} failed and was not told of {count} records"
        yield Finding(code="stats.missed", severity="warning", message=message, where=name, cure="memcore maintain")
    length = len(engine.prompt_block())
    if length > settings.prompt_characters:
        message = f"the system prompt block has {length} characters, more than {settings.prompt_characters}"
        cure = "retire what is not needed in every prompt; hosts cut what is too long without a word"
        yield Finding(code="stats.prompt", severity="warning", message=message, cure=cure)


def failing(engine: Engine) -> Iterator[tuple[str, Finding]]:
    """Yield a finding for every plugin that is broken, or that failed in one of its hooks since the engine opened."""
    for name, plugin in engine.catalog.plugins.items():
        failed = plugin.status == "degraded" and plugin.reason.startswith("memcore_")
        if failed or plugin.status in ("broken", "shadowed", "incompatible"):
            message = f"the plugin {name} is {plugin.status}: {plugin.reason}"
            yield (
                "stats",
                Finding(code="stats.plugin", severity="error", message=message, where=name, cure=plugin.hint),
            )


def gather(engine: Engine) -> list[tuple[str, Finding]]:
    """Return the findings of all plugins, the worst first; a plugin whose own check failed is one of them."""
    found = [*engine.check(), *failing(engine)]
    order = ("error", "warning", "info")
    return sorted(
        found, key=lambda item: (order.index(item[1].severity), item[0], item[1].code, item[1].where, item[1].message)
    )
