"""What the commands have in common: their options, and how they end in an error."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from llmchat.settings import Settings, SettingsError, load_settings

Config = Annotated[
    Path | None, typer.Option(help="A TOML file with settings (default: llmchat.toml, if any).")
]
DataDir = Annotated[
    Path | None, typer.Option(help="Where the embedded database is (default: ./data).")
]


def settings_of(config: Path | None, **flags: Any) -> Settings:
    """The settings with these flags over them; ends the program when they cannot be used."""
    try:
        return load_settings(config, **flags)
    except SettingsError as error:
        give_up(str(error))


def give_up(text: str) -> NoReturn:
    print(f"llmchat: {text}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(1)
