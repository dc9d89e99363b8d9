"""The schema, brought up to date by the alembic scripts that ship with the package."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "migrations"
_CHECKOUT = _PACKAGE.parents[1] / "alembic"


def sqlite_url(path: Path) -> str:
    """The URL of a database file, whatever its path has in it: `%20` and `?` mean something."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def config_for(url: str) -> Config:
    """Alembic's configuration, in a wheel as in a checkout. `url` is a synchronous one."""
    place = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT
    config = Config()
    # Config interpolates: a percent sign in a path or a password would be taken for a name.
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    command.upgrade(config_for(url), revision)


def downgrade(url: str, revision: str = "-1") -> None:
    command.downgrade(config_for(url), revision)


def revisions(url: str) -> tuple[str | None, str | None]:
    """(what the database has, what this version of llmchat wants)."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return current, ScriptDirectory.from_config(config_for(url)).get_current_head()
