"""The command line."""

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import uvloop

from llmchat.accounts import usage
from llmchat.backups import backup, restore
from llmchat.errors import LlmchatError
from llmchat.keyring import keys
from llmchat.mock.manual import manual
from llmchat.mock.options import Options
from llmchat.settings import Settings
from llmchat.supervisor import Launch, Lifeline, Supervisor, listen
from llmchat.talk.command import chat
from llmchat.terminal import Config, DataDir, give_up, settings_of

app = typer.Typer(
    help="Chat answers that survive: every generation is a durable log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="The database: its schema, and copies of it.", no_args_is_help=True)
app.add_typer(database, name="db")
app.add_typer(keys, name="keys")
app.command("usage")(usage)
app.command("chat")(chat)
database.command("backup")(backup)
database.command("restore")(restore)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (8000).")] = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes serve (1); more need Postgres and Redis.")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Run the service: the page, the API, and its console at /docs."""
    settings = settings_of(config, host=host, port=port, workers=workers, data_dir=data_dir)
    if settings.half_shared:
        give_up(settings.half_shared)
    settings = _decided(settings)
    if settings.lacks_a_secret:
        give_up(
            "several processes sign sessions for each other: set LLMCHAT_SECRET_KEY to the same "
            "random text for all of them (`openssl rand -base64 48`)."
        )
    if settings.workers > 1:
        flags = {"--data-dir": data_dir, "--config": config}
        given = [f"{name}={path}" for name, path in flags.items() if path is not None]
        raise typer.Exit(_supervise(settings, [*given, f"--auth={settings.auth}"]))
    _serve(settings)


@app.command(hidden=True)
def worker(
    number: Annotated[int, typer.Option()],
    listener: Annotated[list[int], typer.Option()],
    lifeline: Annotated[int, typer.Option()],
    board: Annotated[Path, typer.Option()],
    first: Annotated[bool, typer.Option()] = False,
    auth: Annotated[str | None, typer.Option()] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """One of the processes of `serve --workers`, which starts it."""
    held = Lifeline(lifeline)
    held.hold()
    settings = settings_of(config, data_dir=data_dir, auth=auth)
    listeners = [socket.socket(fileno=descriptor) for descriptor in listener]
    _serve(settings, worker=Worker(number, listeners, held.ready, board, greets=first))


@app.command()
def check(
    requests: Annotated[
        bool,
        typer.Option(
            "--requests/--no-requests",
            help="Ask each provider for a few tokens as well, which may cost something.",
        ),
    ] = True,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Look for what is wrong, and say what to do about it."""
    settings = settings_of(config, data_dir=data_dir)
    from llmchat.doctor import examine

    findings = asyncio.run(examine(settings, requests=requests))
    for finding in findings:
        typer.echo(f"{finding.mark} {finding.text}")
    if any(finding.is_fault for finding in findings):
        raise typer.Exit(1)


# The marks keep typer from joining the lines of the tables.
@app.command("mock-llm", help="\b\n" + manual().replace("\n\n", "\n\n\b\n"))
def mock_llm(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8081,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    tokens_per_second: Annotated[
        float, typer.Option(min=0, help="The pace; 0 is as fast as it can.")
    ] = 30,
    fail: Annotated[str | None, typer.Option(help="Fail in this way; see below.")] = None,
) -> None:
    from llmchat.mock.behaviour import BadOptionError
    from llmchat.mock.server import serve as serve_mock

    options = Options(rate=tokens_per_second, fail=fail or "")
    try:
        _run(lambda: serve_mock(host, port, options, on_ready=typer.echo))
    except BadOptionError as error:
        give_up(str(error))


@database.command("upgrade")
def upgrade(revision: str = "head", data_dir: DataDir = None, config: Config = None) -> None:
    """Bring the schema up to date (`serve` does this by itself)."""
    _migrate("upgrade", revision, settings_of(config, data_dir=data_dir))


@database.command("downgrade")
def downgrade(revision: str = "-1", data_dir: DataDir = None, config: Config = None) -> None:
    """Take the last change of the schema back."""
    _migrate("downgrade", revision, settings_of(config, data_dir=data_dir))


@database.command("check")
def check_database(data_dir: DataDir = None, config: Config = None) -> None:
    """Say whether the schema is up to date; exit with 1 when it is not."""
    from llmchat.engines import database_path, schema_url
    from llmchat.store import migrations

    settings = settings_of(config, data_dir=data_dir)
    path = database_path(settings)
    if path is not None and not path.exists():
        give_up(f"There is no database at {path}. `llmchat db upgrade` makes it.")
    try:
        current, wanted = migrations.revisions(schema_url(settings))
    except LlmchatError as error:
        give_up(error.detail)
    typer.echo(f"{path or 'Postgres'}: has {current or 'nothing'}, wants {wanted}")
    if current != wanted:
        give_up("The schema is not up to date: run `llmchat db upgrade`.")


@dataclass(frozen=True, slots=True)
class Worker:
    """What makes a process that serves one of several."""

    number: int
    listeners: Sequence[socket.socket]
    ready: Callable[[], None]
    board: Path
    greets: bool


def _decided(settings: Settings) -> Settings:
    from llmchat.lock import decided, too_open

    try:
        settings = decided(settings)
    except LlmchatError as error:
        give_up(error.detail)
    if (why := too_open(settings)) is not None:
        give_up(why)
    return settings


def _serve(settings: Settings, worker: Worker | None = None) -> None:
    # These load the whole service, which `--help` need not wait for.
    from llmchat import logs
    from llmchat.app import create_app
    from llmchat.greeting import greet
    from llmchat.metrics.board import Board
    from llmchat.server import Server

    number = None if worker is None else worker.number
    logs.configure(settings.log_level, settings.log_format, worker=number)
    board = None
    if worker is not None:
        board = Board(worker.board)
        board.join(worker.number)
    application = create_app(settings, board)

    def on_ready(url: str) -> None:
        if worker is None or worker.greets:
            parts = application.state.parts
            greet(
                url,
                None if settings.is_shared else settings.data_dir,
                parts.models,
                locked=settings.auth == "keys",
                first_key=parts.entrance.first_key,
            )
        if worker is not None:
            worker.ready()

    async def run() -> None:
        server = Server(
            application,
            host=settings.host,
            port=settings.port,
            body_seconds=settings.body_seconds,
        )
        await server.serve_app(on_ready, listeners=None if worker is None else worker.listeners)

    _run(run)


def _supervise(settings: Settings, flags: Sequence[str]) -> int:
    from llmchat import logs
    from llmchat.metrics.board import Board

    def command(launch: Launch) -> Sequence[str]:
        # Without -P, a file of the current directory could take the place of a module.
        program = [sys.executable, "-P", "-m", "llmchat.cli", "worker", f"--number={launch.number}"]
        listeners = [f"--listener={descriptor}" for descriptor in launch.listeners]
        held = [f"--lifeline={launch.lifeline}", f"--board={board.folder}"]
        first = ["--first"] if launch.first else []
        return [*program, *listeners, *held, *first, *flags]

    async def supervise(listeners: Sequence[socket.socket]) -> int:
        workers, ended = settings.workers, board.leave
        return await Supervisor(command, listeners, workers=workers, ended=ended).run()

    logs.configure(settings.log_level, settings.log_format)
    try:
        listeners = listen(settings.host, settings.port)
    except OSError as error:
        give_up(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}.")
    try:
        shared = TemporaryDirectory(prefix="llmchat-figures-")
    except OSError as error:
        give_up(f"the workers need a folder to share their figures in: {error}. Set TMPDIR.")
    with shared as folder:
        board = Board(Path(folder))
        return asyncio.run(supervise(listeners))


def _migrate(direction: str, revision: str, settings: Settings) -> None:
    from llmchat import datadir
    from llmchat.engines import database_path, schema_url
    from llmchat.store import migrations

    path, url = database_path(settings), schema_url(settings)
    move = migrations.upgrade if direction == "upgrade" else migrations.downgrade
    try:
        if path is None:
            move(url, revision)
        else:
            with datadir.locked(settings.data_dir):
                move(url, revision)
        current, _ = migrations.revisions(url)
    except LlmchatError as error:
        give_up(error.detail)
    typer.echo(f"{path or 'Postgres'} is at {current or 'nothing'}")


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        uvloop.run(work())
    except LlmchatError as error:
        give_up(error.detail)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def main() -> None:
    app()


if __name__ == "__main__":
    main()
