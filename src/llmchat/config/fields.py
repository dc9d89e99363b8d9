"""What a field of the settings is made of: its variables, and types with a rule of their own."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

HOST = re.compile(r"[A-Za-z0-9._:%-]+")
SQLITE_FILE = re.compile(r"sqlite(\+aiosqlite)?:///(?!:memory:)[^?]+")
POSTGRES = re.compile(r"postgres(ql)?(\+asyncpg)?://[^ /]*/[^ ]+")
REDIS = re.compile(r"(rediss?|unix)://[^ ]+")
LEVELS = {"warn": "warning", "fatal": "critical"}


class Env:
    """The variables that set a field, the one that wins first; a secret's may name a file."""

    def __init__(self, *names: str, secret: bool = False) -> None:
        self.names = names
        self.secret = secret


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise ValueError("expected a host name or an IP address, such as 127.0.0.1")
    return text


def _home(path: Path) -> Path:
    # Nobody else does it: no shell sees the `~` of a file.
    return Path(os.path.expanduser(path))


def _level(value: object) -> object:
    word = value.lower() if isinstance(value, str) else ""
    return LEVELS.get(word, word)


def _database(url: str) -> str:
    if not SQLITE_FILE.fullmatch(url) and not POSTGRES.fullmatch(url):
        # The URL itself may hold a password.
        raise ValueError(
            "expected postgresql://user:password@host/database, or sqlite:///path for one process"
        )
    return url


def _redis(url: str) -> str:
    if not REDIS.fullmatch(url):
        raise ValueError("expected redis://host:6379/0 (rediss:// with TLS)")
    return url


Host = Annotated[str, AfterValidator(_host)]
Directory = Annotated[Path, AfterValidator(_home)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
RedisUrl = Annotated[str, AfterValidator(_redis)]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_level)
]
OnCrash = Literal["mark", "continue", "restart"]
