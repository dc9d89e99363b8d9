"""Becomes another program, on one core, that dies with the bench: `bench.launch CORE COMMAND …`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PRIORITY = -10


def take_core(core: int) -> None:
    """Pins this process, and puts it before the machine's other work where that is allowed."""
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


def main() -> None:
    """Replaces this process."""
    core, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    take_core(int(core))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
