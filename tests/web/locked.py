"""A service that asks for keys, and the keys to it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from llmchat.app import create_app
from llmchat.settings import Settings
from tests.web.conftest import serve

SECRET = re.compile(r"sk-llmchat-[0-9A-Za-z]{23}-[0-9A-Za-z_-]{43}")


@dataclass(frozen=True, slots=True)
class Locked:
    """`admin` is the secret of its first key, `spare` are secrets that nobody has used."""

    base_url: str
    admin: str
    spare: tuple[str, ...] = ()

    def key(self, user: str, *scopes: str, **fields: Any) -> Mapping[str, Any]:
        """A new key, with its secret."""
        body = {"name": user, "user": user, "scopes": list(scopes or ["chat"]), **fields}
        made = httpx2.post(f"{self.base_url}/api/keys", json=body, headers=bearer(self.admin))
        assert made.status_code == 201, made.text
        found: Mapping[str, Any] = made.json()
        return found

    def revoke(self, id: str) -> None:
        done = httpx2.delete(f"{self.base_url}/api/keys/{id}", headers=bearer(self.admin))
        assert done.status_code == 204, done.text


@contextmanager
def locked_service(
    data_dir: Path, *, ping_seconds: float = 20, **settings: Any
) -> Iterator[Locked]:
    app = create_app(Settings(data_dir=data_dir, discover=False, auth="keys", **settings))
    with serve(app, ping_seconds=ping_seconds) as (base_url, _):
        yield Locked(base_url, app.state.parts.entrance.first_key)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
