"""Whether callers are asked for a key, which is known before a service listens."""

import ipaddress

from llmchat import datadir
from llmchat.engines import database_path, schema_url
from llmchat.errors import StorageUnavailable
from llmchat.settings import Settings
from llmchat.store import migrations, restoring
from llmchat.store.glance import glance
from llmchat.store.keys import any_key


def decided(settings: Settings) -> Settings:
    """The same, with `auth` open or keys: where somebody has made a key, callers are asked for one,
    also when none is good any more. Not where an event loop runs. Raises StorageUnavailable."""
    if settings.auth != "auto":
        return settings
    asks = not settings.allow_open and _has_keys(settings)
    return settings.model_copy(update={"auth": "keys" if asks else "open"})


def too_open(settings: Settings) -> str | None:
    """Why a service that is as open as this will not start, and what to do."""
    if settings.auth == "keys":
        return None
    if not settings.allow_open and not _is_loopback(settings.host):
        return (
            f"an open service will not listen on {settings.host}, where strangers can reach it. "
            "Set LLMCHAT_AUTH=keys; or leave --host away; or, where something else keeps them out "
            "(a container's published port, a proxy that authenticates), set "
            "LLMCHAT_ALLOW_OPEN=true."
        )
    if settings.open_to_all_pages:
        return (
            "LLMCHAT_CORS_ORIGINS=* would let any page that you visit read an open service. Name "
            "the origins, or set LLMCHAT_AUTH=keys."
        )
    return None


def _has_keys(settings: Settings) -> bool:
    path = database_path(settings)
    if path is None:
        return glance(schema_url(settings), any_key)
    try:
        # The service ends a restore that was cut off only when it opens its data, which is later.
        path = restoring.holding(datadir.restore_note(settings.data_dir), path)
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StorageUnavailable(
            f"The database {path} cannot be read: {error.strerror}. Let this user read it, or "
            "choose another data directory with --data-dir or LLMCHAT_DATA_DIR."
        ) from error
    return glance(migrations.sqlite_url(path), any_key)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
