"""A number and a name for each process of a data directory, the same again after a restart."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmchat.errors import StorageUnavailable
from llmchat.ids import new_id

_MOST_SEATS = 256
_MOST_NAME_BYTES = 64


@dataclass(frozen=True, slots=True)
class Seat:
    number: int
    name: str


@contextmanager
def taken(data_dir: Path) -> Generator[Seat, None, None]:
    """The first that is free, kept until the end of the block, or of the process: the lock is the
    kernel's. Whoever takes it next is known by the same name. Raises StorageUnavailable."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, number = _first_free(data_dir)
        try:
            yield Seat(number, _name_in(handle))
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageUnavailable(
            f"The data directory {data_dir.absolute()} cannot be written: {error.strerror}."
        ) from error


def _first_free(data_dir: Path) -> tuple[int, int]:
    for number in range(_MOST_SEATS):
        path = data_dir / f"seat-{number}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
        else:
            return handle, number
    raise StorageUnavailable(f"{_MOST_SEATS} processes use the data directory {data_dir}.")


def _name_in(handle: int) -> str:
    name = os.pread(handle, _MOST_NAME_BYTES, 0).decode("ascii", "replace").strip()
    if not name:
        name = new_id("seat")
        os.pwrite(handle, name.encode(), 0)
    return name
