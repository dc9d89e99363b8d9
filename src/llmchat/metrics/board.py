"""The folder in which the workers of one supervisor keep their figures, for whichever is asked."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.values import MultiProcessValue


class Board:
    """Each worker has files of its own, named by its number: the one that takes the place of a dead
    one counts on from where that was, so that no sum ever falls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def join(self, number: int) -> None:
        """This process is that worker from now on. To be called before any figure is made."""
        self.leave(number)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        values.ValueClass = MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
        (self.folder / f"{number}.pid").write_text(str(os.getpid()))

    def leave(self, number: int) -> None:
        """That worker has ended: what it has counted stays, what it held is nobody's now."""
        for path in (*self.folder.glob(f"gauge_live*_{number}.db"), self.folder / f"{number}.pid"):
            path.unlink(missing_ok=True)

    def workers(self) -> Mapping[int, int]:
        """The process ids of those that live, by their numbers."""
        found = {}
        for path in self.folder.glob("*.pid"):
            # It may go, or be half written, while we look.
            with suppress(OSError, ValueError):
                found[int(path.stem)] = int(path.read_text())
        return dict(sorted(found.items()))
