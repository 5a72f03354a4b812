"""`memcore mcp`: memory as tools of an MCP client, on standard input and output, by the official SDK (extra `mcp`).

The tools are plain functions over an engine in `mcp_tools`; this file is the protocol around them. Whatever a call runs
into comes back as a tool error that says the cure; the server goes on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context
from memcore.errors import MemcoreError, PluginError

if TYPE_CHECKING:
    from memcore_plugins.hosts.guard import Guard

__all__ = ["mcp"]


@click.command("mcp")
@pass_context
def mcp(context: Context) -> None:
    """Serve memory as MCP tools on standard input and output, for one client.

    The client starts this program itself; the how-to "Use memcore with an MCP client" has the line for each.

    \b
    Examples:
      memcore mcp
      memcore --namespace work mcp
    """
    try:
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ImportError as error:
        what, cure = "the MCP server needs the MCP SDK", "pip install 'memcore-engine[mcp]'"
        raise PluginError(what, why=f"{type(error).__name__}: {error}", cure=cure) from error
    import anyio
    from memcore.config import Config

    from memcore_plugins.hosts.guard import Guard

    guard = Guard(Config(home=context.home, overrides=context.overrides).home, "mcp")

    async def serve() -> None:
        server = _server(Server, context, guard)
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(serve)


def _server(server: type[Any], context: Context, guard: Guard) -> Any:
    """Return an SDK server with the tools; a call runs on a thread, so that a slow one does not stop the protocol."""
    from importlib.metadata import version

    import anyio
    from mcp import types

    from memcore_plugins.hosts.mcp_tools import INSTRUCTIONS, TOOLS

    async def on_list(*_: Any) -> types.ListToolsResult:
        listed = [
            types.Tool(
                name=tool.name,
                description=tool.description,
                input_schema=dict(tool.schema),
                annotations=types.ToolAnnotations(
                    read_only_hint=tool.reads, destructive_hint=tool.destroys, open_world_hint=False
                ),
            )
            for tool in TOOLS.values()
        ]
        return types.ListToolsResult(tools=listed)

    async def on_call(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        failed, found = await anyio.to_thread.run_sync(_answer, context, guard, params.name, params.arguments or {})
        text = json.dumps(found, ensure_ascii=False, default=str)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=failed)

    return server(
        "memcore",
        version=version("memcore-engine"),
        instructions=INSTRUCTIONS,
        on_list_tools=on_list,
        on_call_tool=on_call,
    )


def _answer(context: Context, guard: Guard, name: str, given: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Run a tool; return whether it failed, and its answer or the error with its cure."""
    from memcore_plugins.hosts.mcp_tools import TOOLS

    try:
        if name not in TOOLS:
            raise MemcoreError(f"there is no tool {name!r}", cure=f"known: {', '.join(TOOLS)}")
        return False, TOOLS[name].run(context.engine, given)
    except MemcoreError as error:
        if not isinstance(error, PluginError) and name in TOOLS:
            guard.note(name, type(error).__name__, "")
        parts = {"error": error.what, "why": error.why, "cure": error.cure}
        return True, {key: text for key, text in parts.items() if text}
    except Exception as error:  # noqa: BLE001 - a client is never broken by its memory
        guard.note(name, type(error).__name__, "")
        return True, {"error": f"memory failed: {type(error).__name__}", "cure": "memcore doctor"}
