"""One embedded service to a data directory, and the lock goes with the process."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from llmchat import datadir
from llmchat.errors import DataDirLocked, StorageUnavailable

_HOLD = """
import sys
from pathlib import Path
from llmchat import datadir
with datadir.locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "data"
    with datadir.locked(place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert stat.S_IMODE((place / "llmchat.lock").stat().st_mode) == 0o600


def test_the_files_are_beside_each_other(tmp_path: Path) -> None:
    assert datadir.database_path(tmp_path).parent == datadir.log_path(tmp_path).parent == tmp_path
    assert datadir.database_path(tmp_path) != datadir.log_path(tmp_path)


def test_a_second_service_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with datadir.locked(tmp_path):
        with pytest.raises(DataDirLocked) as refused, datadir.locked(tmp_path):
            pass
        assert f"process {os.getpid()}" in refused.value.detail
        assert str(tmp_path) in refused.value.detail
        with pytest.raises(DataDirLocked), datadir.locked(tmp_path):
            pass
    with datadir.locked(tmp_path):
        pass


def test_the_lock_goes_with_a_process_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with (
            pytest.raises(DataDirLocked, match=f"process {holder.pid}"),
            datadir.locked(tmp_path),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with datadir.locked(tmp_path):
        assert (tmp_path / "llmchat.lock").read_text() == str(os.getpid())


def test_an_error_inside_gives_the_directory_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), datadir.locked(tmp_path):
        raise ValueError("inside")
    with datadir.locked(tmp_path):
        pass


@pytest.mark.parametrize("place", ["file", "file/data"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageUnavailable, match="--data-dir") as refused,
        datadir.locked(tmp_path / place),
    ):
        pass
    assert str(tmp_path / place) in refused.value.detail
