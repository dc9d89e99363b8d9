"""The custom WebSocket model in the settings: its variables, its table, its dialect."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import SecretStr

from llmchat.config.dialect import DialectSettings
from llmchat.config.provider import OpenAISettings, WebSocketSettings
from llmchat.providers.websocket_dialect import Dialect
from llmchat.settings import Settings
from tests.unit.workplace import Workplace

URL = "wss://llm.example.com/chat"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


class TestVariables:
    def test_make_the_provider_websocket(self, place: Workplace) -> None:
        environ = {
            "LLM_WEBSOCKET_URL": f" {URL}?a=b ",
            "LLM_API_KEY": "sk-1",
            "LLM_MODEL_NAME": "mine-7b",
        }
        assert place.load(environ).providers == {
            "websocket": WebSocketSettings(
                kind="websocket",
                urls=(f"{URL}?a=b",),
                api_key=SecretStr("sk-1"),
                models=("mine-7b",),
                source="LLM_WEBSOCKET_URL and LLM_API_KEY and LLM_MODEL_NAME",
            )
        }

    def test_the_address_alone_is_enough(self, place: Workplace) -> None:
        found = place.load({"LLM_WEBSOCKET_URL": URL}).providers["websocket"]
        assert (found.urls, found.api_key, found.models) == ((URL,), None, ())
        assert found.source == "LLM_WEBSOCKET_URL"

    @pytest.mark.parametrize("name", ["LLM_WEBSOCKET_URL", "LLM_WEBSOCKET_URLS"])
    def test_several_addresses_have_commas_between_them(self, place: Workplace, name: str) -> None:
        found = place.load({name: "ws://a/x, ws://b/x,wss://c"}).providers["websocket"]
        assert found.urls == ("ws://a/x", "ws://b/x", "wss://c")

    def test_the_first_name_wins(self, place: Workplace) -> None:
        environ = {"LLM_WEBSOCKET_URL": "ws://a", "LLM_WEBSOCKET_URLS": "ws://b,ws://c"}
        assert place.load(environ).providers["websocket"].urls == ("ws://a",)

    @pytest.mark.parametrize("name", ["LLM_API_KEY", "LLM_MODEL_NAME"])
    def test_without_an_address_there_is_no_such_provider(
        self, place: Workplace, name: str
    ) -> None:
        assert place.load({name: "x"}) == Settings()

    def test_one_key_is_for_both_servers_that_have_an_address(self, place: Workplace) -> None:
        environ = {"LLM_WEBSOCKET_URL": URL, "LLM_API_KEY": "sk-1"}
        assert place.load(environ).resolved_providers()["local"].api_key is None
        both = place.load(environ | {"LLM_SERVER_URL": "http://gpu"}).providers
        assert isinstance(both["local"], OpenAISettings)
        assert {name: found.secret for name, found in both.items()} == {
            "local": "sk-1",
            "websocket": "sk-1",
        }

    def test_the_key_may_be_in_a_file(self, place: Workplace) -> None:
        place.write("key", "sk-1\n")
        environ = {"LLM_WEBSOCKET_URL": URL, "LLM_API_KEY_FILE": "key"}
        assert place.load(environ).providers["websocket"].secret == "sk-1"

    @pytest.mark.parametrize(
        "value",
        ["https://a", "a", "ws://", "ws://a,", "ws://a,http://b", "ws://me:hush@a", "ws://a b"],
    )
    @pytest.mark.parametrize("name", ["LLM_WEBSOCKET_URL", "LLM_WEBSOCKET_URLS"])
    def test_a_bad_address_is_refused(self, place: Workplace, name: str, value: str) -> None:
        problem = place.problem({name: value})
        assert problem.startswith(f"{name} in the environment: expected a URL such as wss://")
        assert "hush" not in problem

    def test_a_bad_name_of_a_model_is_refused(self, place: Workplace) -> None:
        problem = place.problem({"LLM_WEBSOCKET_URL": URL, "LLM_MODEL_NAME": "x" * 300})
        assert problem.startswith("LLM_MODEL_NAME in the environment: ")

    @pytest.mark.parametrize("name", ["LLM_WEBSOCKETS_URL", "LLM_WEBSOCKET_ULR", "LLM_MODEL_NAMES"])
    def test_a_misspelt_name_is_refused(self, place: Workplace, name: str) -> None:
        assert "no such setting. Did you mean LLM_" in place.problem({name: "x"})

    def test_a_table_of_that_name_adds_to_them(self, place: Workplace) -> None:
        place.write("llmchat.toml", "[providers.websocket]\nanswer_field = 1")
        assert "answer_field" in place.problem({"LLM_WEBSOCKET_URL": URL})
        place.write("llmchat.toml", "[providers.websocket]\nresponse_field = 'answer'")
        found = place.load({"LLM_WEBSOCKET_URL": URL}).providers["websocket"]
        assert isinstance(found, WebSocketSettings)
        assert (found.urls, found.response_field) == ((URL,), "answer")

    def test_a_table_without_an_address_says_what_is_missing(self, place: Workplace) -> None:
        place.write("llmchat.toml", "[providers.websocket]")
        assert "base_url is missing, such as wss://llm.example.com/chat" in place.problem()


class TestDialect:
    def test_every_field_of_it_is_a_setting_with_the_same_default(self) -> None:
        assert Dialect(**DialectSettings().dialect()) == Dialect()
        assert {f"{field.name}_field" for field in fields(Dialect)} == set(
            DialectSettings.model_fields
        )

    def test_names_may_be_nested_numbered_or_left_out(self, place: Workplace) -> None:
        place.write(
            "llmchat.toml",
            f"""
            [providers.mine]
            kind = "websocket"
            urls = ["{URL}"]
            headers = {{ X-API-Version = "v1" }}
            response_field = "choices.0.text"
            tokens_field = "usage.total"
            messages_field = false
            timestamp_field = false
            metadata = {{ tenant = "a", deep = {{ er = 1 }} }}
            """,
        )
        found = place.load().providers["mine"]
        assert isinstance(found, WebSocketSettings)
        assert found.dialect() == DialectSettings().dialect() | {
            "response": "choices.0.text",
            "tokens": "usage.total",
            "messages": "",
            "timestamp": "",
        }
        assert found.metadata == {"tenant": "a", "deep": {"er": 1}}

    @pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "a b", " "])
    def test_what_is_no_path_is_refused(self, place: Workplace, path: str) -> None:
        place.write("llmchat.toml", table(delta_field=path))
        assert place.problem().startswith("providers.mine.delta_field in llmchat.toml: ")

    @pytest.mark.parametrize(
        ("names", "says"),
        [
            ({"message_field": "messages"}, 'message_field and messages_field are both "messages"'),
            ({"seed_field": "stop"}, 'stop_field and seed_field are both "settings.stop"'),
            (
                {"settings_field": False, "model_field": "max_tokens"},
                'model_field and max_tokens_field are both "max_tokens"',
            ),
        ],
    )
    def test_two_in_one_place_are_refused(
        self, place: Workplace, names: dict[str, str | bool], says: str
    ) -> None:
        place.write("llmchat.toml", table(**names))
        problem = place.problem()
        assert f"{says}; set one of them to false, and it is not sent" in problem

    def test_any_number_may_be_left_out(self, place: Workplace) -> None:
        place.write("llmchat.toml", table(message_field=False, model_field=False, seed_field=False))
        assert "mine" in place.load().providers


def table(**names: str | bool) -> str:
    lines = [f"{name} = {json.dumps(path)}" for name, path in names.items()]
    return "\n".join(["[providers.mine]", "kind = 'websocket'", "url = 'ws://a'", *lines])
