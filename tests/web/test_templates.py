"""Templates over HTTP: made by an admin, used by everybody, kept by what began with them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest

from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service

NAMES = (f"template-{number}" for number in itertools.count())
PROMPT = "Help with {{product}} in {{ language }}."
VARIABLES = [{"name": "product"}, {"name": "language", "default": "English"}]
FAST = {"extra": UNPACED}
GIVEN = {"product": "llmchat"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked_service(tmp_path_factory.mktemp("templates")) as locked:
        yield locked


@pytest.fixture(scope="module")
def admin(locked: Locked) -> Iterator[httpx2.Client]:
    headers = bearer(locked.admin)
    with httpx2.Client(base_url=locked.base_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def ann(locked: Locked) -> Iterator[httpx2.Client]:
    headers = bearer(locked.key("ann")["secret"])
    with httpx2.Client(base_url=locked.base_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def template(admin: httpx2.Client) -> str:
    """With two versions: of the newest one, the model and the parameters are others."""
    name = next(NAMES)
    body = {"name": name, "system_prompt": PROMPT, "variables": VARIABLES}
    done(admin.post("/api/templates", json=body), 201)
    again = {
        "system_prompt": f"Kindly: {PROMPT}",
        "variables": VARIABLES,
        "model": "demo/echo",
        "params": {"temperature": 0.2, "max_tokens": 7, **FAST},
    }
    done(admin.put(f"/api/templates/{name}", json=again), 200)
    return name


def done(answer: httpx2.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def refused(answer: httpx2.Response, status: int, words: str) -> Mapping[str, Any]:
    problem: Mapping[str, Any] = done(answer, status)
    assert words in str(problem), problem
    return problem


class TestMaking:
    def test_gives_what_was_sent_with_all_its_members(self, admin: httpx2.Client) -> None:
        name = next(NAMES)
        body = {
            "name": name,
            "description": "For the help desk",
            "system_prompt": PROMPT,
            "model": "demo/echo",
            "params": {"temperature": 0.2, "stop": ["x"]},
            "variables": [{"name": "product", "description": "Its name"}, *VARIABLES[1:]],
        }
        made = done(admin.post("/api/templates", json=body), 201)

        assert made.pop("created_at").endswith("Z")
        made.pop("created_by")
        variables = [
            {"name": "product", "description": "Its name", "default": None},
            {"name": "language", "description": None, "default": "English"},
        ]
        added = {"version": 1, "latest_version": 1, "archived": False, "variables": variables}
        assert made == {**body, **added}

    def test_refuses_a_name_that_there_is(self, admin: httpx2.Client, template: str) -> None:
        body = {"name": template, "system_prompt": "x"}
        problem = refused(admin.post("/api/templates", json=body), 409, "PUT /api/templates")
        assert problem["type"] == "conflict"

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"name": "Caps"}, "pattern"),
            ({"name": "../x"}, "pattern"),
            ({"name": "-x"}, "pattern"),
            ({"name": "x\n"}, "pattern"),
            ({"name": "x" * 65}, "pattern"),
            ({"system_prompt": ""}, "at least 1"),
            ({"system_prompt": "x" * 65_537}, "65536"),
            ({"system_prompt": "{{whom}}"}, "`{{whom}}` at character 0"),
            ({"system_prompt": "{{"}, "open no variable"),
            ({"system_prompt": "{{ product.__class__ }}"}, "open no variable"),
            ({"variables": [{"name": "a b"}]}, "pattern"),
            ({"variables": [*VARIABLES, {"name": "product"}]}, "more than one variable"),
            ({"variables": [{"name": f"v{n}"} for n in range(33)]}, "32"),
            ({"variables": [{"name": "product", "default": "x" * 16_385}]}, "16384"),
            ({"model": "nowhere/none"}, "nowhere"),
            ({"params": {"temperature": 9}}, "temperature"),
            ({"versoin": 1}, "versoin"),
        ],
    )
    def test_refuses_what_could_never_be_used(
        self, admin: httpx2.Client, members: Mapping[str, Any], words: str
    ) -> None:
        body = {"name": "bad", "system_prompt": "x", "variables": VARIABLES, **members}
        refused(admin.post("/api/templates", json=body), 422, words)
        assert admin.get("/api/templates/bad").status_code == 404

    def test_a_change_is_a_version(
        self, admin: httpx2.Client, ann: httpx2.Client, template: str
    ) -> None:
        first = done(ann.get(f"/api/templates/{template}", params={"version": 1}))
        newest = done(ann.get(f"/api/templates/{template}"))
        assert (first["version"], first["latest_version"], newest["version"]) == (1, 2, 2)
        assert first["system_prompt"] == PROMPT
        names = ("system_prompt", "model", "params", "variables")
        body = {name: newest[name] for name in names} | {"based_on": 2}
        assert done(admin.put(f"/api/templates/{template}", json=body)) == newest
        body |= {"system_prompt": "x", "based_on": 1}
        refused(admin.put(f"/api/templates/{template}", json=body), 409, "newest version")
        listed = done(ann.get(f"/api/templates/{template}/versions"))["items"]
        assert [summary["version"] for summary in listed] == [2, 1]
        assert "system_prompt" not in listed[0]
        refused(ann.get(f"/api/templates/{template}", params={"version": 3}), 404, "no version 3")

    def test_an_archived_one_begins_nothing_and_is_still_there(
        self, admin: httpx2.Client, ann: httpx2.Client, template: str
    ) -> None:
        use = {"template": {"name": template, "variables": GIVEN}}
        begun = done(ann.post("/api/conversations", json=use), 201)
        assert admin.delete(f"/api/templates/{template}").status_code == 204

        refused(ann.post("/api/conversations", json=use), 422, "is archived")
        assert done(ann.get(f"/api/templates/{template}"))["archived"] is True
        assert done(ann.get(f"/api/conversations/{begun['id']}")) == begun
        for archived, there in (("false", False), ("true", True), ("all", True)):
            listed = done(ann.get("/api/templates", params={"archived": archived}))["items"]
            assert (template in [summary["name"] for summary in listed]) is there

    def test_rendering_shows_what_comes_out(self, ann: httpx2.Client, template: str) -> None:
        url = f"/api/templates/{template}/render"
        shown = done(ann.post(url, json={"version": 1, "variables": {"product": "{{language}}"}}))
        prompt = "Help with {{language}} in English."
        assert shown == {
            "name": template,
            "version": 1,
            "system_prompt": prompt,
            "model": None,
            "params": {},
        }
        refused(ann.post(url, json={}), 422, "a value for product")
        refused(ann.post(url, json={"variables": {**GIVEN, "x": ""}}), 422, "no variable x")
        refused(ann.post(url, json={"variables": {"product": 1}}), 422, "string")


class TestUse:
    def test_a_conversation_begins_with_it(self, ann: httpx2.Client, template: str) -> None:
        body = {
            "template": {"name": template, "variables": GIVEN},
            "params": {"temperature": 1.0},
        }
        begun = done(ann.post("/api/conversations", json=body), 201)

        assert begun["system_prompt"] == "Kindly: Help with llmchat in English."
        assert begun["model"] == "demo/echo"
        assert begun["params"] == {"temperature": 1.0, "max_tokens": 7, **FAST}
        given = {"name": template, "version": 2, "experiment": None, "variant": None}
        assert begun["template"] == given
        listed = done(ann.get("/api/conversations"))["items"]
        assert listed[0]["template"] == given

    def test_what_the_caller_names_wins(self, ann: httpx2.Client, template: str) -> None:
        use = {"name": template, "version": 1, "variables": GIVEN}
        body = {"template": use, "model": "demo/story"}
        begun = done(ann.post("/api/conversations", json=body), 201)
        assert (begun["model"], begun["template"]["version"]) == ("demo/story", 1)

    def test_both_prompts_are_one_too_many(self, ann: httpx2.Client, template: str) -> None:
        use = {"name": template, "variables": GIVEN}
        body = {"template": use, "system_prompt": "Mine."}
        refused(ann.post("/api/conversations", json=body), 422, "Either `template`")

    @pytest.mark.parametrize(
        ("use", "words"),
        [
            ({"name": "missing"}, "There is no template missing. GET /api/templates"),
            ({"version": 9}, "no version 9"),
            ({"version": 0}, "greater than or equal"),
            ({"variables": {}}, "a value for product"),
            ({"variables": {**GIVEN, "more": "x"}}, "no variable more"),
            ({"variables": {"product": "x" * 16_385}}, "16384"),
            ({"session": "x"}, "session"),
        ],
    )
    def test_what_cannot_be_used_is_refused(
        self, ann: httpx2.Client, template: str, use: Mapping[str, Any], words: str
    ) -> None:
        body = {"template": {"name": template, "variables": GIVEN, **use}}
        refused(ann.post("/api/conversations", json=body), 422, words)

    def test_calls_begin_with_it(self, ann: httpx2.Client, template: str) -> None:
        use = {"name": template, "variables": GIVEN}
        told = done(ann.post("/api/llm/generate", json={"prompt": "hello", "template": use}))
        # The demo model counts words: six are the template's. Of seven tokens it says three.
        assert (told["model"], told["usage"]["input_tokens"]) == ("demo/echo", 1 + 6)

        messages = [{"role": "user", "content": "one two three four five six seven eight"}]
        asked = {"messages": messages, "template": {**use, "session": "s"}}
        said = done(ann.post("/api/llm/chat", json=asked))
        assert said["finish_reason"] == "length"
        longer = done(ann.post("/api/llm/chat", json={**asked, "params": {"max_tokens": 100}}))
        assert longer["finish_reason"] == "stop"
        broken = {**asked, "template": {"name": "missing"}}
        refused(ann.post("/api/llm/chat", json=broken), 422, "no template missing")

    def test_a_session_begins_with_it_and_goes_on_as_it_began(
        self, admin: httpx2.Client, ann: httpx2.Client, template: str
    ) -> None:
        url = "/api/llm/chat/session"
        body: dict[str, Any] = {"session_id": template, "message": "hello"}
        body = {**body, "template": {"name": template, "variables": GIVEN}}
        first = done(ann.post(url, json=body))
        assert first["usage"]["input_tokens"] == 1 + 6
        admin.delete(f"/api/templates/{template}")
        assert done(ann.post(url, json=body))["success"] is True
        refused(ann.post(url, json={**body, "session_id": f"new-{template}"}), 422, "archived")
        assert ann.get(f"{url}/new-{template}").status_code == 404
