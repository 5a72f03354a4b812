"""Agents: those with a file of their own in .claude/agents, and those that a table lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import evolve
from memcore.records import Finding
from memcore_toolkit.blocks import TableRow
from memcore_toolkit.inline import inline_plain, placeholder

from memcore_plugins.ontology.reading import Text, Workspace
from memcore_plugins.ontology.schema import Agent

__all__ = ["agent_column", "all_agents", "key_of", "named_in_files", "tools_of"]

_AGENT = re.compile(r"(?:sub-?)?agents?(?: name)?|에이전트|代理|智能体|智能體|エージェント", re.IGNORECASE)
_COLUMNS = {
    "role": re.compile(
        r"roles?|responsib\w+|purpose|does|duty|duties|역할|담당|角色|职责|職責|役割|担当", re.IGNORECASE
    ),
    "description": re.compile(r"description|when(?: to use)?|use (?:for|when)|설명|说明|描述|説明", re.IGNORECASE),
    "model": re.compile(r"model|모델|模型|モデル", re.IGNORECASE),
    "tools": re.compile(r"tools?|도구|工具|ツール", re.IGNORECASE),
    "writes_code": re.compile(r"writes? code|code|코드 작성|写代码|コードを書く", re.IGNORECASE),
}
_NAME = re.compile(r"[a-z][a-z0-9-]*$")
LONGEST_NAME = 64  # characters


def key_of(name: str) -> str:
    """Return what two spellings of an agent's name have in common: no marks, lower case, spaces as hyphens."""
    return "-".join(inline_plain(name).strip().removeprefix("@").casefold().split())


def named_in_files(workspace: Workspace) -> Iterator[tuple[Text, Agent]]:
    """Yield the agents of .claude/agents; a file without a name is documentation."""
    for text in workspace.texts:
        name = text.document.frontmatter.get("name") if text.part == "agent" else None
        if isinstance(name, str) and name.strip():
            fields = text.document.frontmatter
            yield (
                text,
                Agent(
                    key=key_of(name),
                    name=name.strip(),
                    description=_line(fields.get("description")),
                    model=_line(fields.get("model")),
                    tools=tools_of(fields.get("tools")),
                    defined=True,
                    file=text.path,
                    line=_line_of(text, "name"),
                ),
            )


def all_agents(workspace: Workspace) -> tuple[dict[str, Agent], list[Finding]]:
    """Return all agents by key, and what is wrong with their files. A file says more than a table; the first wins."""
    agents: dict[str, Agent] = {}
    findings: list[Finding] = []
    for text, agent in named_in_files(workspace):
        if agent.key in agents:
            message = f"the agent {agent.name} is defined here and in {agents[agent.key].file}"
            findings.append(_finding("twice", message, f"{text.path}:{agent.line}", "rename one of them"))
            continue
        if not _NAME.match(agent.name):
            cure = "a name has lower-case letters, digits and hyphens"
            message = f"{agent.name!r} is no name that Claude Code accepts"
            findings.append(_finding("name", message, f"{text.path}:{agent.line}", cure))
        agents[agent.key] = agent
    for listed in _listed(workspace.texts):
        known = agents.get(listed.key)
        if known is None:
            agents[listed.key] = listed
            continue
        names = ("role", "description", "model", "tools", "writes_code")
        missing = {name: getattr(listed, name) for name in names if not getattr(known, name) and getattr(listed, name)}
        agents[listed.key] = evolve(known, **missing)
    return agents, findings


def agent_column(row: TableRow) -> str:
    """Return the column of a table that names agents, empty if it is another table."""
    for name in row.header:
        if _AGENT.fullmatch(inline_plain(name).strip()):
            return name
    return ""


def tools_of(value: object) -> tuple[str, ...]:
    """Return tools from a text with commas or a list; a comma in brackets belongs to the tool."""
    if isinstance(value, list):
        return tuple(text for item in value if (text := str(item).strip()))
    if not isinstance(value, str):
        return ()
    return tuple(text for item in re.split(r"[,、，](?![^()]*\))", value) if (text := item.strip().strip("`").strip()))


def _listed(texts: Iterable[Text]) -> Iterator[Agent]:
    """Yield the agents of tables with a column of agents and one that says something about them."""
    for text in texts:
        for block in text.document.walk() if text.part != "agent" else ():
            if not isinstance(block, TableRow) or not (column := agent_column(block)):
                continue
            told = {field: name for name in block.header for field in _COLUMNS if _means(field, name)}
            name = inline_plain(block.cells.get(column, "")).strip().removeprefix("@")
            if told and name and len(name) <= LONGEST_NAME and not placeholder(name):
                values = {field: inline_plain(block.cells.get(name_, "")).strip() for field, name_ in told.items()}
                yield Agent(
                    key=key_of(name),
                    name=name,
                    role=values.get("role", ""),
                    description=values.get("description", ""),
                    model=values.get("model", ""),
                    writes_code=values.get("writes_code", ""),
                    tools=tools_of(values.get("tools", "")),
                    file=text.path,
                    line=block.line,
                )


def _means(field: str, name: str) -> bool:
    return _COLUMNS[field].fullmatch(inline_plain(name).strip()) is not None


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _line_of(text: Text, field: str) -> int:
    return next((number for number, line in enumerate(text.text.split("\n"), 1) if line.startswith(f"{field}:")), 1)


def _finding(code: str, message: str, where: str, cure: str) -> Finding:
    return Finding(code=f"ontology.{code}", severity="warning", message=message, where=where, cure=cure)
