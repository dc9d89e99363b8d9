"""Experiments over HTTP: callers change nothing, and results say what they do not know."""

from collections import Counter
from typing import Any

import httpx2
import pytest

from llmchat.experiments.assigning import assigned
from llmchat.experiments.base import Variant
from tests.web.test_templates import FAST, GIVEN, NAMES, admin, ann, done, locked, refused, template

__all__ = ["admin", "ann", "locked", "template"]
VARIANTS = [{"name": "plain", "version": 1}, {"name": "kind"}]


@pytest.fixture
def running(admin: httpx2.Client, template: str) -> str:
    """An experiment on `template`, of the same name."""
    body = {"name": template, "template": template, "variants": VARIANTS}
    done(admin.post("/api/experiments", json=body), 201)
    return str(done(admin.post(f"/api/experiments/{template}/start"))["name"])


def begin(client: httpx2.Client, template: str, **use: Any) -> Any:
    body = {"template": {"name": template, "variables": GIVEN, **use}, "model": "demo/echo"}
    return done(client.post("/api/conversations", json={**body, "params": FAST}), 201)


def rated(client: httpx2.Client, conversation: str, rating: int) -> None:
    sent = client.post(f"/api/conversations/{conversation}/messages", json={"content": "hello"})
    reply = done(sent, 202)
    client.get(reply["stream_url"]).raise_for_status()
    url = f"/api/messages/{reply['reply']['id']}/feedback"
    client.put(url, json={"rating": rating}).raise_for_status()


class TestDrafting:
    def test_pins_the_versions(self, admin: httpx2.Client, template: str) -> None:
        body = {"name": template, "template": template, "variants": VARIANTS, "wanted": 100}
        made = done(admin.post("/api/experiments", json=body), 201)
        assert made["status"] == "draft"
        assert made["variants"] == [
            {"name": "plain", "template": template, "version": 1, "weight": 1},
            {"name": "kind", "template": template, "version": 2, "weight": 1},
        ]
        assert done(admin.get(f"/api/experiments/{template}")) == made
        listed = done(admin.get("/api/experiments", params={"template": template}))["items"]
        assert listed == [made]
        refused(admin.post("/api/experiments", json=body), 409, "Choose another name")
        assert admin.delete(f"/api/experiments/{template}").status_code == 204
        assert admin.get(f"/api/experiments/{template}").status_code == 404

    @pytest.mark.parametrize(
        ("variants", "words"),
        [
            (VARIANTS[:1], "at least 2"),
            ([{"name": f"v{n}"} for n in range(9)], "at most 8"),
            ([VARIANTS[0], VARIANTS[0]], "a name of its own"),
            ([{"name": "a", "weight": 0}, {"name": "b", "weight": 0}], "above 0"),
            ([{"name": "a", "weight": -1}, {"name": "b"}], "greater than or equal"),
            ([{"name": "a", "version": 9}, {"name": "b"}], "no version 9"),
            ([{"name": "a", "template": "missing"}, {"name": "b"}], "no template missing"),
        ],
    )
    def test_refuses_what_could_not_run(
        self, admin: httpx2.Client, template: str, variants: Any, words: str
    ) -> None:
        body = {"name": template, "template": template, "variants": variants}
        refused(admin.post("/api/experiments", json=body), 422, words)

    def test_refuses_a_variant_that_callers_would_have_to_know_of(
        self, admin: httpx2.Client, template: str
    ) -> None:
        other = next(NAMES)
        made = {"name": other, "system_prompt": "{{tone}}", "variables": [{"name": "tone"}]}
        done(admin.post("/api/templates", json=made), 201)
        variants = [*VARIANTS, {"name": "other", "template": other}]
        body = {"name": template, "template": template, "variants": variants}
        refused(admin.post("/api/experiments", json=body), 422, "needs the variable tone")


class TestRunning:
    def test_one_at_a_time_and_not_under_an_archived_template(
        self, admin: httpx2.Client, running: str
    ) -> None:
        body = {"name": f"{running}.b", "template": running, "variants": VARIANTS}
        done(admin.post("/api/experiments", json=body), 201)
        refused(admin.post(f"/api/experiments/{running}.b/start"), 409, "one at a time")
        refused(admin.delete(f"/api/templates/{running}"), 409, "Stop it")
        refused(admin.delete(f"/api/experiments/{running}"), 409, "results are kept")
        done(admin.post(f"/api/experiments/{running}/stop"))
        refused(admin.post(f"/api/experiments/{running}/start"), 409, "Make another")
        done(admin.post(f"/api/experiments/{running}.b/start"))

    def test_a_conversation_gets_a_variant_and_keeps_it(
        self, admin: httpx2.Client, ann: httpx2.Client, running: str
    ) -> None:
        begun = [begin(ann, running) for _ in range(40)]
        variants = [Variant("plain", running, 1), Variant("kind", running, 2)]
        for conversation in begun:
            given = conversation["template"]
            wanted = assigned(running, conversation["id"], variants)
            assert (given["experiment"], given["variant"]) == (running, wanted.name)
            assert given["version"] == wanted.version
            kindly = conversation["system_prompt"].startswith("Kindly")
            assert kindly is (wanted.name == "kind")
        assert len({conversation["template"]["variant"] for conversation in begun}) == 2

        weights = {"weights": {"plain": 0, "kind": 1}}
        done(admin.patch(f"/api/experiments/{running}", json=weights))
        for conversation in begun:
            assert done(ann.get(f"/api/conversations/{conversation['id']}")) == conversation
        later = Counter(begin(ann, running)["template"]["variant"] for _ in range(5))
        assert later == {"kind": 5}

    @pytest.mark.parametrize("product", [[], [{"name": "product", "default": "it"}]])
    def test_the_template_goes_on_asking_for_what_a_variant_needs(
        self, admin: httpx2.Client, ann: httpx2.Client, running: str, product: Any
    ) -> None:
        url = f"/api/templates/{running}"
        without = {"system_prompt": "Help.", "variables": product}
        problem = refused(admin.put(url, json=without), 409, f"The experiment {running} runs on")
        assert "variant plain needs the variable product" in problem["detail"]
        assert "stop the experiment first" in problem["detail"]
        assert done(ann.get(url))["version"] == 2

        # Nobody is asked for more by this either: the variants are older versions.
        more = {"system_prompt": "{{tone}}", "variables": [{"name": "product"}, {"name": "tone"}]}
        assert done(admin.put(url, json=more))["version"] == 3
        assert begin(ann, running)["template"]["experiment"] == running

        done(admin.post(f"/api/experiments/{running}/stop"))
        assert done(admin.put(url, json=without))["version"] == 4

    def test_a_named_version_has_no_part_in_it(self, ann: httpx2.Client, running: str) -> None:
        given = begin(ann, running, version=1)["template"]
        assert given == {"name": running, "version": 1, "experiment": None, "variant": None}

    def test_after_its_end_everybody_gets_the_newest_version(
        self, admin: httpx2.Client, ann: httpx2.Client, running: str
    ) -> None:
        done(admin.post(f"/api/experiments/{running}/stop"))
        given = begin(ann, running)["template"]
        assert given == {"name": running, "version": 2, "experiment": None, "variant": None}

    def test_calls_go_by_the_session_or_by_the_user(self, ann: httpx2.Client, running: str) -> None:
        def words(**use: str) -> int:
            body: dict[str, Any] = {"template": {"name": running, "variables": GIVEN, **use}}
            body = {**body, "prompt": "hello", "model": "demo/echo", "params": FAST}
            told = done(ann.post("/api/llm/generate", json=body))
            return int(told["usage"]["input_tokens"])

        assert len({words() for _ in range(4)}) == 1
        assert len({words(session="mine") for _ in range(4)}) == 1
        assert {words(session=f"s{n}") for n in range(12)} == {1 + 5, 1 + 6}


class TestResults:
    def test_say_what_is_not_known_yet(
        self, admin: httpx2.Client, ann: httpx2.Client, running: str
    ) -> None:
        counts = Counter[str]()
        for _ in range(6):
            conversation = begin(ann, running)
            counts[conversation["template"]["variant"]] += 1
            rated(ann, conversation["id"], 1)
        results = done(admin.get(f"/api/experiments/{running}/results"))

        plain, kind = results["variants"]
        assert [plain["conversations"], kind["conversations"]] == [counts["plain"], counts["kind"]]
        assert plain["rated"] + kind["positive"] == 6
        assert plain["generations"]["complete"] == counts["plain"]
        assert [metric["metric"] for metric in plain["metrics"]] == [
            "feedback",
            "error_rate",
            "first_token_seconds",
            "output_tokens",
            "cost_usd",
        ]
        (comparison,) = results["comparisons"]
        assert (comparison["variant"], comparison["against"]) == ("kind", "plain")
        assert results["enough"] is False
        assert results["verdict"] == (
            f"Not enough data: {counts['plain']} rated conversations in plain, {counts['kind']} in "
            "kind; at least 30 in each are wanted."
        )
        assert {metric["outcome"] for metric in comparison["metrics"]} == {"unknown"}
        assert "still running" in results["notes"][0]

    def test_are_there_before_anything_has_happened(
        self, admin: httpx2.Client, running: str
    ) -> None:
        results = done(admin.get(f"/api/experiments/{running}/results"))
        for variant in results["variants"]:
            assert variant["conversations"] == 0
            for metric in variant["metrics"]:
                assert (metric["count"], metric["value"], metric["low"]) == (0, None, None)
