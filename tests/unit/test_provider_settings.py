"""Which providers there are, where they were found, and what their settings may be."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from llmchat.config.provider import (
    KEYS_OF_A_TABLE,
    KINDS,
    AnthropicSettings,
    DemoSettings,
    OllamaSettings,
    OpenAISettings,
)
from llmchat.settings import Settings
from tests.unit.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


DEMO = DemoSettings(source="built in")
LOCAL = OpenAISettings(
    urls=("http://127.0.0.1:8080/v1",),
    prefill=True,
    thinking_switch="chat_template_kwargs",
    source="looked for on localhost:8080",
    optional=True,
)
OLLAMA = OllamaSettings(
    urls=("http://127.0.0.1:11434",),
    prefill=True,
    source="looked for on localhost:11434",
    optional=True,
)


class TestFound:
    def test_nothing_asked_for(self, place: Workplace) -> None:
        settings = place.load()
        assert settings.resolved_providers() == {"local": LOCAL, "ollama": OLLAMA, "demo": DEMO}
        assert settings.providers == {}

    def test_nothing_looked_for(self, place: Workplace) -> None:
        assert place.load({"LLMCHAT_DISCOVER": "0"}).resolved_providers() == {"demo": DEMO}

    def test_demo_comes_last(self, place: Workplace) -> None:
        place.write("llmchat.toml", "[providers.groq]")
        assert list(place.load().resolved_providers()) == ["groq", "local", "ollama", "demo"]

    @pytest.mark.parametrize(
        ("variable", "name", "base_url", "thinking_switch"),
        [
            ("OPENAI_API_KEY", "openai", "https://api.openai.com/v1", "reasoning_effort"),
            (
                "GEMINI_API_KEY",
                "gemini",
                "https://generativelanguage.googleapis.com/v1beta/openai",
                "reasoning_effort",
            ),
            ("MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1", "reasoning_effort"),
            ("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com/v1", "thinking"),
            ("GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1", "reasoning_effort"),
            ("TOGETHER_API_KEY", "together", "https://api.together.xyz/v1", "reasoning"),
            ("OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1", "reasoning"),
            ("XAI_API_KEY", "xai", "https://api.x.ai/v1", "reasoning_effort"),
            ("CEREBRAS_API_KEY", "cerebras", "https://api.cerebras.ai/v1", "reasoning_effort"),
            ("AIMLAPI_API", "aimlapi", "https://api.aimlapi.com/v1", "none"),
            ("AIMLAPI_API_KEY", "aimlapi", "https://api.aimlapi.com/v1", "none"),
        ],
    )
    def test_a_key_switches_a_provider_on(
        self, place: Workplace, variable: str, name: str, base_url: str, thinking_switch: str
    ) -> None:
        expected = {
            "base_url": base_url,
            "api_key": "sk-1",
            "thinking_switch": thinking_switch,
            "source": variable,
        }
        assert place.load({variable: "sk-1"}).providers == {
            name: OpenAISettings.model_validate(expected)
        }

    @pytest.mark.parametrize(
        ("url", "base_url"),
        [
            ("", "https://api.anthropic.com/v1"),
            ("https://proxy.example", "https://proxy.example/v1"),
            ("https://proxy.example/v1/", "https://proxy.example/v1"),
        ],
    )
    def test_anthropic_is_asked_by_its_own_api(
        self, place: Workplace, url: str, base_url: str
    ) -> None:
        found = place.load({"ANTHROPIC_API_KEY": "sk-1", "ANTHROPIC_BASE_URL": url}).providers
        assert found["anthropic"] == AnthropicSettings(
            urls=(base_url,), api_key=SecretStr("sk-1"), source=found["anthropic"].source
        )

    def test_openai_is_where_its_url_says(self, place: Workplace) -> None:
        environ = {"OPENAI_BASE_URL": "http://proxy:4000/"}
        alone = place.load(environ).providers["openai"]
        assert (alone.base_url, alone.api_key) == ("http://proxy:4000", None)
        assert alone.source == "OPENAI_BASE_URL"
        both = place.load(environ | {"OPENAI_API_KEY": "sk-1"}).providers["openai"]
        assert (both.base_url, both.api_key) == ("http://proxy:4000", SecretStr("sk-1"))
        assert both.source == "OPENAI_BASE_URL and OPENAI_API_KEY"

    def test_ollama_is_where_it_is_said_to_be(self, place: Workplace) -> None:
        environ = {"OLLAMA_HOST": "0.0.0.0:11500"}
        found = place.load(environ).resolved_providers()["ollama"]
        assert found == OllamaSettings(urls=("http://127.0.0.1:11500",), source="OLLAMA_HOST")
        environ["OLLAMA_BASE_URL"] = "http://gpu:11434/v1"
        assert place.load(environ).providers["ollama"].base_url == "http://gpu:11434"

    def test_a_server_is_where_it_is_said_to_be(self, place: Workplace) -> None:
        environ = {"LLM_SERVER_URL": "http://gpu:8000", "LLM_API_KEY": "sk-1"}
        assert place.load(environ).resolved_providers()["local"] == OpenAISettings(
            urls=("http://gpu:8000/v1",),
            api_key=SecretStr("sk-1"),
            prefill=True,
            thinking_switch="chat_template_kwargs",
            source="LLM_SERVER_URL and LLM_API_KEY",
        )

    def test_a_server_that_is_only_looked_for_gets_no_key(self, place: Workplace) -> None:
        assert place.load({"LLM_API_KEY": "sk-1"}).resolved_providers()["local"] == LOCAL

    @pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "LLM_SERVER_URL", "OLLAMA_HOST"])
    def test_a_bad_url_is_refused_without_its_credentials(
        self, place: Workplace, name: str
    ) -> None:
        problem = place.problem({name: "http://me:hush@example.com/v1"})
        assert problem.startswith(f"{name} in the environment: expected a URL such as http")
        assert "without user name and password" in problem
        assert "hush" not in problem


class TestTable:
    def test_any_number_of_any_name(self, place: Workplace) -> None:
        place.write(
            "llmchat.toml",
            """
            [providers.fast_1]
            kind = "openai"
            base_url = "https://fast.example.com/v1/"
            api_key = "sk-1"
            headers = { X-Client-ID = "llmchat" }
            models = ["small", "large"]

            [providers.2nd-demo]
            kind = "demo"
            """,
        )
        assert place.load().providers == {
            "fast_1": OpenAISettings(
                urls=("https://fast.example.com/v1",),
                api_key=SecretStr("sk-1"),
                headers={"X-Client-ID": "llmchat"},
                models=("small", "large"),
                source="llmchat.toml",
            ),
            "2nd-demo": DemoSettings(source="llmchat.toml"),
        }

    def test_one_of_several_urls(self, place: Workplace) -> None:
        place.write("llmchat.toml", "[providers.groq]\nbase_urls = ['http://a']")
        assert place.load().providers["groq"].base_url == "http://a"

    def test_adds_to_what_the_environment_says_which_wins(self, place: Workplace) -> None:
        place.write(
            "llmchat.toml",
            "[providers.openai]\napi_key = 'sk-1'\nmodels = ['a']\nbase_url = 'http://a'\n"
            "[providers.groq]\nmodels = ['b']",
        )
        providers = place.load({"OPENAI_API_KEY": "sk-2", "GROQ_API_KEY": "sk-3"}).providers
        assert providers["openai"] == OpenAISettings(
            urls=("http://a",),
            api_key=SecretStr("sk-2"),
            models=("a",),
            thinking_switch="reasoning_effort",
            source="OPENAI_API_KEY",
        )
        assert providers["groq"].base_url == "https://api.groq.com/openai/v1"
        assert providers["groq"].models == ("b",)

    @pytest.mark.parametrize(
        ("table", "prefill"),
        [
            ("[providers.local]", True),
            ("[providers.local]\nbase_urls = ['http://a']", True),
            ("[providers.local]\nprefill = false", False),
            ("[providers.openai]\nbase_url = 'http://a'", False),
            ("[providers.openai]\nbase_url = 'http://a'\nprefill = true", True),
            ("[providers.x]\nbase_url = 'http://a'", False),
            ("[providers.x]\nbase_url = 'http://a'\nprefill = true", True),
        ],
    )
    def test_says_whether_an_answer_can_be_gone_on_with(
        self, place: Workplace, table: str, prefill: bool
    ) -> None:
        place.write("llmchat.toml", table)
        (found,) = place.load().providers.values()
        assert found.prefill is prefill

    def test_replaces_one_that_is_looked_for(self, place: Workplace) -> None:
        place.write("llmchat.toml", "[providers.ollama]\nmodels = ['llama3']")
        found = place.load().resolved_providers()["ollama"]
        assert found.base_url == OLLAMA.base_url
        assert not found.optional
        assert found.source == "llmchat.toml"

    def test_of_an_ollama_has_its_own_keys(self, place: Workplace) -> None:
        place.write(
            "llmchat.toml",
            "[providers.gpu]\nkind = 'ollama'\nbase_url = 'http://gpu:11434/v1/'\n"
            "keep_alive = '1h30m'\ncontext_window = 32768",
        )
        assert place.load().providers["gpu"] == OllamaSettings(
            urls=("http://gpu:11434",),
            keep_alive="1h30m",
            context_window=32768,
            prefill=True,
            source="llmchat.toml",
        )

    @pytest.mark.parametrize(
        ("table", "problem"),
        [
            ("[providers.ollama]\nkeep_alive = 'long'",
             "providers.ollama.keep_alive in llmchat.toml: expected a time such as"),
            ("[providers.anthropic]\nmax_tokens = 0",
             "providers.anthropic.max_tokens in llmchat.toml: expected a number greater than"),
            ("[providers.x]", "providers.x in llmchat.toml: base_url is missing"),
            ("[providers.x]\nkind = 'opnai'\nbase_url = 'http://x'",
             "providers.x.kind in llmchat.toml: there is no such kind of provider; there are"),
            ("[providers.x]\nbase_urls = ['http://a', 'b']",
             "providers.x.base_urls.1 in llmchat.toml: expected a URL such as http"),
            ("[providers.x]\nkind = 'websocket'\nurls = 'https://x'",
             "providers.x.urls.0 in llmchat.toml: expected a URL such as wss://"),
            ("[providers.x]\nkind = 'gguf'", "providers.x.path in llmchat.toml: "),
            ("[providers.x]\nkind = 'gguf'\npath = 'a'\nbase_url = 'http://x'",
             "providers.x.base_url in llmchat.toml: expected at most 0 of them"),
            ("[providers.x]\nkind = 'gguf'\npath = 'a'\nmodels = ['a', 'b']",
             "providers.x.models in llmchat.toml: "),
            ("[providers.groq]\nbase_urls = ['http://a']\nbase_url = 'http://a'",
             "providers.groq in llmchat.toml: base_url and base_urls are both set"),
            ("[providers.x]\nbase_url = 'x'",
             "providers.x.base_url.0 in llmchat.toml: expected a URL such as http"),
            ("[providers.x]\nbase_url = 1",
             "providers.x.base_url.0 in llmchat.toml: expected a valid string"),
            ("[providers.X]\nbase_url = 'http://x'",
             "providers.X in llmchat.toml: expected a provider name"),
            ("[providers.'a/b']\nbase_url = 'http://x'",
             "providers.a/b in llmchat.toml: expected a provider name"),
            ("[providers.-x]\nbase_url = 'http://x'",
             "providers.-x in llmchat.toml: expected a provider name"),
            ("[providers.route]\nbase_url = 'http://x'",
             'providers.route in llmchat.toml: "route" is kept for routes'),
            ("[providers.demo]\nbase_url = 'http://x'",
             'providers in llmchat.toml: "demo" is kept for the demo models'),
            ("[providers.groq]\napi_key = 'two\\nlines'".replace("'", '"'),
             "providers.groq.api_key in llmchat.toml: expected one key of plain characters"),
            ("[providers.groq]\nheaders = { 'X Y' = 'z' }",
             "providers.groq.headers in llmchat.toml: expected header names"),
            ("[providers.groq]\nheaders = { X = 'é' }",
             "providers.groq.headers in llmchat.toml: expected header names"),
            ("[providers.groq]\nheaders = { X = 1 }",
             "providers.groq.headers.X in llmchat.toml: expected a valid string"),
            ("[providers.groq]\nprefill = 'no way'",
             "providers.groq.prefill in llmchat.toml: expected true or false"),
            ("[providers.groq]\nmodels = ['']",
             "providers.groq.models.0 in llmchat.toml: String should have at least 1 character"),
        ],
    )  # fmt: skip
    def test_that_is_wrong_is_refused(self, place: Workplace, table: str, problem: str) -> None:
        place.write("llmchat.toml", table)
        assert place.problem().startswith(problem)

    @pytest.mark.parametrize("key", ["sk-1 sk-2", "sk-1\tx", "sk-é"])
    def test_a_key_from_the_environment_is_checked_too(self, place: Workplace, key: str) -> None:
        problem = place.problem({"OPENAI_API_KEY": key})
        assert problem.startswith("OPENAI_API_KEY in the environment: expected one key")


class TestProviderSettings:
    def test_can_be_given_directly(self) -> None:
        mine = OpenAISettings(urls=("http://127.0.0.1:1/v1",), source="test")
        assert Settings(providers={"openai": mine}).providers == {"openai": mine}

    def test_cannot_be_changed_later(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            LOCAL.optional = False  # type: ignore[misc]

    def test_does_not_show_a_key_that_is_wrong(self) -> None:
        with pytest.raises(ValidationError) as caught:
            OpenAISettings.model_validate({"base_url": "http://x", "api_key": ["sk-1"]})
        assert "sk-1" not in str(caught.value)

    def test_the_keys_of_a_table_are_fields(self) -> None:
        fields = {key for kind in KINDS.values() for key in kind.model_fields}
        assert set(KEYS_OF_A_TABLE) - fields == {"base_url", "base_urls", "url", "api_key_file"}
        assert fields - set(KEYS_OF_A_TABLE) == {"source", "optional"}
