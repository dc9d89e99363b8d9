"""All providers as one catalogue: what is listed, what is chosen, what is healthy."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from llmchat.domain import Model
from llmchat.errors import Invalid, UpstreamUnavailable
from llmchat.providers.base import NoModels
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Route, Source
from tests.providers.asking import KEY, Scripted, eventually, openai_at
from tests.providers.wire import JSON, http, wire
from tests.upstream import Upstream

MISSING = "one serves no model llama3, which is the default model; it has"
GONE_URL = "http://127.0.0.1:9/v1"
DOWN = UpstreamUnavailable("nobody there")


def source(name: str, provider: Scripted, *, optional: bool = False) -> Source:
    return Source(name, provider, f"http://{name}/v1", "the test", optional)


def factory(*sources: Source, default_model: str | None = None) -> ProviderFactory:
    demo = Source("demo", DemoProvider(), "built in", "built in")
    return ProviderFactory([*sources, demo], default_model=default_model)


async def ids(models: ProviderFactory) -> list[str]:
    return [model.id for model in await models.available()]


async def test_models_are_named_after_the_provider_that_the_operator_named() -> None:
    models = factory(source("mine", Scripted(models=["org/a:7b", "b"])))

    listed = await models.available()
    assert listed[:2] == [Model("mine/org/a:7b", "mine"), Model("mine/b", "mine")]
    assert [m.id for m in listed[2:]] == ["demo/echo", "demo/story", "demo/markdown"]


async def test_servers_are_asked_for_their_models_once_for_all_who_ask_at_once() -> None:
    one, other = Scripted(models=["a"]), Scripted(models=DOWN)
    models = factory(source("one", one), source("other", other))
    await asyncio.gather(*(models.available() for _ in range(20)), models.default())
    await models.available()

    assert (one.listings, other.listings) == (1, 1)


async def test_a_provider_that_is_down_takes_no_other_with_it() -> None:
    models = factory(source("dead", Scripted(models=DOWN)), source("alive", Scripted(models=["a"])))

    assert (await ids(models))[0] == "alive/a"
    assert await models.default() == "alive/a"


async def test_whoever_stops_waiting_for_the_list_stops_nobody_else(upstream: Upstream) -> None:
    models = factory(source("one", Scripted(models=["a"])))
    impatient = [asyncio.create_task(models.available()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in impatient[:4]:
        task.cancel()

    assert "one/a" in [model.id for model in await impatient[4]]


@pytest.mark.parametrize(
    ("default_model", "served", "chosen"),
    [
        ("one/z", ["a"], "one/z"),
        (None, ["a", "b"], "one/a"),
        (None, [], "demo/echo"),
    ],
)
async def test_the_default_is_what_is_set_else_what_is_there_else_a_demo(
    default_model: str | None, served: list[str], chosen: str
) -> None:
    models = factory(source("one", Scripted(models=served)), default_model=default_model)

    assert await models.default() == chosen


def test_a_model_is_resolved_to_its_provider_and_the_name_that_it_knows() -> None:
    mine = Scripted()
    models = factory(source("mine", mine))

    assert models.resolve("mine/org/a:7b") == (mine, "org/a:7b")
    # It need not be listed: a server may serve more than it says.
    assert models.resolve("mine/x") == (mine, "x")


@pytest.mark.parametrize("model", ["", "mine", "mine/", "/x", "other/x", "MINE/x", "\n/x"])
def test_a_model_that_nobody_serves_is_refused_with_what_there_is(model: str) -> None:
    with pytest.raises(Invalid, match="the providers are demo, mine"):
        factory(source("mine", Scripted())).resolve(model)


async def test_health_leaves_out_what_was_only_looked_for_and_is_not_there() -> None:
    models = factory(
        source("here", Scripted(models=["a"])),
        source("empty", Scripted(models=[])),
        source("down", Scripted(models=DOWN)),
        source("found", Scripted(models=["b"]), optional=True),
        source("missing", Scripted(models=DOWN), optional=True),
    )
    health = {checked.provider: checked for checked in await models.health()}

    assert {name: checked.status for name, checked in health.items()} == {
        "here": "healthy",
        "empty": "degraded",
        "down": "down",
        "found": "healthy",
        "demo": "healthy",
    }
    assert (health["here"].model, health["here"].url) == ("here/a", "http://here/v1")
    assert (health["down"].detail, health["down"].latency_ms) == ("nobody there", None)


class Listing(Scripted):
    """Lists models with these windows, until it is away."""

    def __init__(self, **windows: int | None) -> None:
        super().__init__()
        self.away = False
        self._windows = windows

    async def models(self) -> Sequence[Model]:
        await super().models()
        if self.away:
            raise DOWN
        return [Model(name, "x", context_window=window) for name, window in self._windows.items()]


async def test_context_windows_are_those_that_the_servers_listed() -> None:
    models = factory(source("one", Listing(small=4096, unknown=None)))
    await models.available()

    assert models.window("one/small") == 4096
    assert models.window("one/unknown") is None
    assert models.window("demo/echo") == 1_000_000
    for unheard_of in ("one/new", "two/small", "one", "", "/"):
        assert models.window(unheard_of) is None
    await models.aclose()


async def test_the_operator_knows_better_than_the_server() -> None:
    set_ = replace(source("one", Listing(small=4096, unknown=None)), context_window=1000)
    models = factory(set_)

    assert models.window("one/small") == models.window("one/never listed") == 1000
    listed = {model.id: model.context_window for model in await models.available()}
    assert (listed["one/small"], listed["one/unknown"]) == (1000, 1000)
    await models.aclose()


async def test_windows_are_asked_for_in_the_background_once() -> None:
    one = Listing(small=4096)
    models = factory(source("one", one))

    assert models.window("one/small") is None
    assert one.listings == 0
    await eventually(lambda: models.window("one/small") == 4096)
    assert one.listings == 1
    await models.aclose()


async def test_whoever_closes_does_not_wait_for_a_list_in_the_background() -> None:
    async with wire(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then_close=False) as upstream:
        models = factory(
            Source("slow", openai_at(upstream.base_url), upstream.base_url, "the test")
        )
        assert models.window("slow/model") is None
        await asyncio.sleep(0)
        await models.aclose()

    assert not [task for task in asyncio.all_tasks() if task.get_name() == "list models"]


async def test_a_server_that_goes_away_keeps_its_windows() -> None:
    leaving = Listing(small=4096)
    models = factory(source("one", Scripted(models=["a"])), source("two", leaving))
    assert "two/small" in await ids(models)
    leaving.away = True
    models._listed_at -= 3600
    assert "two/small" not in await ids(models)

    assert models.window("two/small") == 4096
    await models.aclose()


@pytest.mark.parametrize(
    ("default_model", "served", "detail"),
    [
        ("one/llama3", ["a", "b"], f"{MISSING} a, b."),
        ("one/llama", [*"abcdefg", "llama3"], "it has llama3, a, b, c, d and 3 more."),
        ("one/llama3", ["llama3"], None),
        ("one/llama3", ["llama3:latest"], None),
        ("one/flash", ["models/flash"], None),
        ("other/llama3", ["a"], None),
        ("one/llama3", [], "serves no model: load one there"),
        (None, ["a"], None),
    ],
)  # fmt: skip
async def test_health_misses_a_default_model_that_its_provider_does_not_list(
    default_model: str | None, served: list[str], detail: str | None
) -> None:
    models = factory(source("one", Scripted(models=served)), default_model=default_model)
    health = (await models.health())[0]

    assert health.status == ("healthy" if detail is None else "degraded")
    assert health.detail is None if detail is None else detail in str(health.detail)


async def test_closing_closes_all() -> None:
    one, other = Scripted(), Scripted()
    await factory(source("one", one), source("other", other)).aclose()

    assert one.closed
    assert other.closed


async def test_a_real_server_is_listed_and_healthy(upstream: Upstream) -> None:
    provider = openai_at(upstream.base_url)
    models = factory(Source("local", provider, upstream.base_url, "the test"))

    assert (await ids(models))[:2] == ["local/story", "local/echo"]
    assert (await models.health())[0].status == "healthy"
    await models.aclose()


LISTS = {
    "llama.cpp": (
        b'{"models": [], "data": [{"id": "tiny", "meta": {"n_ctx": 4096}}]}',
        [Model("tiny", "openai", context_window=4096)],
    ),
    "vLLM": (
        b'{"data": [{"id": "a/b", "max_model_len": 32768}]}',
        [Model("a/b", "openai", context_window=32768)],
    ),
    "Ollama without a model": (b'{"object": "list", "data": null}', []),
    "what is no id": (b'{"data": [{"id": ""}, {"id": 7}, {"id": "x\\ud83d\\ude00"}]}', None),
    "windows that are none": (
        b'{"data": [{"id": "a", "context_length": -1, "meta": null}]}',
        [Model("a", "openai")],
    ),
}


@pytest.mark.parametrize("server", LISTS)
async def test_every_servers_own_way_to_list_its_models_is_understood(server: str) -> None:
    body, expected = LISTS[server]
    async with wire(http(body, content_type=JSON)) as upstream:
        provider = openai_at(upstream.base_url)
        listed = await provider.models()
        await provider.aclose()

    assert listed == ([Model("x😀", "openai")] if expected is None else expected)


ENDS_IN_V1 = "usually ends in /v1"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (http("<html>Sign in", content_type="text/html"), ENDS_IN_V1),
        (http("[]", content_type=JSON), ENDS_IN_V1),
        (http('{"data": [1]}', content_type=JSON), ENDS_IN_V1),
        (http('{"data": {"a": 1}}', content_type=JSON), ENDS_IN_V1),
        (http('{"error": "no"}', content_type=JSON), ENDS_IN_V1),
        (http(b"\xff", content_type=JSON), ENDS_IN_V1),
        (http('{"detail": "Not Found"}', content_type=JSON, status="404 No"), ENDS_IN_V1),
        (http("Not Found", status="404 No"), "no list of models at this address (404)"),
        (
            http(f'{{"error": "{KEY} is wrong"}}', content_type=JSON, status="401 No"),
            "refused the API key (401): check the key",
        ),
        (http('{"error": "no"}', status="403 No"), "forbids this (403)"),
        (http("", status="301 Gone", location="https://elsewhere.example/v1"), "elsewhere.example"),
        (http("busy", status="503 Busy"), "failed with 503; try again"),
        (b"SSH-2.0\r\n\r\n", "does not speak HTTP"),
        (b"", "broke the connection"),
    ],
)
async def test_a_server_that_lists_no_models_is_down_and_breaks_nothing(
    answer: bytes, says: str
) -> None:
    async with wire(answer) as upstream:
        models = factory(Source("bad", openai_at(upstream.base_url), upstream.base_url, "the test"))
        assert (await ids(models))[0] == "demo/echo"
        health = (await models.health())[0]
        await models.aclose()

    assert health.status == "down"
    assert health.detail
    assert says in health.detail
    assert KEY not in health.detail


async def test_a_server_that_is_silent_about_its_models_is_not_waited_for_long() -> None:
    async with wire(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then_close=False) as upstream:
        models = factory(
            Source("slow", openai_at(upstream.base_url), upstream.base_url, "the test")
        )
        health = (await models.health())[0]
        await models.aclose()

    assert health.detail is not None
    assert "did not list its models in 5 seconds" in health.detail


async def test_models_that_are_named_make_no_server_healthy() -> None:
    async with wire(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as upstream:
        there = replace(source("there", Scripted(models=["a"])), url=upstream.base_url, named=True)
        gone = replace(source("gone", Scripted(models=["a"])), url=GONE_URL, named=True)
        models = factory(there, gone)
        health = {found.provider: found for found in await models.health()}
        await models.aclose()

    assert health["there"].status == "healthy"
    assert health["gone"].status == "down"
    assert "cannot be reached; check that it runs" in str(health["gone"].detail)


async def test_a_model_that_can_be_pulled_says_how() -> None:
    ollama = replace(
        source("ollama", Scripted(models=["a", "b"])), pull="It lacks {model}: `pull {model}`."
    )
    models = factory(ollama, default_model="ollama/llama3")
    health = (await models.health())[0]
    await models.aclose()

    assert health.status == "degraded"
    assert health.detail == (
        "It lacks llama3: `pull llama3`. It is the default model; it has a, b."
    )


async def test_a_server_without_any_model_says_how_the_wanted_one_gets_there() -> None:
    empty = Scripted(models=NoModels("Pull one."))
    pulls = replace(source("ollama", empty), pull="It lacks {model}: `pull {model}`.")
    details = []
    for default_model in ("ollama/llama3", None):
        models = factory(pulls, default_model=default_model)
        details.append((await models.health())[0].detail)
        await models.aclose()

    assert details == [
        "It lacks llama3: `pull llama3`. It is the default model; it has none.",
        "Pull one.",
    ]


async def test_a_model_that_only_a_route_names_is_missed_where_it_can_be_pulled() -> None:
    there = Scripted(models=["a:latest"])
    pulls = replace(source("ollama", there), pull="It lacks {model}: `pull {model}`.")
    hosted = source("hosted", Scripted(models=["a"]))
    route = Route(Scripted(), ["hosted/not listed", "ollama/a", "ollama/llama3"])
    models = ProviderFactory([pulls, hosted], default_model="ollama/a", routes={"smart": route})
    health = {found.provider: found for found in await models.health()}
    await models.aclose()

    assert health["ollama"].detail == (
        "It lacks llama3: `pull llama3`. It is a model of route/smart; it has a:latest."
    )
    assert health["hosted"].status == "healthy", "it may serve more than it lists"
