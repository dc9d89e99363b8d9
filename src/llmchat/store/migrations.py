"""The schema, brought up to date by the alembic scripts that ship with the package.

Nothing here may be called where an event loop runs: it waits, and has one of its own for Postgres.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError

from llmchat.store import postgres
from llmchat.store.database import said_by, unavailable

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "migrations"
_CHECKOUT = _PACKAGE.parents[1] / "alembic"
_CONNECT_SECONDS = 10


def sqlite_url(path: Path) -> str:
    """The URL of a database file, whatever its path has in it: `%20` and `?` mean something."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def config_for(url: str) -> Config:
    """Alembic's configuration, in a wheel as in a checkout, for `sqlite:///…` or `postgresql://…`."""
    place = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT
    config = Config()
    # Config interpolates: a percent sign in a path or a password would be taken for a name.
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Raises StorageUnavailable when Postgres cannot be reached. Of several processes that do this
    at once, one does it and the others wait."""
    with _translated(url):
        command.upgrade(config_for(url), revision)


def downgrade(url: str, revision: str = "-1") -> None:
    with _translated(url):
        command.downgrade(config_for(url), revision)


def revisions(url: str) -> tuple[str | None, str | None]:
    """(what the database has, what this version of llmchat wants)."""
    with _translated(url):
        current = (
            asyncio.run(_postgres_revision(url))
            if postgres.is_postgres(url)
            else _sqlite_revision(url)
        )
    return current, ScriptDirectory.from_config(config_for(url)).get_current_head()


def known() -> set[str]:
    """All revisions that this version can bring up to date."""
    scripts = ScriptDirectory.from_config(config_for("sqlite://"))
    return {script.revision for script in scripts.walk_revisions()}


def _sqlite_revision(url: str) -> str | None:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


async def _postgres_revision(url: str) -> str | None:
    async with postgres.engine_without_pool(url, _CONNECT_SECONDS).connect() as connection:
        return await connection.run_sync(_revision)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _translated(url: str) -> Generator[None, None, None]:
    try:
        yield
    except DBAPIError as error:
        if not postgres.is_postgres(url):
            raise
        name = postgres.named(postgres.parsed(url))
        raise unavailable(name, said_by(error)) from error
