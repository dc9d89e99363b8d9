"""Figures without a service: what models are called, and what several workers say together."""

import asyncio
import subprocess
import sys
from pathlib import Path

from llmchat.access.usage import Entry, Purpose
from llmchat.clock import Clock
from llmchat.events import Usage
from llmchat.ids import GenerationId, OwnerId
from llmchat.metering import Meter, free
from llmchat.metrics.board import Board
from llmchat.metrics.meters import Meters
from llmchat.metrics.models import OTHER, ModelNames
from tests.figures import Figures, figures_in

WORKER = """
import sys
from pathlib import Path
from llmchat.metrics.board import Board
board = Board(Path(sys.argv[1]))
board.join(int(sys.argv[2]))
from llmchat.metrics.meters import Meters
meters = Meters(version="1", engines="shared", models=["a/b"], board=board)
for _ in range(int(sys.argv[3])):
    meters.doors.answered("GET", "/health", 200, 0.01)
    meters.doors.refused("streams")
print(flush=True)
sys.stdin.read()
"""


def worker(folder: Path, number: int, requests: int) -> subprocess.Popen[bytes]:
    """One that has written its figures, and goes on."""
    command = [sys.executable, "-c", WORKER, str(folder), str(number), str(requests)]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    return started


def end(started: subprocess.Popen[bytes]) -> None:
    started.kill()
    started.communicate()


def read(folder: Path) -> Figures:
    board = Board(folder)
    # Its own figures are not those of the board: this process has joined none.
    meters = Meters(version="1", engines="shared", models=(), board=board)
    text, _ = asyncio.run(meters.registry.text(""))
    return figures_in(text.decode())


def test_workers_say_together_what_each_has_counted(tmp_path: Path) -> None:
    first, second = worker(tmp_path, 1, 3), worker(tmp_path, 2, 4)
    found = read(tmp_path)
    pids = {str(first.pid), str(second.pid)}
    end(second)

    assert found.sum("llmchat_http_requests_total", route="/health", status="2xx") == 7
    assert found.sum("llmchat_http_request_seconds_bucket", le="0.01") == 7
    assert found.sum("llmchat_processes") == 2
    assert found.sum("llmchat_build_info", version="1") == 1
    assert {it["worker"] for it in found.series("process_resident_memory_bytes")} == {"1", "2"}
    assert not any(pid in str(labels) for _, labels in found.samples for pid in pids)

    Board(tmp_path).leave(2)
    alone = read(tmp_path)
    assert alone.sum("llmchat_http_requests_total") == 7
    assert alone.sum("llmchat_processes") == 1
    assert {it["worker"] for it in alone.series("process_resident_memory_bytes")} == {"1"}

    third = worker(tmp_path, 2, 5)
    again = read(tmp_path)
    end(first)
    end(third)
    assert again.sum("llmchat_http_requests_total") == 12
    assert again.sum("llmchat_processes") == 2


def test_models_have_names_once_they_have_answered() -> None:
    names = ModelNames(["groq/known"], most=4)

    assert names.label("groq/known") == "groq/known"
    assert names.label("groq/made-up") == OTHER
    assert names.label("groq/real", answered=True) == "groq/real"
    assert names.label("groq/real") == "groq/real"
    assert names.label("x" * 200, answered=True) == OTHER
    labels = {names.label(f"groq/{number}", answered=True) for number in range(1000)}
    assert labels == {"groq/0", "groq/1", OTHER}


def test_what_a_server_says_cannot_take_tokens_back() -> None:
    meters = Meters(version="1", engines="embedded", models=["a/b"])
    meter = Meter(free, Clock().now)
    meter.begin("a/b").end(Usage(-5, 7), finished=True)
    (attempt,) = meter.attempts("complete")
    entry = Entry(GenerationId("g"), 1, 1, Purpose.CALL, OwnerId("u"), None, None, attempt)
    meters.spent.noted([entry])
    text, media_type = asyncio.run(meters.registry.text("application/openmetrics-text"))
    found = figures_in(text.decode(), openmetrics=True)

    assert media_type.startswith("application/openmetrics-text")
    assert found.sum("llmchat_output_tokens_total", model="a/b") == 7
    assert found.sum("llmchat_input_tokens_total") == 0
