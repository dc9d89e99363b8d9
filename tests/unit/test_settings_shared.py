"""What several processes need, and what is said when half of it is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from llmchat.settings import Settings
from tests.service import environment
from tests.unit.workplace import Workplace

POSTGRES = "postgresql://llmchat:hush@db/llmchat"
REDIS = "redis://:hush@redis:6379/0"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        *(POSTGRES, "postgres://db/x", "postgresql+asyncpg://u@[::1]:5433/x?sslmode=require"),
        "postgresql:///llmchat?host=/run/postgresql",
    ],
)
def test_a_postgres_is_shared(place: Workplace, url: str) -> None:
    settings = place.load({"DATABASE_URL": url, "REDIS_URL": REDIS})
    assert settings.database_url == url
    assert settings.is_shared
    assert settings.half_shared is None


@pytest.mark.parametrize("url", ["sqlite:///x", "sqlite+aiosqlite:////var/lib/x.db", ""])
def test_sqlite_is_for_one_process(place: Workplace, url: str) -> None:
    settings = place.load({"DATABASE_URL": url})
    assert not settings.is_shared
    assert settings.half_shared is None


@pytest.mark.parametrize("url", [REDIS, "rediss://u:p@redis", "unix:///run/redis.sock?db=1"])
def test_every_redis_that_the_client_knows(place: Workplace, url: str) -> None:
    assert place.load({"DATABASE_URL": POSTGRES, "REDIS_URL": url}).redis_url == url


def test_both_urls_may_be_in_files(place: Workplace) -> None:
    files = {
        f"{name}_FILE": str(place.write(name, f"{url}\n"))
        for name, url in (("DATABASE_URL", POSTGRES), ("REDIS_URL", REDIS))
    }
    settings = place.load(files | {"LLMCHAT_WORKERS": "2"})
    assert (settings.database_url, settings.redis_url) == (POSTGRES, REDIS)
    assert settings.workers == 2


def test_neither_url_is_shown() -> None:
    shown = Settings(database_url=POSTGRES, redis_url=REDIS)
    assert "hush" not in f"{shown!r} {shown}"


@pytest.mark.parametrize("on_crash", ["mark", "continue", "restart"])
def test_on_crash_needs_no_second_process(place: Workplace, on_crash: str) -> None:
    assert place.load({"LLMCHAT_ON_CRASH": on_crash}).on_crash == on_crash


@pytest.mark.parametrize(
    ("name", "url", "starts", "missing"),
    [
        ("DATABASE_URL", POSTGRES, "DATABASE_URL names a Postgres", "set REDIS_URL"),
        ("REDIS_URL", REDIS, "REDIS_URL is set", "set DATABASE_URL to a Postgres"),
    ],
)
def test_half_of_what_is_needed_serves_nothing(
    tmp_path: Path, name: str, url: str, starts: str, missing: str
) -> None:
    llmchat = Path(sys.executable).with_name("llmchat")
    ended = subprocess.run(
        [llmchat, "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment({name: url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"llmchat: {starts}")
    assert missing in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "hush" not in ended.stdout + ended.stderr
