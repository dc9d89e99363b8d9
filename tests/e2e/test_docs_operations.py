"""docs/operations.md: its commands are run as they stand there, and what it names exists."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml  # type: ignore[import-untyped]
from typer.core import TyperGroup

from llmchat import cli
from llmchat.settings import known_variables
from tests import postgres, promql
from tests.service import PATIENCE_SECONDS, Service, environment

pytestmark = pytest.mark.embedded

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(SCRAPE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(BACKUP,) = [code for code in SHELL if "db backup" in code]
(RESTORE,) = [code for code in SHELL if "db restore" in code]
(DUMP,) = [code for code in SHELL if "pg_dump" in code]
(FILL,) = [code for code in SHELL if "pg_restore" in code]


def run(code: str, folder: Path, path: Path | None = None, **settings: str) -> None:
    """In a shell, where the commands are those of this checkout."""
    env = environment(settings)
    programs = [Path(sys.executable).parent, *([path] if path else []), env["PATH"]]
    env["PATH"] = ":".join(map(str, programs))
    done = subprocess.run(
        ["sh", "-ec", code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_backup_is_made_while_it_runs_and_restored(tmp_path: Path) -> None:
    restoring, serving = RESTORE.splitlines()
    first, again = Service(tmp_path), Service(tmp_path / "again")
    assert first.data_dir == tmp_path / "data"
    async with first.running(), first.client() as client:
        id = await client.conversation(title="kept")
        await asyncio.to_thread(run, BACKUP, tmp_path)
    (made,) = await asyncio.to_thread(lambda: list(tmp_path.glob("llmchat-*.backup")))
    assert re.fullmatch(r"llmchat-\d{4}-\d\d-\d\d\.backup", made.name)
    named = re.sub(r"llmchat-\S+\.backup", made.name, restoring)
    await asyncio.to_thread(run, named, tmp_path)

    assert serving == "llmchat serve --data-dir restored"
    again.data_dir = tmp_path / "restored"
    async with again.running(), again.client() as client:
        assert (await client.show(id))["title"] == "kept"


def test_a_dump_of_postgres_fills_an_empty_database(tmp_path: Path) -> None:
    server = postgres.shared()
    row = "('support', 1, false)"
    path = server.program("pg_dump").parent
    with server.migrated_database() as full, server.database() as empty:
        server.execute(f"INSERT INTO template VALUES {row}", full.rpartition("/")[2])
        run(DUMP, tmp_path, path, DATABASE_URL=full)
        # Nothing but the schema is looked at: no Redis is asked.
        redis = {"REDIS_URL": "redis://127.0.0.1:9/0"}
        run(FILL, tmp_path, path, DATABASE_URL=empty, **redis)
        found = server.execute("SELECT * FROM template", empty.rpartition("/")[2])
    assert found == "support|1|f"


def test_the_scrape_is_that_of_the_file_beside_it() -> None:
    (job,) = yaml.safe_load(SCRAPE)["scrape_configs"]
    config = yaml.safe_load((promql.DEPLOY / "prometheus/prometheus.yml").read_text())
    assert job["job_name"] == config["scrape_configs"][0]["job_name"]
    assert set(job) == {"job_name", "authorization", "static_configs"}


def test_every_command_that_it_names_exists() -> None:
    named = set(re.findall(r"`(llmchat [a-z][^`]*)`", PAGE))
    assert len(named) > 5
    for line in named:
        command, (_, *words) = typer.main.get_command(cli.app), line.split()
        while words and isinstance(command, TyperGroup):
            found = command.commands.get(words.pop(0))
            assert found is not None, line
            command = found
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_variable_that_it_names_is_one() -> None:
    named = set(re.findall(r"\b(?:LLMCHAT|LLM)_[A-Z_]+[A-Z]\b", PAGE))
    assert {name.removesuffix("_FILE") for name in named} <= known_variables().keys()
