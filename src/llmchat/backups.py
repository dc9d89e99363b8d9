"""`llmchat db backup` and `llmchat db restore`: all that an embedded service keeps, in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from llmchat import datadir
from llmchat.errors import LlmchatError
from llmchat.settings import Settings
from llmchat.terminal import Config, DataDir, give_up, settings_of

_DATABASE, _LOG = "llmchat.db", "log.db"


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make; there must be none.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Copy all conversations and streams to one file, also while the service runs."""
    from llmchat.parts import VERSION
    from llmchat.store import backup as copies
    from llmchat.store import migrations, restoring

    settings = settings_of(config, data_dir=data_dir)
    files = _files(settings)
    try:
        restoring.refuse_half(datadir.restore_note(settings.data_dir))
        current, _ = migrations.revisions(_existing(settings, files[_DATABASE]))
        copies.back_up(files, file, {"version": VERSION, "schema": current or ""})
    except LlmchatError as error:
        give_up(error.detail)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes, schema {current}")


def restore(
    file: Annotated[Path, typer.Argument(help="What `llmchat db backup` has made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Although there are data, which are then lost.")
    ] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Put a backup in place of the data; the service must not run."""
    from llmchat.store import backup as copies
    from llmchat.store import restoring

    settings = settings_of(config, data_dir=data_dir)
    files, note = _files(settings), datadir.restore_note(settings.data_dir)
    try:
        about = copies.about(file)
        _refuse_newer(str(about.get("schema")))
        with datadir.locked(settings.data_dir):
            was_cut_off = restoring.finish(note, files.values())
            # What stands there after that is what somebody has just restored.
            _refuse_to_lose(files, replace=replace or was_cut_off)
            files[_DATABASE].parent.mkdir(parents=True, exist_ok=True)
            copies.restore(file, files, note)
    except LlmchatError as error:
        give_up(error.detail)
    typer.echo(
        f"{settings.data_dir} is as it was at {about.get('at')}. `llmchat serve` goes on with it."
    )


def _files(settings: Settings) -> Mapping[str, Path]:
    """The database first: what ended before its copy has its end in the log's; the other way
    round, a stream could be without its end for ever."""
    from llmchat.engines import database_path

    path = database_path(settings)
    if path is None:
        give_up(
            "the data are in Postgres and Redis: use pg_dump and Redis' own files, as "
            "docs/operations.md shows."
        )
    return {_DATABASE: path, _LOG: datadir.log_path(settings.data_dir)}


def _existing(settings: Settings, path: Path) -> str:
    if not path.exists():
        give_up(f"there is no database at {path}: is that the service's data directory?")
    from llmchat.engines import schema_url

    return schema_url(settings)


def _refuse_newer(schema: str) -> None:
    from llmchat.parts import VERSION
    from llmchat.store import migrations

    if schema not in migrations.known():
        give_up(
            f"the backup has schema {schema or 'none'}, which this version ({VERSION}) does not "
            "know: restore it with the version that made it, or a newer one."
        )


def _refuse_to_lose(files: Mapping[str, Path], *, replace: bool) -> None:
    found = [str(path) for path in files.values() if path.exists()]
    if found and not replace:
        give_up(
            f"there are data already: {', '.join(found)}. Choose another --data-dir, or lose "
            "them with --replace (`llmchat db backup` keeps them)."
        )
