"""Values that are refused, how that is said, and that no secret is said with it."""

import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from llmchat.config.layers import VariablesLayer
from llmchat.config.variables import Variables
from llmchat.settings import Settings, SettingsError, known_variables
from tests.unit.workplace import Workplace

SECRET = "sk-hush-1234567890"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "values", "expected"),
        [
            ("LLMCHAT_PORT", ["x", "-1", "65536", "1.5"], "a whole number from 0 to 65535"),
            ("PORT", ["9" * 5000], "a whole number from 0 to 65535"),
            ("LLMCHAT_WORKERS", ["0", "65", "two"], "a whole number from 1 to 64"),
            ("LLM_TEMPERATURE", ["x", "-0.1", "2.1", "nan", "inf"], "a number from 0 to 2"),
            ("LLM_TOP_P", ["-1", "1.1"], "a number from 0 to 1"),
            ("LLM_MAX_TOKENS", ["0", "10000001"], "a whole number from 1 to 10000000"),
            ("LLM_MAX_HISTORY_TOKENS", ["0", "1e99"], "a whole number from 128 to 10000000"),
            ("LLM_MAX_RETRIES", ["0", "11"], "a whole number from 1 to 10"),
            ("LLM_RATE_LIMIT", ["0", "1000001"], "a whole number from 1 to 1000000"),
            ("LLMCHAT_MAX_BODY_BYTES", ["1023", "67108865"],
             "a whole number from 1024 to 67108864"),
            ("LLMCHAT_FIRST_TOKEN_SECONDS", ["0", "86401"], "a number from 0.01 to 86400"),
            ("LLMCHAT_TOKEN_GAP_SECONDS", ["0", "86401"], "a number from 0.01 to 86400"),
            ("LLMCHAT_GENERATION_SECONDS", ["0", "604801"], "a number from 0.01 to 604800"),
            ("LLMCHAT_SHUTDOWN_GRACE_SECONDS", ["-1", "3601"], "a number from 0 to 3600"),
            ("LLMCHAT_LEASE_SECONDS", ["0", "3601"], "a number from 0.1 to 3600"),
            ("LLMCHAT_LOG_RETENTION_SECONDS", ["-1", "31536001"], "a number from 0 to 31536000"),
            ("LLMCHAT_HEARTBEAT_SECONDS", ["0", "301"], "a number from 0.05 to 300"),
            ("LLM_SKIP_THINKING", ["maybe"], "true or false"),
            ("LLMCHAT_ALLOW_OPEN", ["maybe"], "true or false"),
            ("LLMCHAT_DISCOVER", ["maybe"], "true or false"),
            ("LLMCHAT_LOG_FORMAT", ["xml"], "'auto', 'json' or 'text'"),
            ("LLMCHAT_LOG_LEVEL", ["loud"], "'debug', 'info', 'warning', 'error' or 'critical'"),
            ("LLMCHAT_DURABILITY", ["none"], "'process' or 'disk'"),
            ("LLMCHAT_ON_CRASH", ["retry", "MARK"], "'mark', 'continue' or 'restart'"),
            ("LLMCHAT_HOST", ["http://x", "a b"], "a host name or an IP address"),
        ],
    )  # fmt: skip
    def test_values_out_of_bounds(
        self, place: Workplace, name: str, values: list[str], expected: str
    ) -> None:
        for value in values:
            problem = place.problem({name: value})
            assert problem.startswith(f"{name} in the environment: expected {expected}"), value

    def test_every_number_is_bounded(self) -> None:
        properties = Settings.model_json_schema()["properties"]
        schemas = [part for it in properties.values() for part in (it, *it.get("anyOf", ()))]
        numbers = [it for it in schemas if it.get("type") in {"integer", "number"}]
        assert len(numbers) >= 14
        assert all({"minimum", "maximum"} <= it.keys() for it in numbers)

    def test_a_model_name_without_end(self, place: Workplace) -> None:
        assert "at most 256 characters" in place.problem({"LLM_MODEL": "x" * 257})

    @pytest.mark.parametrize(
        "url",
        [
            *("mysql://u:hush@db/x", "hush", "sqlite://hush/x", "sqlite:///x?key=hush"),
            *("sqlite://", "sqlite:///", "sqlite:///:memory:"),
            *("postgresql://u:hush@db", "postgresql://u:hush@db/", "postgresql:///hush x"),
        ],
    )
    def test_a_database_of_another_kind(self, place: Workplace, url: str) -> None:
        problem = place.problem({"DATABASE_URL": url})
        assert problem.startswith(
            "DATABASE_URL in the environment: expected postgresql://user:password@host/database, "
            "or sqlite:///path for one process."
        )
        assert "set LLMCHAT_DATABASE_URL= (empty means unset)" in problem
        assert "hush" not in problem

    @pytest.mark.parametrize(
        "url", ["http://:hush@redis", "hush:6379", "redis://", "redis:// hush"]
    )
    def test_a_redis_of_another_kind(self, place: Workplace, url: str) -> None:
        problem = place.problem({"REDIS_URL": url})
        assert problem.startswith(
            "REDIS_URL in the environment: expected redis://host:6379/0 (rediss:// with TLS)."
        )
        assert "set LLMCHAT_REDIS_URL= (empty means unset)" in problem
        assert "hush" not in problem

    @pytest.mark.parametrize(
        "urls",
        [
            {},
            {"DATABASE_URL": "postgresql://u:hush@db/x"},
            {"REDIS_URL": "redis://:hush@redis"},
            {"DATABASE_URL": "sqlite:///hush", "REDIS_URL": "redis://:hush@redis"},
        ],
    )
    def test_workers_that_share_nothing(self, place: Workplace, urls: dict[str, str]) -> None:
        problem = place.problem({"LLMCHAT_WORKERS": "2", **urls})
        assert problem.startswith("LLMCHAT_WORKERS in the environment: several workers share")
        assert "set DATABASE_URL=postgresql://… and REDIS_URL=redis://…, or use one" in problem
        assert "hush" not in problem

    def test_workers_are_not_blamed_for_a_url_that_is_wrong(self, place: Workplace) -> None:
        urls = {"DATABASE_URL": "mysql://db", "REDIS_URL": "redis://redis"}
        assert place.problem({"LLMCHAT_WORKERS": "2", **urls}).startswith("DATABASE_URL in")

    def test_a_hint_is_given_only_for_names_that_others_use(self, place: Workplace) -> None:
        assert "another program" in place.problem({"PORT": "x"})
        assert "another program" not in place.problem({"LLMCHAT_PORT": "x"})
        secret = place.write("url", "redis:6379")
        assert "another program" in place.problem({"REDIS_URL_FILE": str(secret)})
        assert "another program" not in place.problem({"LLMCHAT_REDIS_URL_FILE": str(secret)})

    def test_a_flag_by_its_own_name(self, place: Workplace) -> None:
        assert place.problem(max_body_bytes=1).startswith("--max-body-bytes: expected a whole")
        assert place.problem(prot=1) == "--prot: no such setting. Did you mean port?"

    def test_everything_at_once(self, place: Workplace) -> None:
        place.write("llmchat.toml", "prot = 1\nlease_seconds = 'x'")
        place.write(".env", "LLMCHAT_PROT=1\nnon sense\nLLM_TEMPERATURE=9\nGROQ_API_KEY_FILE=no")
        problems = place.problems({"PORT": "x", "LLM_TEMPERTURE": "1"}, log_format="xml")
        starts = [
            ".env line 2",
            "LLM_TEMPERTURE in the environment",
            "LLMCHAT_PROT in .env",
            "GROQ_API_KEY_FILE in .env",
            "PORT in the environment",
            "--log-format",
            "LLM_TEMPERATURE in .env",
            "lease_seconds in llmchat.toml",
            "prot in llmchat.toml",
        ]
        assert sorted(problem.split(":")[0] for problem in problems) == sorted(starts)
        with pytest.raises(SettingsError) as caught:
            place.load({"PORT": "x"})
        assert all(f"\n  - {problem}" in str(caught.value) for problem in caught.value.problems)


class TestSecrets:
    @pytest.fixture
    def settings(self, place: Workplace) -> Settings:
        place.write(
            "llmchat.toml",
            f'[providers.x]\nbase_url = "http://x"\napi_key = "{SECRET}"\n'
            f'headers = {{ Authorization = "{SECRET}" }}',
        )
        return place.load({"OPENAI_API_KEY": SECRET, "DATABASE_URL": f"sqlite:///{SECRET}"})

    def test_are_there(self, settings: Settings) -> None:
        providers = settings.resolved_providers()
        assert providers["openai"].api_key == SecretStr(SECRET)
        assert providers["x"].api_key == SecretStr(SECRET)
        assert providers["x"].headers == {"Authorization": SECRET}
        assert settings.database_url == f"sqlite:///{SECRET}"

    def test_are_not_shown(self, settings: Settings) -> None:
        for shown in (settings, settings.resolved_providers()):
            assert SECRET not in repr(shown)
            assert SECRET not in str(shown)

    def test_are_not_in_errors(self, place: Workplace) -> None:
        place.write(
            "llmchat.toml",
            f'[providers.x]\nkind = "{SECRET}"\nbase_url = "http://u:{SECRET}@x"\n'
            f'[providers.y]\nbase_url = "http://x"\napi_key = "a {SECRET}"\nmodels = "{SECRET}"\n'
            f'headers = {{ "a b" = "{SECRET}" }}\n[providers.z]\nbase_urls = ["{SECRET}", "x"]',
        )
        everything = dict.fromkeys(known_variables(), f"\u00e9 {SECRET}")
        del everything["LLMCHAT_CONFIG"]
        with pytest.raises(SettingsError) as caught:
            place.load(everything)
        assert len(caught.value.problems) > 25
        assert SECRET not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_keys_are_not_shown_on_their_way(self, tmp_path: Path) -> None:
        variables = Variables({"OPENAI_API_KEY": SECRET}, tmp_path)
        assert SECRET not in repr(VariablesLayer(variables, {}).values)
        assert SECRET not in repr(variables.find("OPENAI_API_KEY"))

    def test_keys_are_not_in_the_log_of_the_library(
        self,
        place: Workplace,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
        caplog.set_level(logging.DEBUG)
        place.write("llmchat.toml", f'[providers.groq]\napi_key = "{SECRET}"')
        place.load({"OPENAI_API_KEY": SECRET})
        assert "Resolving settings" in caplog.text
        assert SECRET not in caplog.text
