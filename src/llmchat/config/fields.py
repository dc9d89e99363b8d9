"""What a field of the settings is made of: its variables, and types with a rule of their own."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr

from llmchat.config.urls import issuer_url

HOST = re.compile(r"[A-Za-z0-9._:%-]+")
ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:_-]+")
HOST_NAME = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
SQLITE_FILE = re.compile(r"sqlite(\+aiosqlite)?:///(?!:memory:)[^?]+")
POSTGRES = re.compile(r"postgres(ql)?(\+asyncpg)?://[^ /]*/[^ ]+")
REDIS = re.compile(r"(rediss?|unix)://[^ ]+")
LEAST_SECRET_CHARS = 32
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


def _secret_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if len(text) < LEAST_SECRET_CHARS or len(set(text)) < LEAST_SECRET_CHARS // 4:
        raise ValueError(
            f"expected at least {LEAST_SECRET_CHARS} random characters: `openssl rand -base64 48`"
        )
    return key


def _origin(origin: str) -> str:
    if origin != "*" and not ORIGIN.fullmatch(origin):
        raise ValueError("expected origins such as https://app.example.com, with commas, or *")
    return origin


def _host_name(name: str) -> str:
    if not HOST_NAME.fullmatch(name):
        raise ValueError(
            "expected names such as chat.example.com or .example.com, with commas, or *"
        )
    return name


def _names(names: object) -> object:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


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


def _titles(text: str) -> str:
    if text not in {"off", "auto"} and "/" not in text:
        raise ValueError("expected off, auto, or a model such as groq/llama-3.1-8b-instant")
    return text


def _keep_alive(time: str | int) -> str | int:
    if isinstance(time, str) and not re.fullmatch(r"-?([0-9.]+(ms|s|m|h))+", time):
        raise ValueError('expected a time such as "10m" or "1h30m", seconds, or -1 for ever')
    return time


Host = Annotated[str, AfterValidator(_host)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_names)]
Names = Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], BeforeValidator(_names)]
IssuerUrl = Annotated[str, Field(max_length=1024), AfterValidator(issuer_url)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_names)]
Directory = Annotated[Path, AfterValidator(_home)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
RedisUrl = Annotated[str, AfterValidator(_redis)]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_level)
]
KeepAlive = Annotated[str | int, AfterValidator(_keep_alive)]
OnCrash = Literal["mark", "continue", "restart"]
Titles = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_titles)]
