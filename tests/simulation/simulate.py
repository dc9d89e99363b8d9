"""One world from its seed to its verdict."""

from llmchat.tokenlog.redis_scripts import APPEND, DELETE, FENCE, WATCH
from tests.simulation.connections import SimulatedTokenLog
from tests.simulation.durable import DurableProvider
from tests.simulation.process import MakeLog
from tests.simulation.redis import SimulatedRedis, digest_of
from tests.simulation.world import MakeDurable, World

_SCRIPTS = (APPEND, DELETE, FENCE, WATCH)


def broken_in(
    seed: int,
    *,
    make_redis: type[SimulatedRedis] = SimulatedRedis,
    make_log: MakeLog = SimulatedTokenLog,
    make_durable: MakeDurable = DurableProvider,
) -> str | None:
    """What went wrong, the way there, and how to see it again; None when all was well."""
    for script in _SCRIPTS:
        script.digest = digest_of(script.text)
    world = World(seed, make_redis=make_redis, make_log=make_log, make_durable=make_durable)
    loop = world.loop
    try:
        with world.trace.listening():
            try:
                loop.run_until_complete(world.run())
            except Exception as error:  # noqa: BLE001 - whatever it is, the seed is to be told
                return _report(world, seed, error)
            finally:
                loop.run_until_complete(world.bury())
                loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
        for script in _SCRIPTS:
            script.digest = None
    return None


def _report(world: World, seed: int, error: Exception) -> str:
    replay = f'make test ARGS="tests/simulation -k worlds --first-seed {seed} --seeds 1"'
    what = f"seed {seed}: {type(error).__name__}: {error}"
    return f"{what}\n{world.weather}\n{world.trace}\nAgain: {replay}"
