"""What every examination of `memcore doctor` gets to see, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen
from memcore.config import Config, CoreSettings

if TYPE_CHECKING:
    from memcore.cli import Context
    from memcore.discovery import Catalog

__all__ = ["Check", "Look", "State"]

State = Literal["ok", "info", "warning", "error"]


@frozen(kw_only=True)
class Check:
    """One thing examined: where it belongs, how it is, and what to do. Warnings and errors count as something wrong."""

    area: str
    name: str
    state: State
    detail: str
    cure: str = ""


@define(kw_only=True)
class Look:
    """The situation: configuration and settings (defaults where they are broken), plugins, and the database file.

    `unusable` is set by the examination of the database; the examination of the memory in it is then left out.
    """

    context: Context
    config: Config
    settings: CoreSettings
    catalog: Catalog
    database: Path
    unusable: bool = field(default=False)
