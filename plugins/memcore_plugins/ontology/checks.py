"""What is worth a word about the workspaces that were read: their own findings, and tables that lag behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from memcore.records import Finding

from memcore_plugins.ontology import schema
from memcore_plugins.ontology.sync import model_of

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.ontology import OntologySettings

__all__ = ["findings"]


def findings(engine: Engine, settings: OntologySettings) -> Iterator[Finding]:
    """Yield the findings of every workspace that was synced or is set; one that is gone is left alone."""
    connection, namespace = engine.workspace.connection(), engine.core.namespace
    known = schema.workspaces(connection, namespace)
    if settings.workspace:
        known.append(os.path.realpath(Path(settings.workspace).expanduser()))
    for root in dict.fromkeys(known):
        if not Path(root).is_dir():
            continue
        model = model_of(settings, Path(root))
        yield from model.findings
        changes = schema.difference(schema.load(connection, namespace, root), model.rows)
        if changes:
            yield Finding(
                code="ontology.behind",
                severity="info",
                message=f"the markdown has changed since the last sync: {len(changes)} rows differ",
                where=root,
                cure=f"memcore ontology-sync {root}",
            )
