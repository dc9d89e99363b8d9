"""`llmchat check`: looks at everything that llmchat needs, and says what to do about the rest."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from llmchat import datadir
from llmchat.app import providers_of
from llmchat.engines import database_path, schema_url
from llmchat.errors import DataDirLocked, StorageUnavailable
from llmchat.redis import RedisClient, broken_promises
from llmchat.settings import Settings
from llmchat.store import migrations


@dataclass(frozen=True, slots=True)
class Finding:
    text: str
    is_fault: bool = False

    @property
    def mark(self) -> str:
        return "✗" if self.is_fault else "✓"


async def examine(settings: Settings) -> Sequence[Finding]:
    """All findings, the good ones too."""
    place = await _redis(settings.redis_url) if settings.redis_url else _data_dir(settings.data_dir)
    return [
        Finding("The settings can be used."),
        place,
        await asyncio.to_thread(_schema, settings),
        *await _providers(settings),
    ]


def _data_dir(path: Path) -> Finding:
    try:
        with datadir.locked(path), tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
    except DataDirLocked:
        return Finding(f"{path.absolute()} is in use by a running llmchat.")
    except (StorageUnavailable, OSError) as error:
        return Finding(f"The data directory cannot be written: {error}", is_fault=True)
    return Finding(f"{path.absolute()} can be written.")


async def _redis(url: str) -> Finding:
    async with aclosing(RedisClient(url)) as client:
        try:
            broken = await broken_promises(client)
        except StorageUnavailable as error:
            return Finding(error.detail, is_fault=True)
    if broken:
        return Finding(" ".join(broken), is_fault=True)
    return Finding("Redis answers, and keeps what it is given.")


def _schema(settings: Settings) -> Finding:
    path = database_path(settings)
    if path is not None and not path.exists():
        return Finding(f"{path} does not exist yet; `llmchat serve` makes it.")
    name = path or "Postgres"
    try:
        current, wanted = migrations.revisions(schema_url(settings))
    except (SQLAlchemyError, StorageUnavailable) as error:
        return Finding(f"{name} cannot be read: {error}", is_fault=True)
    if current != wanted:
        text = f"{name} has schema {current}, and {wanted} is wanted: `llmchat db upgrade`."
        return Finding(text, is_fault=True)
    return Finding(f"{name} has the newest schema, {current}.")


async def _providers(settings: Settings) -> list[Finding]:
    factory = providers_of(settings)
    try:
        found = {health.provider: health for health in await factory.health()}
    finally:
        await factory.aclose()
    findings = []
    for source in factory.sources:
        health = found.get(source.name)
        if health is None:
            findings.append(Finding(f"{source.name}: not there ({source.found}), not needed."))
        elif health.status == "down":
            text = f"{source.name} ({source.found}): {health.detail}"
            findings.append(Finding(text, is_fault=True))
        else:
            text = f"{source.name} ({source.url}) answers in {health.latency_ms} ms"
            note = f"; {health.detail}" if health.detail else f", for example with {health.model}."
            findings.append(Finding(text + note))
    return findings
