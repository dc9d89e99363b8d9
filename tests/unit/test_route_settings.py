"""Routes in the TOML file: lists of models that are there, and what is said when they are not."""

from pathlib import Path

import pytest

from llmchat.config.routes import RouteSettings, shortest_patience_seconds
from tests.unit.workplace import Workplace

PROVIDERS = (
    "[providers.a]\nbase_url = 'http://a'\nmax_concurrency = 2\n[providers.b]\nurls = 'http://b'\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_a_route_is_a_list_of_models(place: Workplace) -> None:
    place.write(
        "llmchat.toml",
        PROVIDERS
        + """
        [routes.smart]
        models = ["a/big", "b/org/small:7b", "demo/echo"]
        fallback_text = "Nobody is there."
        patience_seconds = 2.5

        [routes.found]
        models = ["ollama/llama3"]
        fallback_text = ""
        """,
    )
    assert place.load().routes == {
        "smart": RouteSettings(
            models=("a/big", "b/org/small:7b", "demo/echo"),
            fallback_text="Nobody is there.",
            patience_seconds=2.5,
        ),
        "found": RouteSettings(models=("ollama/llama3",)),
    }


def test_a_provider_of_the_environment_can_be_in_a_route(place: Workplace) -> None:
    place.write("llmchat.toml", "[routes.r]\nmodels = ['groq/x']")
    assert "no provider" in place.problem()
    assert place.load({"GROQ_API_KEY": "sk-1"}).routes["r"].models == ("groq/x",)


def test_one_that_would_be_looked_for_is_not_there_when_nobody_looks(place: Workplace) -> None:
    place.write("llmchat.toml", "[routes.r]\nmodels = ['ollama/x']")
    assert place.load().routes
    assert 'no provider "ollama"; there are demo.' in place.problem({"LLMCHAT_DISCOVER": "0"})


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ("[routes.smart]\nmodels = ['a/x', 'nobody/x']",
         ('routes.smart.models.1 in llmchat.toml: there is no provider "nobody"; there are a, b, '
          "demo, local, ollama.")),
        ("[routes.smart]\nmodels = ['a/x', 'b/x', 'a/x']",
         "routes.smart.models.2 in llmchat.toml: a/x is in the list already; take it out."),
        ("[routes.smart]\nmodels = ['a/x']\n[routes.r]\nmodels = ['route/smart']",
         ("routes.r.models.0 in llmchat.toml: route/smart is a route; a route is a list of models, "
          "none of them a route.")),
        ("[routes.smart]\nmodels = ['a']",
         ("routes.smart.models.0 in llmchat.toml: expected a model as provider/name, such as "
          "openai/gpt-4o.")),
        ("[routes.smart]\nmodels = ['a/']",
         ("routes.smart.models.0 in llmchat.toml: expected a model as provider/name, such as "
          "openai/gpt-4o.")),
        ("[routes.smart]\nmodels = []",
         "routes.smart.models in llmchat.toml: expected at least 1 of them."),
        (f"[routes.smart]\nmodels = {[f'a/{i}' for i in range(17)]}",
         "routes.smart.models in llmchat.toml: expected at most 16 of them."),
        ("[routes.smart]\nmodels = ['a/x', 1]",
         "routes.smart.models.1 in llmchat.toml: expected a valid string."),
        ("[routes.smart]", "routes.smart.models in llmchat.toml: Field required."),
        ("[routes.smart]\nmodels = ['a/x']\npatience_seconds = 0",
         ("routes.smart.patience_seconds in llmchat.toml: expected a number greater than or equal "
          "to 0.01.")),
        ("[routes.smart]\nmodels = ['a/x']\npatience = 3",
         "routes.smart.patience in llmchat.toml: no such setting. Did you mean patience_seconds?"),
        ("[routes.'a b']\nmodels = ['a/x']",
         'routes.a b in llmchat.toml: expected a route name of a-z, 0-9, "-" and "_".'),
        ("[routes]\nx = 1", "routes.x in llmchat.toml: expected a table."),
        ("routes = 1", "routes in llmchat.toml: expected a table."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(place: Workplace, route: str, problem: str) -> None:
    # What stands alone must come before the first table.
    text = f"{PROVIDERS}{route}" if route.startswith("[") else f"{route}\n{PROVIDERS}"
    place.write("llmchat.toml", text)
    assert place.problem() == problem


def test_every_wrong_model_is_named_at_once(place: Workplace) -> None:
    place.write("llmchat.toml", "[routes.r]\nmodels = ['x/x', 'y/y']\n[routes.s]\nmodels = ['z/z']")
    places = [problem.partition(" ")[0] for problem in place.problems()]
    assert places == ["routes.r.models.0", "routes.r.models.1", "routes.s.models.0"]


def test_a_wrong_provider_is_not_complained_of_twice(place: Workplace) -> None:
    place.write(
        "llmchat.toml", "[providers.a]\nbase_url = 'x'\n[routes.r]\nmodels = ['a/x', 'b/x']"
    )
    assert place.problem().startswith("providers.a.base_url.0 in llmchat.toml: expected a URL")


def test_a_limit_below_its_bounds_is_refused(place: Workplace) -> None:
    place.write("llmchat.toml", PROVIDERS.replace("= 2", "= 0"))
    assert place.problem() == (
        "providers.a.max_concurrency in llmchat.toml: expected a number greater than or equal to 1."
    )


def test_the_shortest_patience_with_a_provider_is_that_of_its_routes() -> None:
    routes = {
        "one": RouteSettings(models=("a/x", "b/x"), patience_seconds=9),
        "other": RouteSettings(models=("b/y",), patience_seconds=3),
    }
    assert shortest_patience_seconds(routes, "a") == 9
    assert shortest_patience_seconds(routes, "b") == 3
    assert shortest_patience_seconds(routes, "c") is None
