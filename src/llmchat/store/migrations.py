"""The schema, brought up to date by the alembic scripts that ship with the package.

Nothing here may be called where an event loop runs: it waits, and has one of its own for Postgres.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection

from llmchat.store.glance import glance, translated

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "migrations"
_CHECKOUT = _PACKAGE.parents[1] / "alembic"


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
    """Raises StorageUnavailable when the database cannot be used. Of several processes that do this
    at once, one does it and the others wait."""
    with translated(url):
        command.upgrade(config_for(url), revision)


def downgrade(url: str, revision: str = "-1") -> None:
    with translated(url):
        command.downgrade(config_for(url), revision)


def revisions(url: str) -> tuple[str | None, str | None]:
    """(what the database has, what this version of llmchat wants)."""
    return glance(url, _revision), ScriptDirectory.from_config(config_for(url)).get_current_head()


def known() -> set[str]:
    """All revisions that this version can bring up to date."""
    scripts = ScriptDirectory.from_config(config_for("sqlite://"))
    return {script.revision for script in scripts.walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
