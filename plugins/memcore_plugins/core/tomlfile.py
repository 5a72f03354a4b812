"""Reading and writing memcore.toml for a change: comments and order stay, the file is replaced whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memcore_plugins.core.files import publish, temporary_beside

if TYPE_CHECKING:
    from memcore.config import Config
    from tomlkit import TOMLDocument

__all__ = ["read_settings", "write_settings"]


def read_settings(config: Config) -> TOMLDocument:
    """Return the settings file as a document that keeps its comments; raise ConfigError if it cannot be read."""
    import tomlkit  # only who edits the file pays for it

    if config.problem:
        raise config.problem
    return tomlkit.parse(config.file.read_text(encoding="utf-8") if config.file.exists() else "")


def write_settings(config: Config, document: TOMLDocument) -> None:
    """Write the document in place of the settings file, with the same mode; a new file is private."""
    import tomlkit

    file = config.file.resolve()  # a link to a dotfiles folder stays a link
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary_beside(file) as path:
        path.write_text(tomlkit.dumps(document), encoding="utf-8")
        path.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o600)
        publish(path, file)
