"""A backup that is taken under load is one moment: restored, all that had ended is there letter by
letter, and all that was being written has an end."""

import asyncio
import shutil
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmchat import cli
from tests.client import Client, Json
from tests.cluster import Cluster
from tests.postgres import Postgres
from tests.reader import Event, Reader
from tests.service import Service

pytestmark = pytest.mark.embedded

ENDED = 5
LIVE = 8
SLOW = {"extra": {"tokens": 100_000, "tokens_per_second": 200}}


async def command(*arguments: str | Path) -> tuple[int, str]:
    """`llmchat db …`, in this process: another one would only load all of it again."""
    given = ["db", *map(str, arguments)]
    done = await asyncio.to_thread(CliRunner().invoke, cli.app, given)
    return done.exit_code, done.output


async def backed_up(service: Service, target: Path) -> Path:
    code, said = await command("backup", target, "--data-dir", service.data_dir)
    assert code == 0, said
    return target


async def restored(tmp_path: Path, archive: Path) -> Service:
    again = Service(tmp_path / "again")
    code, said = await command("restore", archive, "--data-dir", again.data_dir)
    assert code == 0, said
    return again


async def histories(client: Client, conversations: Sequence[str]) -> list[tuple[Json, list[Json]]]:
    return [(await client.show(id), await client.messages(id)) for id in conversations]


def shown(reader: Reader) -> tuple[str, int, Event | None]:
    return reader.text, reader.cursor, reader.terminal


def has_more(reader: Reader, *, then: int) -> bool:
    return reader.cursor > then


async def test_under_load_it_is_one_moment(tmp_path: Path) -> None:
    async with Service(tmp_path / "first").running() as first, first.client() as client:
        whole = [await client.send(await client.conversation(), f"fox {n}") for n in range(ENDED)]
        ids = [sent.message["conversation_id"] for sent in whole]
        streams = [shown(await client.read(sent.generation_id)) for sent in whole]
        before = await histories(client, ids)

        live = [
            await client.send(await client.conversation(), model="demo/story", params=SLOW)
            for _ in range(LIVE)
        ]
        readers = [client.reader(sent.generation_id) for sent in live]
        for reader in readers:
            await reader.read_until(lambda it: len(it.events) > 3)
        archive = await backed_up(first, tmp_path / "llmchat.backup")
        assert await histories(client, ids) == before
        for reader in readers:
            # It goes on: nobody waited for the copy.
            await reader.read_until(partial(has_more, then=reader.cursor))
        await first.kill()

    async with (await restored(tmp_path, archive)).running() as again, again.client() as client:
        assert await histories(client, ids) == before
        assert [shown(await client.read(sent.generation_id)) for sent in whole] == streams
        for sent, reader in zip(live, readers, strict=True):
            ended = await client.read(sent.generation_id)
            assert ended.status == "interrupted"
            assert ended.text
            assert ended.text.startswith(reader.text) or reader.text.startswith(ended.text)
            reply = await client.message(sent.message["conversation_id"], sent.reply_id)
            assert reply["content"] == ended.text
        sent = await client.send(ids[0], "and now?")
        assert (await client.read(sent.generation_id)).status == "complete"


@pytest.mark.thorough
async def test_postgres_is_restored_beside_an_empty_redis(tmp_path: Path) -> None:
    """By the commands of docs/operations.md."""
    settings: dict[str, str | float] = {"LLMCHAT_LEASE_SECONDS": 1}
    dump = tmp_path / "llmchat.pgdump"
    async with Cluster(tmp_path / "first", settings, processes=1).running() as first:
        postgres, (service,) = first.postgres, first.services
        async with service.client() as client:
            whole = [await client.send(await client.conversation(), f"fox {n}") for n in range(2)]
            for sent in whole:
                await client.read(sent.generation_id)
            ids = [sent.message["conversation_id"] for sent in whole]
            before = await histories(client, ids)
            live = await client.send(await client.conversation(), model="demo/story", params=SLOW)
            reader = client.reader(live.generation_id)
            await reader.read_until(lambda it: len(it.text) > 100)
            url = postgres.url()
            await run(postgres, "pg_dump", "--format=custom", "--no-owner", f"--file={dump}", url)
            await reader.read_until(partial(has_more, then=reader.cursor))

    again = Cluster(tmp_path / "again", settings, processes=1)
    await again.start_postgres()
    url = again.postgres.url()
    await run(again.postgres, "pg_restore", "--no-owner", f"--dbname={url}", str(dump))
    await asyncio.to_thread(again.postgres.stop)
    async with again.running() as second, second.services[0].client() as client:
        assert await histories(client, ids) == before
        ended = await client.read(live.generation_id)
        assert ended.status == "interrupted"
        reply = await client.message(live.message["conversation_id"], live.reply_id)
        assert reply["content"] == ended.text
        assert reader.text.startswith(ended.text)
        gone = await client.http.get(f"/api/generations/{whole[0].generation_id}/stream")
        assert gone.status_code == 410


async def run(postgres: Postgres, program: str, *arguments: str) -> None:
    started = await asyncio.create_subprocess_exec(postgres.program(program), *arguments)
    assert await started.wait() == 0


async def test_what_cannot_be_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with Service(tmp_path / "first").running() as first, first.client() as client:
        id = await client.conversation(title="kept")
        archive = await backed_up(first, tmp_path / "llmchat.backup")
        assert archive.stat().st_mode & 0o777 == 0o600
        taken = await command("backup", archive, "--data-dir", first.data_dir)
        serving = await command("restore", archive, "--replace", "--data-dir", first.data_dir)
        await client.conversation(title="lost")
        # The journals of the old files are there, too.
        await first.kill()
        unasked = await command("restore", archive, "--data-dir", first.data_dir)
        nothing = await command("backup", tmp_path / "b", "--data-dir", tmp_path / "no")
        for name, harm in (("cut", _cut), ("other", _other), ("newer", _newer)):
            bad = tmp_path / name
            shutil.copy(archive, bad)
            harm(bad)
            code, said = await command("restore", bad, "--replace", "--data-dir", first.data_dir)
            assert code == 1, said
            assert "Traceback" not in said
        assert {code for code, _ in (taken, serving, unasked, nothing)} == {1}
        assert "already: choose another name" in taken[1]
        assert "is using" in serving[1]
        assert "--replace" in unasked[1]
        assert "there is no database" in nothing[1]
        with closing(sqlite3.connect(first.data_dir / "llmchat.db")) as file:
            assert file.execute("SELECT count(*) FROM conversation").fetchone() == (2,)

        code, said = await command("restore", archive, "--replace", "--data-dir", first.data_dir)
        assert code == 0, said
        await first.start()
        page = (await client.http.get("/api/conversations")).json()
        assert [it["id"] for it in page["items"]] == [id]
    assert not list(await asyncio.to_thread(tmp_path.rglob, ".*"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _other(path: Path) -> None:
    path.write_text("no backup at all")


def _newer(path: Path) -> None:
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in files.items():
            is_about = name == "about.json"
            new.writestr(name, b'{"format": 1, "schema": "9999"}' if is_about else content)
