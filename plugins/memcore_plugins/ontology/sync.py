"""The sync: read the markdown, compare it with the tables, change what differs, say what that was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from memcore.records import Finding

from memcore_plugins.ontology import schema
from memcore_plugins.ontology.agents import all_agents, named_in_files
from memcore_plugins.ontology.layers import knowledge, persona
from memcore_plugins.ontology.reading import Workspace, read_workspace
from memcore_plugins.ontology.relations import relations

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.ontology import OntologySettings

__all__ = ["Model", "Synced", "model_of", "sync"]


@frozen(kw_only=True)
class Model:
    """What the markdown of a workspace says, and what is wrong with it."""

    root: str
    rows: tuple[schema.Row, ...]
    findings: tuple[Finding, ...]


@frozen(kw_only=True)
class Synced:
    """What a sync changed, and how many rows there are now."""

    changes: tuple[schema.Change, ...]
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of added, changed and removed rows."""
        words = Counter(change.word for change in self.changes)
        return {word: words[word] for word in ("added", "changed", "removed")}

    @property
    def lines(self) -> tuple[str, ...]:
        """Return one line per change."""
        return tuple(map(str, self.changes))

    @property
    def summary(self) -> str:
        """Return the result in one sentence."""
        held = ", ".join(f"{count} {name.removeprefix('ont_')}" for name, count in self.rows.items())
        done = ", ".join(f"{count} {word}" for word, count in self.counts.items() if count) or "nothing changed"
        return f"{held}; {done}"


def sync(engine: Engine, settings: OntologySettings, folder: Path, *, dry_run: bool = False) -> Synced:
    """Make the tables say what the markdown of a folder says, in one transaction; raise for a folder that is none."""
    model = model_of(settings, folder)
    namespace = engine.core.namespace
    changes = schema.difference(schema.load(engine.workspace.connection(), namespace, model.root), model.rows)
    if changes and not dry_run:
        with engine.workspace.transaction() as connection:
            changes = schema.difference(schema.load(connection, namespace, model.root), model.rows)
            schema.apply(connection, namespace, model.root, changes)
    kinds = {"ont_agents": schema.Agent, "ont_relations": schema.Relation, "ont_layers": schema.Layer}
    rows = {table: sum(isinstance(row, kind) for row in model.rows) for table, kind in kinds.items()}
    return Synced(changes=tuple(changes), rows=rows, findings=model.findings)


def model_of(settings: OntologySettings, folder: Path) -> Model:
    """Read a workspace into rows, one per key."""
    workspace = read_workspace(folder, depth=settings.import_depth, largest=settings.largest)
    agents, problems = all_agents(workspace)
    owners = {text.path: agent.key for text, agent in named_in_files(workspace)}
    related: dict[tuple[str, str], schema.Relation] = {}
    for text in workspace.texts:
        for relation in relations(text, agents, owners.get(text.path, "")):
            related.setdefault((relation.source, relation.target), relation)
    layers = (*persona(workspace.texts), *knowledge(workspace.texts))
    findings = [
        *workspace.findings, *problems, *_broken(workspace), *_long(workspace, settings), *_undefined(agents, related),
    ]  # fmt: skip
    rows: tuple[schema.Row, ...] = (*agents.values(), *related.values(), *layers)
    ordered = sorted(findings, key=lambda finding: (finding.where, finding.code, finding.message))
    return Model(root=str(workspace.root), rows=rows, findings=tuple(ordered))


def _broken(workspace: Workspace) -> list[Finding]:
    return [
        Finding(
            code="ontology.yaml",
            severity="warning",
            message=f"the frontmatter is no YAML and was read line by line; Claude Code skips {text.path}",
            where=f"{text.path}:1",
            cure='quote values that hold ": "',
        )
        for text in workspace.texts
        if text.part == "agent" and text.document.invalid_frontmatter
    ]


def _long(workspace: Workspace, settings: OntologySettings) -> list[Finding]:
    found = []
    for text in workspace.texts:
        lines = text.text.removesuffix("\n").count("\n") + 1
        if text.part == "rules" and text.path.casefold().endswith("claude.md") and lines > settings.longest:
            message = f"{text.path} has {lines} lines, more than {settings.longest}"
            cure = "move what is not needed in every session to .claude/rules or an import"
            where = f"{text.path}:{settings.longest + 1}"
            found.append(Finding(code="ontology.long", severity="warning", message=message, where=where, cure=cure))
    return found


def _undefined(agents: Mapping[str, schema.Agent], related: Mapping[tuple[str, str], schema.Relation]) -> list[Finding]:
    """Report agents that are listed without a file where others have one, and targets nobody describes."""
    told: dict[str, tuple[str, str]] = {}
    if any(agent.defined for agent in agents.values()):
        told = {key: (a.name, f"{a.file}:{a.line}") for key, a in agents.items() if not a.defined}
    for (_, target), relation in related.items():
        if target not in agents:
            told.setdefault(target, (target, f"{relation.file}:{relation.line}"))
    return [
        Finding(
            code="ontology.undefined",
            severity="warning",
            message=f"the agent {name} is named, but has no definition",
            where=where,
            cure=f"write .claude/agents/{key}.md, or correct the name",
        )
        for key, (name, where) in told.items()
    ]
