"""Which value of a setting wins, and what is said about a TOML file that is wrong."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from llmchat.settings import Settings, known_variables, load_settings
from tests.unit.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


MQTT = {
    "mqtt_url": None,
    "mqtt_prefix": "llmchat",
    "mqtt_version": "5",
    "mqtt_group": "llmchat",
    "mqtt_client_id": None,
    "mqtt_ca_file": None,
    "mqtt_session_seconds": 86_400,
    "mqtt_key_id": None,
    "mqtt": {"allow": ()},
}
SHARED_AND_SPENT: dict[str, object] = {
    "database_url": None,
    "redis_url": None,
    "tokens_per_day": None,
    "tokens_per_month": None,
    "usd_per_day": None,
    "usd_per_month": None,
    "prices": {},
    "webhook_private_addresses": False,
    "webhook_secret": None,
    "webhook_events": ("generation.finished", "generation.failed", "budget.reached"),
    "webhook_url": None,
    "webhooks": {},
    "metrics": "admin",
    "metrics_token": None,
}


class TestDefaults:
    def test_are_those_of_the_documentation(self, place: Workplace) -> None:
        assert place.load().model_dump() == {
            "host": "127.0.0.1",
            "port": 8000,
            "data_dir": Path("data"),
            "max_body_bytes": 1048576,
            "shutdown_grace_seconds": 25,
            "heartbeat_seconds": 10,
            "auth": "auto",
            "secret_key": None,
            "oidc_audience": None,
            "oidc_issuer": None,
            "oidc_user_claim": "sub",
            "oidc_scope_claim": "scope",
            "cors_origins": None,
            "trusted_proxies": None,
            "allowed_hosts": None,
            "allow_open": False,
            "log_level": "info",
            "log_format": "auto",
            "discover": True,
            "providers": {},
            "routes": {},
            "default_model": None,
            "temperature": None,
            "top_p": None,
            "max_tokens": None,
            "skip_thinking": None,
            "max_history_tokens": None,
            "titles": "off",
            "max_attempts": 3,
            "cache_seconds": None,
            "requests_per_minute": None,
            "wrong_keys_per_minute": 30,
            "max_live_generations": None,
            "max_streams_per_caller": None,
            "max_streams": 10_000,
            "body_seconds": 30,
            "limits_without_redis": "allow",
            "first_token_seconds": 120,
            "token_gap_seconds": 60,
            "generation_seconds": 1800,
            "lease_seconds": 10,
            "log_retention_seconds": 86400,
            "durability": "process",
            "on_crash": "mark",
            "workers": 1,
            **SHARED_AND_SPENT,
            **MQTT,
        }

    def test_hold_for_settings_made_directly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "1")
        monkeypatch.setenv("port", "1")
        assert Settings().port == 8000
        assert Settings(port=0).port == 0

    def test_cannot_be_changed_later(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Settings().port = 1  # type: ignore[misc]


class TestPrecedence:
    def test_flags_environment_dotenv_toml_default(self, place: Workplace) -> None:
        place.write("llmchat.toml", "port = 1\nlease_seconds = 1\ntemperature = 0.1\ntop_p = 0.1")
        place.write(".env", "LLMCHAT_PORT=2\nLLMCHAT_LEASE_SECONDS=2\nLLM_TEMPERATURE=0.2")
        settings = place.load({"LLMCHAT_PORT": "3", "LLMCHAT_LEASE_SECONDS": "3"}, port=4)
        assert settings.port == 4
        assert settings.lease_seconds == 3
        assert settings.temperature == 0.2
        assert settings.top_p == 0.1
        assert settings.max_attempts == 3

    def test_a_flag_that_was_not_given_does_not_count(self, place: Workplace) -> None:
        assert place.load({"PORT": "3"}, port=None, host=None).port == 3

    def test_a_value_that_loses_need_not_be_right(self, place: Workplace) -> None:
        place.write("llmchat.toml", "port = 'x'")
        assert place.load({"PORT": "3"}).port == 3

    @pytest.mark.parametrize(
        ("ours", "shared", "value", "other", "field"),
        [
            ("LLMCHAT_HOST", "HOST", "::1", "::2", "host"),
            ("LLMCHAT_PORT", "PORT", "1", "2", "port"),
            ("LLMCHAT_LOG_LEVEL", "LOG_LEVEL", "debug", "error", "log_level"),
            ("LLMCHAT_DATABASE_URL", "DATABASE_URL", "sqlite:///a", "sqlite:///b", "database_url"),
            ("LLMCHAT_GENERATION_SECONDS", "LLM_TIMEOUT", "1", "2", "generation_seconds"),
        ],
    )
    def test_our_name_wins_over_the_one_that_all_use(
        self, place: Workplace, ours: str, shared: str, value: str, other: str, field: str
    ) -> None:
        alone = place.load({shared: other})
        both = place.load({shared: other, ours: value})
        assert str(getattr(alone, field)).removesuffix(".0") == other
        assert str(getattr(both, field)).removesuffix(".0") == value

    def test_our_name_wins_from_dotenv_too(self, place: Workplace) -> None:
        place.write(".env", "LLMCHAT_HOST=0.0.0.0")
        assert place.load({"HOST": "workstation"}).host == "0.0.0.0"

    @pytest.mark.parametrize(
        ("name", "value", "field", "expected"),
        [
            ("LLM_MODEL", "ollama/llama3", "default_model", "ollama/llama3"),
            ("LLM_TEMPERATURE", "0.5", "temperature", 0.5),
            ("LLM_TOP_P", "0.9", "top_p", 0.9),
            ("LLM_MAX_TOKENS", "100", "max_tokens", 100),
            ("LLM_SKIP_THINKING", "yes", "skip_thinking", True),
            ("LLM_MAX_HISTORY_TOKENS", "4096", "max_history_tokens", 4096),
            ("LLMCHAT_TITLES", "groq/x", "titles", "groq/x"),
            ("LLM_MAX_RETRIES", "1", "max_attempts", 1),
            ("LLM_RATE_LIMIT", "60", "requests_per_minute", 60),
            ("LLMCHAT_DATA_DIR", "/var/lib/llmchat", "data_dir", Path("/var/lib/llmchat")),
            ("LLMCHAT_LOG_FORMAT", "json", "log_format", "json"),
            ("LLMCHAT_FIRST_TOKEN_SECONDS", "0.5", "first_token_seconds", 0.5),
            ("LLMCHAT_TOKEN_GAP_SECONDS", "1", "token_gap_seconds", 1),
            ("LLMCHAT_SHUTDOWN_GRACE_SECONDS", "0", "shutdown_grace_seconds", 0),
            ("LLMCHAT_LEASE_SECONDS", "1", "lease_seconds", 1),
            ("LLMCHAT_HEARTBEAT_SECONDS", "1", "heartbeat_seconds", 1),
            ("LLMCHAT_ALLOW_OPEN", "true", "allow_open", True),
            ("LLMCHAT_LOG_RETENTION_SECONDS", "0", "log_retention_seconds", 0),
            ("LLMCHAT_DURABILITY", "disk", "durability", "disk"),
            ("LLMCHAT_ON_CRASH", "mark", "on_crash", "mark"),
            ("LLMCHAT_MAX_BODY_BYTES", "2048", "max_body_bytes", 2048),
            ("LLMCHAT_DISCOVER", "false", "discover", False),
            ("LOG_LEVEL", "WARN", "log_level", "warning"),
            ("LOG_LEVEL", "Info", "log_level", "info"),
            ("PORT", " 80 ", "port", 80),
        ],
    )
    def test_a_name_sets_its_field(
        self, place: Workplace, name: str, value: str, field: str, expected: object
    ) -> None:
        assert getattr(place.load({name: value}), field) == expected

    def test_a_home_directory_is_found_without_a_shell(self, place: Workplace) -> None:
        data_dir = place.load({"LLMCHAT_DATA_DIR": "~/llmchat"}).data_dir
        assert data_dir == Path.home() / "llmchat"


class TestEmpty:
    def test_means_unset_for_every_name(self, place: Workplace) -> None:
        empty = dict.fromkeys(known_variables(), "")
        files = {f"{name}_FILE": " " for name, secret in known_variables().items() if secret}
        assert place.load(empty | files) == place.load()

    def test_turns_off_what_another_program_needs(self, place: Workplace) -> None:
        theirs = {"DATABASE_URL": "postgres://them", "REDIS_URL": "redis://them", "PORT": "x"}
        place.write(".env", "LLMCHAT_DATABASE_URL=\nLLMCHAT_REDIS_URL=")
        assert place.load(theirs | {"LLMCHAT_PORT": ""}) == place.load()

    def test_in_the_environment_turns_off_a_line_of_dotenv(self, place: Workplace) -> None:
        place.write(".env", "LLM_MODEL=demo/echo")
        assert place.load({"LLM_MODEL": ""}).default_model is None

    def test_in_toml_means_unset(self, place: Workplace) -> None:
        place.write("llmchat.toml", 'default_model = ""\n[providers.groq]\nbase_url = ""')
        settings = place.load()
        assert settings.default_model is None
        assert settings.providers["groq"].base_url == "https://api.groq.com/openai/v1"


class TestConfigFile:
    def test_need_not_be_there(self, place: Workplace) -> None:
        assert place.load() == Settings()

    def test_is_named_by_a_variable_or_a_flag(self, place: Workplace) -> None:
        named = place.write("etc/named.toml", "port = 1")
        flag = place.write("etc/flag.toml", "port = 2")
        place.write("llmchat.toml", "port = 3")
        environ = {"LLMCHAT_CONFIG": "etc/named.toml"}
        assert place.load().port == 3
        assert place.load(environ).port == 1
        assert place.load({"LLMCHAT_CONFIG": str(named)}).port == 1
        assert place.load(environ, config=flag).port == 2
        place.write(".env", "LLMCHAT_CONFIG=etc/flag.toml")
        assert place.load().port == 2

    def test_that_was_asked_for_must_be_there(self, place: Workplace) -> None:
        by_name = place.problem({"LLMCHAT_CONFIG": "nowhere.toml"})
        assert str(place.path / "nowhere.toml") in by_name
        assert "LLMCHAT_CONFIG in the environment" in by_name
        assert "--config" in place.problem(config=Path("nowhere.toml"))

    def test_must_be_toml(self, place: Workplace) -> None:
        path = place.write("llmchat.toml", "port = \n")
        problem = place.problem()
        assert str(path) in problem
        assert "line 1" in problem

    def test_must_be_text(self, place: Workplace) -> None:
        (place.path / "llmchat.toml").write_bytes(b"port = 1 # \xff")
        assert "llmchat.toml: not a TOML file" in place.problem()

    def test_may_begin_with_a_byte_order_mark(self, place: Workplace) -> None:
        place.write("llmchat.toml", "\ufeffport = 1")
        assert place.load().port == 1

    def test_is_case_sensitive(self, place: Workplace) -> None:
        place.write("llmchat.toml", "PORT = 1")
        assert place.problem().startswith(
            "PORT in llmchat.toml: no such setting. Did you mean port?"
        )

    @pytest.mark.parametrize(
        ("toml", "problem"),
        [
            ("prot = 1", "prot in llmchat.toml: no such setting. Did you mean port?"),
            ("LLM_TEMPERATURE = 1",
             "LLM_TEMPERATURE in llmchat.toml: no such setting. Did you mean temperature?"),
            ("[bounds]\nport = 1",
             "bounds in llmchat.toml: no such setting. .env.example explains every name."),
            ("[providers.x]\nbase_ulr = 'http://x'\nbase_url = 'http://x'",
             "providers.x.base_ulr in llmchat.toml: no such setting. Did you mean base_url?"),
            ("[providers.x]\nbase_url = 'http://x'\napi_keyfil = 'x'",
             "providers.x.api_keyfil in llmchat.toml: no such setting. Did you mean api_key_file?"),
            ("[providers.x]\nbase_url = 'http://x'\noptional = true",
             "providers.x.optional in llmchat.toml: no such setting; take it out."),
            ("[providers.x]\nbase_url = 'http://x'\nsource = 'me'",
             "providers.x.source in llmchat.toml: no such setting; take it out."),
            ("port = 'x'",
             "port in llmchat.toml: expected a whole number from 0 to 65535 (default: 8000)."),
            ("providers = 1", "providers in llmchat.toml: expected a table."),
            ("[providers]\nx = 1", "providers.x in llmchat.toml: expected a table."),
        ],
    )  # fmt: skip
    def test_names_the_key_that_is_wrong(self, place: Workplace, toml: str, problem: str) -> None:
        place.write("llmchat.toml", toml)
        assert place.problem() == problem


def test_the_process_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMCHAT_PORT", "1234")
    (tmp_path / ".env").write_text("LLM_MODEL=demo/echo")
    settings = load_settings()
    assert (settings.port, settings.default_model) == (1234, "demo/echo")


def test_every_field_has_a_sentence() -> None:
    fields = Settings.model_fields
    assert [
        name for name, field in fields.items() if not (field.description or "").endswith(".")
    ] == []
    assert get_args(fields["on_crash"].annotation) == ("mark", "continue", "restart")
