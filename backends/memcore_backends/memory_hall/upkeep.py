"""Upkeep of the outbox: send it, report what is old or refused, count it, and say when the server is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from memcore.records import Finding, Report, Run, Scope

from memcore_backends.memory_hall.access import Access
from memcore_backends.memory_hall.outbox import Outbox
from memcore_backends.memory_hall.store import MemoryHall

if TYPE_CHECKING:
    from memcore.engine import Engine
    from memcore.workspace import Workspace

__all__ = ["check", "chosen", "forget", "maintain", "stats", "status"]

OLD = timedelta(hours=1)  # a server that restarts is back by then
MOST_SHOWN = 20


def chosen(engine: Engine) -> MemoryHall | None:
    """Return the engine's backend if it is this one."""
    return engine.backend if isinstance(engine.backend, MemoryHall) else None


def maintain(backend: MemoryHall, run: Run) -> Report:
    """Send everything that waits."""
    waiting, refused, _ = backend.outbox.depth()
    if run.dry_run or not waiting:
        return Report(
            summary=f"{waiting} writes wait, {refused} were refused", counts={"waiting": waiting, "refused": refused}
        )
    flushed = backend.courier.flush() if backend.link.ready(backend.settings.connect_timeout) else None
    left, refused, _ = backend.outbox.depth()
    counts = {"sent": flushed.sent if flushed else 0, "waiting": left, "refused": refused}
    problem = flushed.problem if flushed else None
    reason = f": {problem.what}" if problem else "" if flushed else f": the server is away ({backend.link.why})"
    return Report(summary=f"{counts['sent']} writes sent, {left} wait{reason}", counts=counts)


def check(engine: Engine) -> Iterable[Finding]:
    """Report writes that were refused, that wait for long, or that wait while another backend is chosen."""
    backend = chosen(engine)
    outbox = backend.outbox if backend else Outbox(Access(engine.workspace), engine.now, copy=True)
    waiting, refused, oldest = outbox.depth()
    if waiting and backend is None:
        message = f"{waiting} writes wait for a memory-hall server, and the backend is {engine.backend.name}"
        cure = "choose memory-hall once and run memcore maintain"
        yield Finding(code="outbox.stranded", severity="error", message=message, cure=cure)
    elif waiting and oldest and engine.now() - oldest > OLD:
        since = f"{oldest:%Y-%m-%d %H:%M} UTC"
        message = f"{waiting} writes wait for the server, the oldest since {since}"
        yield Finding(
            code="outbox.old", severity="warning", message=message, cure="memcore doctor, then memcore outbox flush"
        )
    if refused:
        ids = tuple(op.id for op in outbox.waiting(0, MOST_SHOWN, refused=True))
        message = f"{refused} writes were refused by the server and are kept aside"
        yield Finding(
            code="outbox.refused", severity="error", message=message, cure="memcore outbox show", record_ids=ids
        )
    if backend:
        for path in backend.link.transport.credentials.open_files():
            message = "others on this machine can read the secret for the server"
            yield Finding(
                code="outbox.token", severity="warning", message=message, where=str(path), cure=f"chmod 600 {path}"
            )


def stats(backend: MemoryHall) -> Mapping[str, Any]:
    """Give the depth of the outbox."""
    waiting, refused, oldest = backend.outbox.depth()
    return {"waiting": waiting, "refused": refused, "waiting_since": oldest.isoformat() if oldest else None}


def status(backend: MemoryHall) -> tuple[str, str] | None:
    """Say that the server is away, or why writes wait."""
    waiting, refused, _ = backend.outbox.depth()
    if backend.link.away:
        return f"the server is away ({backend.link.why}); {waiting} writes wait", "start it; memcore doctor tells more"
    if backend.courier.problem is not None:
        return f"{waiting} writes wait: {backend.courier.problem.what}", backend.courier.problem.cure
    return (f"{refused} writes were refused", "memcore outbox show") if refused else None


def forget(workspace: Workspace, scope: Scope, record_ids: Sequence[str]) -> int:
    """Delete the local copies and waiting writes of these records and of everything in the scope."""
    return Outbox(Access(workspace), _no_clock, copy=True).forget(record_ids, scope)


def _no_clock() -> Any:
    raise AssertionError("forgetting needs no time")
