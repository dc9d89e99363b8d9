"""A supervisor whose workers do nothing but live and die: `supervised.py FOLDER WORKERS MODE`.

Each worker leaves a file named after its number, with its process id, when it is ready, and writes
what happens to it. In mode `dies` it ends before that, in mode `doomed` right behind it, and in
mode `stubborn` it heeds no signal but the last. In mode `llmchat` it is a real one.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from llmchat import cli, logs
from llmchat.settings import load_settings
from llmchat.supervisor import AT_ONCE, Launch, Lifeline, Supervisor, listen

EXIT_CODE = 5


def supervise(folder: Path, workers: int, mode: str) -> int:
    def command(launch: Launch) -> Sequence[str]:
        given = [str(launch.number), str(launch.lifeline), str(launch.first)]
        return [sys.executable, __file__, str(folder), "0", mode, *given]

    async def run() -> int:
        return await Supervisor(command, listen("127.0.0.1", 0), workers=workers).run()

    logs.configure("info", "json")
    return asyncio.run(run())


def work(folder: Path, mode: str, number: str, lifeline: str, first: str) -> None:
    def end(received: int, _: object) -> None:
        said(f"worker {number} got {signal.Signals(received).name}")
        if mode != "stubborn":
            sys.exit(EXIT_CODE if number == "2" else 0)

    held = Lifeline(int(lifeline))
    held.hold()
    if mode == "dies":
        sys.exit(EXIT_CODE)
    for heeded in (signal.SIGTERM, signal.SIGINT, AT_ONCE):
        signal.signal(heeded, end)
    said(f"worker {number} ready, first {first}")
    own = folder / number
    own.with_suffix(".new").write_text(str(os.getpid()))
    own.with_suffix(".new").rename(own)
    held.ready()
    while mode != "doomed" or number == "1":
        time.sleep(60)


def said(text: str) -> None:
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    folder, workers, mode, *given = sys.argv[1:]
    if given:
        work(Path(folder), mode, *given)
    elif mode == "llmchat":
        sys.exit(cli._supervise(load_settings(), []))
    else:
        sys.exit(supervise(Path(folder), int(workers), mode))
