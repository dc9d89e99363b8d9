"""Several processes behind one address: kept alive, told to end, and never left behind."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from llmchat.supervisor import listen
from tests.client import connect
from tests.e2e.supervised import EXIT_CODE
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS, Process
from tests.service import environment, free_port, listens

pytestmark = pytest.mark.embedded

PROGRAM = Path(__file__).with_name("supervised.py")
ROOT = Path(__file__).parents[2]


class Supervised(Process):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "supervised.log")
        self._folder = folder

    def begin(self, mode: str, *, workers: int = 2, **settings: str) -> None:
        command: list[str | Path] = [sys.executable, PROGRAM, self._folder, str(workers), mode]
        env = environment(settings | {"PYTHONPATH": str(ROOT)})
        self.launch(command, self._folder, env)

    async def worker(self, number: int, *, other_than: int = 0) -> int:
        """The process id of this worker, once it is ready."""
        path = self._folder / str(number)
        await self.until(lambda: path.exists() and int(path.read_text()) != other_than)
        return int(path.read_text())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                assert self.alive, self.log
                await asyncio.sleep(LOOK_SECONDS)


@pytest.fixture
async def supervised(tmp_path: Path) -> AsyncIterator[Supervised]:
    started = Supervised(tmp_path)
    yield started
    await started.kill()


async def gone(*pids: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(map(runs, pids)):  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_a_worker_that_is_killed_is_started_again(supervised: Supervised) -> None:
    supervised.begin("lives")
    first, second = await supervised.worker(1), await supervised.worker(2)
    psutil.Process(second).kill()
    again = await supervised.worker(2, other_than=second)

    assert runs(first)
    assert runs(again)
    assert '"exit_code": -9' in supervised.log
    assert supervised.log.count("first True") == 1


async def test_a_sigterm_reaches_every_worker_once_and_the_worst_exit_code_counts(
    supervised: Supervised,
) -> None:
    supervised.begin("lives", workers=3)
    workers = [await supervised.worker(number) for number in (1, 2, 3)]
    supervised.signal(signal.SIGTERM)

    assert await supervised.exit_code() == EXIT_CODE
    assert not any(map(runs, workers))
    assert [supervised.log.count(f"worker {n} got SIGTERM") for n in (1, 2, 3)] == [1, 1, 1]
    assert supervised.log.count(" got ") == 3


async def test_a_second_signal_says_at_once_and_a_third_one_kills(supervised: Supervised) -> None:
    supervised.begin("stubborn")
    workers = [await supervised.worker(number) for number in (1, 2)]
    supervised.signal(signal.SIGINT)
    await supervised.until(lambda: supervised.log.count("got SIGTERM") == 2)
    supervised.signal(signal.SIGTERM)
    await supervised.until(lambda: supervised.log.count("got SIGQUIT") == 2)
    assert all(map(runs, workers))
    supervised.signal(signal.SIGINT)

    assert await supervised.exit_code() == 128 + signal.SIGKILL
    assert not any(map(runs, workers))


async def test_no_worker_outlives_a_supervisor_that_is_killed(supervised: Supervised) -> None:
    supervised.begin("lives")
    workers = [await supervised.worker(number) for number in (1, 2)]
    await supervised.kill()
    await gone(*workers)


async def test_what_cannot_start_is_not_tried_again(supervised: Supervised) -> None:
    supervised.begin("dies", workers=4)

    assert await supervised.exit_code() == EXIT_CODE
    assert supervised.log.count("ended before it was ready") == 1


@pytest.mark.thorough
async def test_a_worker_that_dies_at_once_is_started_at_growing_intervals(
    supervised: Supervised,
) -> None:
    pauses = [f'"pause_seconds": {seconds}' for seconds in (0.0, 0.1, 0.2, 0.4)]
    supervised.begin("doomed")
    # No number of starts: one that takes long counts as one that lived, and pauses begin anew.
    await supervised.until(lambda: pauses[-1] in supervised.log)
    supervised.signal(signal.SIGTERM)

    assert await supervised.exit_code() in {0, EXIT_CODE}
    places = [supervised.log.find(pause) for pause in pauses]
    assert -1 not in places
    assert places == sorted(places)


async def test_a_real_worker_serves_on_the_socket_of_its_supervisor(supervised: Supervised) -> None:
    port = free_port()
    supervised.begin("llmchat", LLMCHAT_PORT=str(port))
    await supervised.until(lambda: "is ready at" in supervised.log)
    (worker,) = psutil.Process(supervised.pid).children()
    async with connect(f"http://127.0.0.1:{port}") as client:
        sent = await client.send(await client.conversation(), model="demo/echo")
        assert (await client.read(sent.generation_id)).status == "complete"
    worker.kill()
    await gone(worker.pid)
    # Nobody is refused meanwhile: the socket is the supervisor's, and the next one takes it.
    async with connect(f"http://127.0.0.1:{port}") as client:
        assert (await client.http.get("/health/ready", timeout=PATIENCE_SECONDS)).status_code == 200
    assert supervised.log.count("is ready at") == 1
    assert '"worker": 1' in supervised.log
    supervised.signal(signal.SIGTERM)

    assert await supervised.exit_code() == 0
    assert not listens(port)


async def test_a_real_worker_is_not_hurried_by_the_signals_of_others(
    supervised: Supervised,
) -> None:
    supervised.begin("llmchat", LLMCHAT_PORT=str(port := free_port()))
    await supervised.until(lambda: "is ready at" in supervised.log)
    (worker,) = psutil.Process(supervised.pid).children()
    async with connect(f"http://127.0.0.1:{port}") as client:
        params = {"extra": {"tokens": 200_000, "tokens_per_second": 1}}
        sent = await client.send(await client.conversation(model="demo/story"), params=params)
        reader = client.reader(sent.generation_id)
        reading = asyncio.create_task(reader.read_on())
        await supervised.until(lambda: bool(reader.events))
        supervised.signal(signal.SIGTERM)
        await reading
        worker.terminate()
        worker.terminate()
        response = await client.http.get("/health/ready")
        assert response.json()["reasons"] == ["The server is shutting down."]
        supervised.signal(signal.SIGTERM)

    assert await supervised.exit_code() == 0, supervised.log


@pytest.mark.parametrize("flag", [True, False])
async def test_several_need_what_they_share_their_work_in(tmp_path: Path, *, flag: bool) -> None:
    process = Process(tmp_path / "serve.log")
    command: list[str | Path] = [Path(sys.executable).with_name("llmchat"), "serve"]
    if flag:
        command += ["--workers", "2"]
    process.launch(command, tmp_path, environment({} if flag else {"LLMCHAT_WORKERS": "2"}))

    assert await process.exit_code() == 1
    assert f"{'--workers' if flag else 'LLMCHAT_WORKERS in the environment'}: " in process.log
    assert "set DATABASE_URL=postgresql://… and REDIS_URL=redis://…" in process.log


def test_a_name_is_listened_on_at_all_its_addresses() -> None:
    for host in ("127.0.0.1", "localhost"):
        listeners = listen(host, 0)
        for listener in listeners:
            socket.create_connection(listener.getsockname()[:2]).close()
            listener.close()
        assert listeners
    with listen("127.0.0.1", 0)[0] as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])
