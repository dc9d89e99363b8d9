"""`GET /api/usage`: whose tokens, and what they cost."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmchat.access.usage import Group, Report, Sum
from llmchat.config.spending import PriceSettings
from llmchat.web.usage import as_csv
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service

ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}
# The demo model counts words: two asked, four answered, at a dollar and two for a million.
SPENT = {"input_tokens": 2, "output_tokens": 4, "cost_usd": 0.00001, "generations": 1}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder: Path = tmp_path_factory.mktemp("usage")
    prices = {"demo/echo": PriceSettings(input=1, output=2)}
    with locked_service(folder, prices=prices) as locked:
        yield locked


def said(locked: Locked, secret: str, words: str = "hello there") -> Any:
    answer = httpx2.post(
        f"{locked.base_url}/api/llm/generate",
        json={"prompt": words, **ECHO},
        headers=bearer(secret),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(locked: Locked, secret: str, **query: str) -> httpx2.Response:
    return httpx2.get(f"{locked.base_url}/api/usage", params=query, headers=bearer(secret))


def usage(locked: Locked, secret: str, **query: str) -> Any:
    answer = asked(locked, secret, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def spent(members: Any) -> dict[str, Any]:
    return {name: members[name] for name in SPENT}


class TestSums:
    def test_are_the_callers_own(self, locked: Locked) -> None:
        ann, bob = locked.key("ann-own"), locked.key("bob-own")
        answer = said(locked, ann["secret"])
        assert answer["usage"]["cost_usd"] == SPENT["cost_usd"]

        found = usage(locked, ann["secret"])
        assert spent(found["total"]) == SPENT
        assert [(item["model"], spent(item)) for item in found["items"]] == [("demo/echo", SPENT)]
        assert usage(locked, bob["secret"])["items"] == []

    def test_of_others_are_an_admins(self, locked: Locked) -> None:
        cleo, dan = locked.key("cleo"), locked.key("dan")
        said(locked, cleo["secret"])

        assert asked(locked, dan["secret"], user="cleo").status_code == 403
        assert asked(locked, dan["secret"], user="nobody-at-all").status_code == 403
        assert asked(locked, dan["secret"], all="true").status_code == 403
        assert usage(locked, cleo["secret"], user="cleo")["total"]["generations"] == 1
        assert spent(usage(locked, locked.admin, user="cleo")["total"]) == SPENT
        everybody = usage(locked, locked.admin, all="true")["total"]
        assert everybody["generations"] >= 1

    def test_by_key_day_and_conversation(self, locked: Locked) -> None:
        eve = locked.key("eve")
        said(locked, eve["secret"])

        (by_key,) = usage(locked, eve["secret"], group_by="key")["items"]
        assert by_key["key"] == eve["id"]
        (by_day,) = usage(locked, eve["secret"], group_by="day")["items"]
        assert set(by_day) == {"day", *usage(locked, eve["secret"])["total"]}
        (by_conversation,) = usage(locked, eve["secret"], group_by="conversation")["items"]
        assert by_conversation["conversation_id"] is None

    def test_of_a_span_without_any(self, locked: Locked) -> None:
        found = usage(locked, locked.admin, since="2020-01-01", until="2020-12-31")
        assert found["items"] == []
        assert found["total"]["cost_usd"] is None

    @pytest.mark.parametrize(
        "query",
        [
            {"since": "yesterday"},
            {"since": "2026-13-01"},
            {"since": "5"},
            {"since": "2026-11-21T08:00:00"},
            {"since": "9999-12-31"},
            {"until": "9999-12-31"},
            {"until": "0001-01-01"},
            {"since": "2026-11-22", "until": "2026-11-20"},
            {"since": "2001-01-01", "until": "2026-11-20"},
            {"since": "2026-11-21" * 100},
            {"group_by": "owner"},
            {"format": "xls"},
            {"user": "a b"},
            {"user": "\0"},
            {"all": "perhaps"},
        ],
        ids=lambda query: "-".join(f"{name}={text[:12]!a}" for name, text in query.items()),
    )
    def test_asked_for_wrongly_are_refused(self, locked: Locked, query: dict[str, str]) -> None:
        assert asked(locked, locked.admin, **query).status_code == 422

    @pytest.mark.parametrize("time", ["2026-11-01T00:00:00+02:00", "2026-11-01T00:00:00Z"])
    def test_take_times_with_a_zone(self, locked: Locked, time: str) -> None:
        assert asked(locked, locked.admin, since=time).status_code == 200


class TestCsv:
    def test_is_a_file_with_the_same_numbers(self, locked: Locked) -> None:
        fay = locked.key("fay")
        said(locked, fay["secret"])

        answer = asked(locked, fay["secret"], format="csv")

        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        (row,) = csv.DictReader(io.StringIO(answer.text))
        assert row["model"] == "demo/echo"
        assert (row["input_tokens"], row["output_tokens"]) == ("2", "4")
        assert float(row["cost_usd"]) == SPENT["cost_usd"]

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
    def test_runs_nothing_in_a_spreadsheet(self, begin: str) -> None:
        named = Sum(f'{begin}HYPERLINK("http://evil","x")', 1, 0, 1, 0, None, 1, estimated=True)
        text = as_csv(Report([named], named), Group.MODEL)
        _, row = csv.reader(io.StringIO(text, newline=""))
        assert row[0].startswith("'")


class TestPrices:
    def test_are_in_the_list_of_models(self, locked: Locked) -> None:
        listed = httpx2.get(f"{locked.base_url}/api/llm/models", headers=bearer(locked.admin))
        prices = {model["id"]: model["price"] for model in listed.json()["items"]}
        assert prices["demo/echo"] == {"input": 1, "cached": 1, "output": 2}
        assert prices["demo/story"] is None


class TestTiming:
    def test_is_in_the_message_and_the_generation(self, locked: Locked) -> None:
        headers = bearer(locked.key("gus")["secret"])
        with httpx2.Client(base_url=locked.base_url, headers=headers) as client:
            id = client.post("/api/conversations", json={}).json()["id"]
            sent = client.post(
                f"/api/conversations/{id}/messages",
                json={"content": "hello there", **ECHO},
                headers={"Accept": "text/event-stream"},
            )
            assert "event: finished" in sent.text
            question, answer = client.get(f"/api/conversations/{id}/messages").json()["items"]
            generation = client.get(f"/api/generations/{answer['generation_id']}").json()

        assert question["timing"] is None
        timing = answer["timing"]
        assert generation["timing"] == timing
        assert timing["reasoning_seconds"] is None
        assert 0 <= timing["first_token_seconds"] <= timing["total_seconds"]
        assert spent({**answer["usage"], "generations": 1}) == SPENT


class TestAllowances:
    def test_of_a_key_end_on_every_door(self, locked: Locked) -> None:
        key = locked.key("hal", tokens_per_day=30)
        assert key["tokens_per_day"] == 30
        headers = bearer(key["secret"])
        with httpx2.Client(base_url=locked.base_url, headers=headers) as client:
            id = client.post("/api/conversations", json={}).json()["id"]
            said(locked, key["secret"], "one two three four five six seven eight nine ten")
            doors: dict[str, dict[str, Any]] = {
                "/api/llm/generate": {"prompt": "hello", **ECHO},
                "/api/llm/chat": {"messages": [{"role": "user", "content": "hello"}], **ECHO},
                "/api/llm/chat/session": {"session_id": "mine", "message": "hello", **ECHO},
                f"/api/conversations/{id}/messages": {"content": "hello", **ECHO},
            }
            for path, body in doors.items():
                # Of the thirty, twenty-two are gone; `hello` has at least one more, with room
                # for an answer that may be as long as this.
                limited = {**body, "params": {"extra": UNPACED, "max_tokens": 20}}
                refused = client.post(path, json=limited)
                assert refused.status_code == 429, (path, refused.text)
                assert int(refused.headers["Retry-After"]) >= 1
                assert refused.headers["RateLimit-Limit"] == "30"
                assert int(refused.headers["RateLimit-Remaining"]) <= 8
                problem = refused.json()
                assert problem["type"] == "rate_limited"
                assert "T00:00:00Z" in problem["detail"]
            assert client.get(f"/api/conversations/{id}/messages").json()["items"] == []
        other = locked.key("hal")
        said(locked, other["secret"])

    def test_of_a_key_are_shown_and_bounded(self, locked: Locked) -> None:
        made = locked.key("ida", usd_per_month=12.5)
        assert made["usd_per_month"] == 12.5
        assert made["tokens_per_day"] is None
        for wrong in ({"tokens_per_day": 0}, {"usd_per_month": -1}, {"usd_per_day": "1"}):
            body = {"name": "x", **wrong}
            answer = httpx2.post(
                f"{locked.base_url}/api/keys", json=body, headers=bearer(locked.admin)
            )
            assert answer.status_code == 422, wrong


def test_of_every_user_are_a_setting(tmp_path: Path) -> None:
    with locked_service(tmp_path, tokens_per_day=20) as locked:
        one, another = locked.key("ann"), locked.key("ann")
        said(locked, one["secret"], "one two three four five six seven eight")
        body = {"prompt": "hello there again", **ECHO}
        refused = httpx2.post(
            f"{locked.base_url}/api/llm/generate", json=body, headers=bearer(another["secret"])
        )
        assert refused.status_code == 429
        assert refused.headers["RateLimit-Limit"] == "20"
        said(locked, locked.key("bob")["secret"])
