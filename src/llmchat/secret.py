"""The service's own secret, under which it signs what clients bring back."""

import os
import secrets
from pathlib import Path

from llmchat.errors import StorageUnavailable

_BYTES = 32


def new() -> bytes:
    """One that nobody keeps."""
    return secrets.token_bytes(_BYTES)


def kept_in(data_dir: Path) -> bytes:
    """The secret of this data directory, made when there is none. Raises StorageUnavailable."""
    path = data_dir / "secret"
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return _checked(path.read_bytes(), path)
        with os.fdopen(handle, "wb") as file:
            file.write(made := new())
            return made
    except OSError as error:
        raise StorageUnavailable(
            f"The secret in {path} cannot be used: {error.strerror}."
        ) from error


def _checked(found: bytes, path: Path) -> bytes:
    if len(found) < _BYTES:
        # A crash in the moment when it was made: nothing was signed with it yet.
        raise StorageUnavailable(
            f"The secret in {path} is too short. Delete the file: another one is made."
        )
    return found
