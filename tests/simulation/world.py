"""A service of a few processes in its weather, from the first send to the last reader's end."""

import asyncio
import itertools
import random
from collections.abc import Sequence

from llmchat.chat.service import Ask
from llmchat.domain import LOCAL_OWNER, OnBusy
from llmchat.errors import LlmchatError, StorageUnavailable
from llmchat.ids import GenerationId
from tests.simulation.connections import SimulatedTokenLog, no_connection
from tests.simulation.durable import DurableProvider
from tests.simulation.loop import SimulatedLoop
from tests.simulation.monitor import Monitor, Violation
from tests.simulation.network import Network
from tests.simulation.process import CLOCKS, LEASE_SECONDS, MakeLog, Place, Process
from tests.simulation.provider import SimulatedModels, SimulatedProvider
from tests.simulation.reader import Reader
from tests.simulation.redis import SimulatedRedis
from tests.simulation.rows import Rows
from tests.simulation.stores import SimulatedConversations, SimulatedGenerations, SimulatedUsage
from tests.simulation.trace import Trace
from tests.simulation.weather import Sending, Trouble, weather

MakeRedis = type[SimulatedRedis]
MakeDurable = type[DurableProvider]

_MOST_SECONDS = 900.0
_LOOK_SECONDS = 0.25
_SWEEP_SECONDS = LEASE_SECONDS / 4
_SLACK_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
# What was cancelled needs a turn to end.
_LAST_TURNS_SECONDS = 2.0


class World:
    """All that it does is drawn from `seed`."""

    def __init__(
        self,
        seed: int,
        *,
        make_redis: MakeRedis = SimulatedRedis,
        make_log: MakeLog = SimulatedTokenLog,
        make_durable: MakeDurable = DurableProvider,
    ) -> None:
        self._rng = random.Random(f"{seed} world")
        self.weather = weather(random.Random(f"{seed} weather"))
        self.loop = SimulatedLoop(random.Random(f"{seed} order"), most_seconds=_MOST_SECONDS)
        self.trace = Trace(self.loop.time)
        self.rows = Rows()
        self.monitor = Monitor(self.rows)
        share, slow = self.weather.fault_share, self.weather.slow_share
        network = random.Random(f"{seed} network")
        self._to_store = Network(network, StorageUnavailable, fault_share=share, slow_share=slow)
        self._to_redis = Network(network, no_connection, fault_share=share, slow_share=slow)
        dice, faults = random.Random(f"{seed} provider"), self.weather.provider_fault_share
        self._durable = make_durable(dice, fault_share=faults) if self.weather.durable else None
        provider = self._durable or SimulatedProvider(
            dice, prefills=self.weather.prefills, fault_share=faults
        )
        changed = self.monitor.rows_changed
        self._redis = make_redis(network, self._to_redis, self.monitor.stored)
        self._place = Place(
            self.loop,
            self._redis,
            SimulatedConversations(self.rows, self._to_store, changed),
            SimulatedGenerations(self.rows, self._to_store, changed),
            SimulatedUsage(self.rows, self._to_store, changed),
            SimulatedModels(provider),
            self.weather.on_crash,
            make_log,
        )
        self._conversations = [self.rows.create() for _ in range(2)]
        self._processes: list[Process] = []
        self._readers: list[Reader] = []
        self._following: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        self._troubles = 0

    async def run(self) -> None:
        """Raises Violation."""
        for _ in range(self.weather.processes):
            await self._open()
        acts = [self._send(sending) for sending in self.weather.sendings]
        troubles = [self._trouble(trouble) for trouble in self.weather.troubles]
        await self._all([asyncio.create_task(each) for each in [*acts, *troubles]])
        self.trace.add("from here on nothing goes wrong any more")
        self._to_store.fault_share = self._to_redis.fault_share = 0.0
        await self._until_all_have_ended()
        await self._all(self._following)
        for process in self._serving():
            await self._drain(process, 0)
        self._check_the_end()

    async def bury(self) -> None:
        """End what the killed have left, which does nothing any more."""
        self._to_store.down = self._to_redis.down = True
        for process in self._processes:
            machine = process.machine
            machine.killed = False
            self.loop.wake(machine)
            while tasks := self.loop.tasks_of(machine):
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=1)

    def _serving(self) -> Sequence[Process]:
        return [process for process in self._processes if process.serves]

    def _awake(self) -> Sequence[Process]:
        return [process for process in self._serving() if not process.machine.frozen]

    async def _open(self) -> None:
        process = Process(self._place, f"process-{next(self._numbers)}")
        await process.start(process.open(), "opens")
        self._processes.append(process)
        self.trace.add(f"{process.name} serves")

    async def _all(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        while pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending, timeout=_LOOK_SECONDS)
            self._check()
        for task in tasks:
            task.result()

    async def _send(self, sending: Sending) -> None:
        await asyncio.sleep(sending.at)
        processes = self._awake()
        if not processes:
            return
        process = self._rng.choice(processes)
        conversation = self._conversations[sending.conversation]
        ask = Ask(on_busy=OnBusy(sending.on_busy))
        work = process.chat.send(LOCAL_OWNER, conversation, "Tell me.", ask)
        task = process.start(work, "send")
        if not await self._answered(process, task) or task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.trace.add(f"{process.name} does not take a question: {error!r}")
            if not isinstance(error, LlmchatError):
                raise error
            return
        turn = task.result()
        id = turn.generation.id
        self.trace.add(f"{process.name} begins {id} in {conversation}, {sending.on_busy}")
        for _ in range(sending.readers):
            self._following.append(asyncio.create_task(self._read(id)))
        if sending.stop_after is not None:
            await asyncio.sleep(sending.stop_after)
            await self._stop(id)

    async def _read(self, id: GenerationId) -> None:
        await asyncio.sleep(self._rng.choice([0, self._rng.uniform(0, 5)]))
        name = f"reader-{next(self._numbers)}"
        reader = Reader(name, id, self.monitor, self._rng, self._serving)
        self._readers.append(reader)
        await reader.follow()
        self.trace.add(f"{name} of {id} has read to the end, {reader.cursor}")

    async def _stop(self, id: GenerationId) -> None:
        if not (processes := self._awake()):
            return
        process = self._rng.choice(processes)
        self.trace.add(f"{process.name} is asked to stop {id}")
        task = process.start(process.chat.stop(LOCAL_OWNER, id), "stop")
        if not await self._answered(process, task) or task.cancelled():
            return
        if task.exception() is not None:
            self.trace.add(f"{process.name} cannot stop {id}: {task.exception()!r}")
        elif (last := task.result().last_event_id) is not None:
            self.trace.add(f"{process.name} has stopped {id} at {last}")
            self.monitor.stopped(id, last)

    async def _answered(self, process: Process, task: asyncio.Task[object]) -> bool:
        """False when the process died before it could answer."""
        began = self.loop.time()
        while not task.done() and process.serves:
            if self.loop.time() - began > _ANSWER_SECONDS and not process.machine.frozen:
                self.monitor.wrong(f"{task.get_name()} has no answer after {_ANSWER_SECONDS} s")
                return False
            await asyncio.wait([task], timeout=_LOOK_SECONDS)
        return task.done()

    async def _trouble(self, trouble: Trouble) -> None:
        await asyncio.sleep(trouble.at)
        self._troubles += 1
        match trouble.kind:
            case "store away":
                await self._away(self._to_store, trouble)
            case "redis away":
                self._redis.cut()
                await self._away(self._to_redis, trouble)
            case "readers cut":
                for reader in self._readers:
                    reader.cut()
            case _:
                processes = self._awake()
                busy = [process for process in processes if process.runner.running]
                if processes:
                    await self._befall(self._rng.choice(busy or processes), trouble)
        self._troubles += 1

    async def _away(self, network: Network, trouble: Trouble) -> None:
        self.trace.add(f"{trouble.kind} for {trouble.seconds:.3f} s")
        network.down = True
        await asyncio.sleep(trouble.seconds)
        network.down = False

    async def _unreachable(self, network: Network, process: Process, seconds: float) -> None:
        """From one process only: the others do not notice."""
        network.unreachable_from.add(process.machine)
        await asyncio.sleep(seconds)
        network.unreachable_from.discard(process.machine)

    async def _befall(self, process: Process, trouble: Trouble) -> None:
        self.trace.add(f"{trouble.kind}: {process.name}, {trouble.seconds:.3f} s")
        match trouble.kind:
            case "listeners cut":
                self._redis.cut(process.machine)
            case "store unreachable":
                await self._unreachable(self._to_store, process, trouble.seconds)
            case "redis unreachable":
                self._redis.cut(process.machine)
                await self._unreachable(self._to_redis, process, trouble.seconds)
            case "freeze":
                process.machine.frozen = True
                await asyncio.sleep(trouble.seconds)
                self.trace.add(f"{process.name} wakes")
                self.loop.wake(process.machine)
            case "drain":
                await self._drain(process, trouble.seconds)
                await self._open()
            case "kill":
                process.machine.killed = True
                self._redis.cut(process.machine)
                watch = asyncio.create_task(self._expect_heirs(process.name, self._troubles))
                await asyncio.sleep(trouble.seconds)
                await self._open()
                await watch

    async def _expect_heirs(self, dead: str, troubles: int) -> None:
        """Within a lease and a sweep, when nothing else goes wrong meanwhile."""
        left = [id for id, row in self.rows.generations.items() if row.worker == dead]
        if not self._awake() or self.weather.fault_share:
            return
        await asyncio.sleep(LEASE_SECONDS + _SWEEP_SECONDS + _SLACK_SECONDS)
        if self._troubles != troubles:
            return
        for id in left:
            row = self.rows.generations[id]
            if row.worker == dead and not row.closed:
                self.monitor.wrong(f"{id} has no heir, and {dead} is dead for long")

    async def _drain(self, process: Process, grace_seconds: float) -> None:
        work = process.drain(grace_seconds)
        task = self.loop.spawn_on(process.machine, work, f"{process.name} drains")
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK_SECONDS)
            if process.machine.killed:
                return
        task.result()
        await asyncio.sleep(_LAST_TURNS_SECONDS)
        if left := self.loop.tasks_of(process.machine):
            self.monitor.wrong(f"{process.name} left {left}")

    async def _until_all_have_ended(self) -> None:
        began = self.loop.time()
        per_generation = CLOCKS.generation_seconds + _SLACK_SECONDS + LEASE_SECONDS
        patience = 2 * per_generation + len(self.rows.unfinished()) * per_generation
        while unfinished := self.rows.unfinished():
            if self.loop.time() - began > patience:
                self.monitor.wrong(f"no end of {[each.id for each in unfinished]}")
            await asyncio.sleep(_LOOK_SECONDS)
            self._check()

    def _check(self) -> None:
        failures = [*self.trace.failures, *map(str, self.loop.failures)]
        if failures:
            self.monitor.wrong(failures[0])
        if self.monitor.violation is not None:
            raise Violation(self.monitor.violation)

    def _check_the_end(self) -> None:
        for id, row in self.rows.generations.items():
            said = self.monitor.transcript(id)
            message = self.rows.messages[row.generation.message_id]
            if said.terminal is None or row.last_event_id != said.last:
                self.monitor.wrong(f"{id} is closed at {row.last_event_id}, its log at {said.last}")
            if (said.answer, said.reasoning) != (message.content, message.reasoning):
                self.monitor.wrong(f"{id}: its message is not its log")
        if self._durable is not None:
            self.monitor.check_kept(self._durable.answers)
        for reader in self._readers:
            read, said = reader.transcript(), self.monitor.transcript(reader.id)
            if (read.answer, read.last, read.terminal) != (said.answer, said.last, said.terminal):
                self.monitor.wrong(f"{reader.name} has another {reader.id} than its log")
        self._check()
