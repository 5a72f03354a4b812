"""`memcore wiki`: read, write and remove pages. Import, export, index, log and sources are in `transfer`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from memcore.cli import Context, pass_context

from memcore_plugins.wiki.transfer import export, import_, index, log, sources

if TYPE_CHECKING:
    from memcore import Engine

    from memcore_plugins.wiki.pages import Change
    from memcore_plugins.wiki.schema import StoredPage

__all__ = ["wiki"]


@click.group("wiki")
def wiki() -> None:
    """Keep pages about what was read: with sources, a log, and every earlier revision.

    \b
    Examples:
      memcore wiki import ~/vault --dry-run
      memcore wiki show concepts/tides
      memcore wiki edit concepts/tides --file tides.md
      memcore wiki export ~/copy
    """


@wiki.command("list")
@click.option("--all", "every", is_flag=True, help="Also index, log, rules, templates, archive and attachments.")
@click.option("--retired", is_flag=True, help="Also pages that were removed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def list_(context: Context, every: bool, retired: bool, as_json: bool) -> None:
    r"""List the pages.

    \b
    Examples:
      memcore wiki list
      memcore wiki list --all --retired --json
    """
    from memcore_toolkit import console

    from memcore_plugins.wiki import schema

    engine = context.engine
    found = [
        page
        for page in schema.pages(engine.workspace.connection(), engine.core.namespace, retired=retired)
        if every or page.role == "page"
    ]
    if as_json:
        console.emit_json([_plain(page) for page in found])
        return
    if found:
        rows = [(p.path, p.title, p.type, p.revision, p.updated_at[:10], _word(p)) for p in found]
        console.emit_table(["PATH", "TITLE", "TYPE", "REVISION", "CHANGED", ""], rows)
    click.echo(f"{len(found)} {'files' if every else 'pages'}")


@wiki.command("show")
@click.argument("name", metavar="PAGE")
@click.option("--revision", type=int, metavar="N", help="The text of an earlier revision.")
@click.option("--history", is_flag=True, help="List the revisions instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def show(context: Context, name: str, revision: int | None, history: bool, as_json: bool) -> None:
    r"""Print a PAGE, given by its path, its file name or its title. A file or pipe gets the very bytes.

    \b
    Examples:
      memcore wiki show concepts/tides
      memcore wiki show tides --history
      memcore wiki show tides --revision 1 > old.md
    """
    from memcore.errors import InvalidInputError
    from memcore_toolkit import console

    from memcore_plugins.wiki import schema
    from memcore_plugins.wiki.pages import lookup, text_of

    engine = context.engine
    page = lookup(engine, name, retired=revision is not None or history)
    states = schema.revisions(engine.workspace.connection(), page)
    if history:
        rows = [(s.revision, s.at[:19], s.action, s.status, len(s.data), s.reason) for s in states]
        console.emit_table(["REVISION", "AT", "BY", "STATUS", "BYTES", "WHY"], rows, as_json=as_json)
        return
    state = next((s for s in states if s.revision == (revision or page.revision)), None)
    if state is None:
        raise InvalidInputError(f"{page.path} has no revision {revision}", cure=f"it has 1 to {page.revision}")
    if as_json:
        links = list(schema.current_links(engine.workspace.connection(), page.id))
        shown = {**_plain(page), "shown": state.revision, "text": text_of(state.data), "records": links}
        console.emit_json(shown)
    elif sys.stdout.isatty():
        for line in text_of(state.data).split("\n"):
            click.echo(console.printable(line))
    else:
        sys.stdout.buffer.write(state.data)


@wiki.command("add")
@click.argument("path", metavar="PAGE")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the page from a file [standard input].")
@click.option("--title", help="Title, for a text without frontmatter.")
@click.option("--type", "type_", help="Type, for a text without frontmatter.")
@click.option("--source", "given", multiple=True, help="Source, for a text without frontmatter; may be repeated.")
@click.option("--reason", default="", help="Why, for the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def add(context: Context, path: str, file: Path | None, title: str | None, type_: str | None,
        given: tuple[str, ...], reason: str, dry_run: bool, as_json: bool) -> None:  # fmt: skip
    r"""Add a new PAGE, a path such as concepts/tides, from a file or standard input.

    \b
    Examples:
      memcore wiki add concepts/tides --file tides.md
      echo "High water comes twice a day." | memcore wiki add tides --title Tides --source https://example.org/tides
    """
    from memcore.errors import InvalidInputError

    from memcore_plugins.wiki import schema
    from memcore_plugins.wiki.pages import page_path

    engine = context.engine
    name = page_path(path)
    there = schema.find(engine.workspace.connection(), engine.core.namespace, name)
    if there and there.status == "active":
        raise InvalidInputError(f"there is a page {name} already", cure=f"memcore wiki edit {name}")
    data = _headed(_read(file), name, engine.now().date().isoformat(), title, type_, given)
    _store(engine, name, data, "create", reason, dry_run=dry_run, as_json=as_json)


@wiki.command("edit")
@click.argument("name", metavar="PAGE")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the new text from a file [standard input].")
@click.option("--revision", type=int, metavar="N", help="Go back to an earlier revision instead.")
@click.option("--reason", default="", help="Why, for the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def edit(context: Context, name: str, file: Path | None, revision: int | None, reason: str, dry_run: bool,
         as_json: bool) -> None:  # fmt: skip
    r"""Give a PAGE a new text. The old one stays as a revision; a removed page comes back.

    \b
    Examples:
      memcore wiki edit tides --file tides.md --reason "the 2026 survey"
      memcore wiki edit tides --revision 2
    """
    from memcore.errors import InvalidInputError

    from memcore_plugins.wiki import schema
    from memcore_plugins.wiki.pages import lookup

    engine = context.engine
    page = lookup(engine, name, retired=True)
    if revision is None:
        data = _read(file)
    else:
        states = schema.revisions(engine.workspace.connection(), page)
        found = next((state.data for state in states if state.revision == revision), None)
        if found is None:
            raise InvalidInputError(f"{page.path} has no revision {revision}", cure=f"it has 1 to {page.revision}")
        data = found
    _store(engine, page.path, data, "update", reason, dry_run=dry_run, as_json=as_json)


@wiki.command("remove")
@click.argument("name", metavar="PAGE")
@click.option("--reason", default="", help="Why, for the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def remove(context: Context, name: str, reason: str, dry_run: bool, as_json: bool) -> None:
    r"""Retire a PAGE and what only it says. Its text stays as a revision; `wiki edit --revision` brings it back.

    \b
    Examples:
      memcore wiki remove tides --reason "merged into currents"
    """
    from memcore_plugins.wiki import pages
    from memcore_plugins.wiki.journal import append

    engine = context.engine
    page = pages.lookup(engine, name)
    change = pages.Change(path=page.path, state="retired", revision=page.revision + 1)
    if not dry_run:
        with engine.writing():
            change = pages.remove(engine, page, reason=reason)
            if page.role == "page":
                append(engine, "delete", page.title, reason)
    _say(change, dry_run=dry_run, as_json=as_json)


for _command in (import_, export, index, log, sources):
    wiki.add_command(_command)


def _store(engine: Engine, path: str, data: bytes, action: str, reason: str, *, dry_run: bool, as_json: bool) -> None:
    from memcore_plugins.wiki import WikiSettings, schema
    from memcore_plugins.wiki.journal import append
    from memcore_plugins.wiki.pages import Change, digest_of, put

    old = schema.find(engine.workspace.connection(), engine.core.namespace, path)
    same = bool(old and old.status == "active" and old.digest == digest_of(data))
    number = (old.revision if old else 0) + (not same)
    change = Change(path=path, state="same" if same else "changed" if old else "new", revision=number)
    if not dry_run and not same:
        with engine.writing():
            root = engine.settings("wiki", WikiSettings).root
            change = put(engine, path, data, action=action, reason=reason, root=root)
            stored = schema.find(engine.workspace.connection(), engine.core.namespace, path)
            if stored and stored.role == "page":
                append(engine, action, stored.title, reason)
    _say(change, dry_run=dry_run, as_json=as_json)


def _say(change: Change, *, dry_run: bool, as_json: bool) -> None:
    from memcore_toolkit import console

    if as_json:
        console.emit_json({"dry_run": dry_run, "change": change})
        return
    for line in change.refused:
        console.warn(f"stored on the page, but not findable by search: {line}")
    words = {"new": "added", "changed": "changed", "same": "unchanged", "retired": "removed"}
    would = "would be " if dry_run else ""
    click.echo(console.printable(f"{would}{words[change.state]}: {change.path} (revision {change.revision})"))


def _read(file: Path | None) -> bytes:
    from memcore.errors import InvalidInputError

    if file is None:
        return sys.stdin.buffer.read()
    try:
        return file.expanduser().read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"cannot read {file}", why=error.strerror or str(error), cure="check the path"
        ) from None


def _headed(data: bytes, path: str, day: str, title: str | None, type_: str | None, sources_: tuple[str, ...]) -> bytes:
    """Put frontmatter in front of a text that has none, if a field was given."""
    if not (title or type_ or sources_):
        return data
    import json

    from memcore.errors import InvalidInputError
    from memcore_toolkit.markdown import decode, parse

    text = decode(data).text
    if parse(text).frontmatter:
        why = "it has frontmatter of its own"
        raise InvalidInputError(f"the options do not fit the text of {path}", why=why, cure="write the fields there")
    fields = {"title": title or path.rpartition("/")[2].removesuffix(".md"), "created": day, "updated": day}
    lines = [f"{k}: {v}" if k != "title" else f"title: {json.dumps(v, ensure_ascii=False)}" for k, v in fields.items()]
    lines += [f"type: {json.dumps(type_, ensure_ascii=False)}"] if type_ else []
    lines += [f"sources: {json.dumps(list(sources_), ensure_ascii=False)}"] if sources_ else []
    return ("---\n" + "\n".join(lines) + "\n---\n\n").encode() + text.encode()


def _word(page: StoredPage) -> str:
    return page.status if page.status != "active" else "" if page.role == "page" else page.role


def _plain(page: StoredPage) -> dict[str, Any]:
    names = ("path", "role", "title", "type", "status", "revision", "digest", "reason", "created_at", "updated_at")
    return {**{name: getattr(page, name) for name in names}, "bytes": len(page.data)}
