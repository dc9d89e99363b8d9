"""The lines of `.env`, secrets in files, and names that are misspelt."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from llmchat.settings import Settings
from tests.unit.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def key_of(settings: Settings, provider: str) -> str | None:
    key = settings.providers[provider].api_key
    return key.get_secret_value() if key else None


class TestDotenv:
    @pytest.mark.parametrize(
        "line",
        [
            "LLM_MODEL=a/b",
            "export LLM_MODEL=a/b",
            'LLM_MODEL="a/b"',
            "LLM_MODEL='a/b'",
            " LLM_MODEL = a/b   # the best",
            "\ufeffLLM_MODEL=a/b",
            "# LLM_MODEL=c\r\nLLM_MODEL=a/b\r\n",
            "A=a\nLLM_MODEL=${A}/${B}",
            "A=c\nLLM_MODEL=${FROM_OUTSIDE}/${MISSING:-b}",
        ],
    )
    def test_is_read_as_everywhere(self, place: Workplace, line: str) -> None:
        place.write(".env", line)
        settings = place.load({"B": "b", "FROM_OUTSIDE": "a"})
        assert settings.default_model == "a/b"

    def test_a_line_that_is_none_is_named(self, place: Workplace) -> None:
        place.write(".env", "LLM_MODEL=a\n\n# comment\n\n\nLLM_TEMPERATURE 0.5\nLLM_TOP_P=1")
        assert place.problem() == ".env line 6: expected NAME=value."

    def test_a_directory_of_that_name_is_not_meant(self, place: Workplace) -> None:
        (place.path / ".env").mkdir()
        assert place.load() == Settings()

    def test_must_be_utf_8(self, place: Workplace) -> None:
        (place.path / ".env").write_bytes(b"LLM_MODEL=\xff")
        assert "is not UTF-8 text" in place.problem()

    def test_that_cannot_be_read_is_named(self, place: Workplace) -> None:
        (place.path / ".env").symlink_to("/proc/self/mem")
        assert f"cannot read {place.path / '.env'}: " in place.problem()


class TestSecretFiles:
    @pytest.mark.parametrize("text", ["sk-1", "sk-1\n", "\n sk-1 \r\n"])
    def test_hold_a_secret(self, place: Workplace, text: str) -> None:
        path = place.write("run/secrets/openai", text)
        settings = place.load({"OPENAI_API_KEY_FILE": str(path)})
        assert key_of(settings, "openai") == "sk-1"
        assert settings.providers["openai"].source == "OPENAI_API_KEY_FILE"

    def test_are_looked_for_where_the_program_runs(self, place: Workplace) -> None:
        place.write("key", "sk-1")
        place.write(".env", "GROQ_API_KEY_FILE=key")
        place.write("etc/llmchat.toml", '[providers.mistral]\napi_key_file = "key"')
        settings = place.load({"LLMCHAT_CONFIG": "etc/llmchat.toml"})
        assert key_of(settings, "groq") == "sk-1"
        assert key_of(settings, "mistral") == "sk-1"

    def test_are_there_for_every_secret(self, place: Workplace) -> None:
        place.write("key", "sk-1")
        place.write("url", "sqlite:///x.db")
        keys = ["OPENAI", "ANTHROPIC", "GEMINI", "MISTRAL", "DEEPSEEK", "GROQ", "TOGETHER"]
        environ = {f"{name}_API_KEY_FILE": "key" for name in [*keys, "OPENROUTER", "LLM"]}
        environ |= {"AIMLAPI_API_FILE": "key", "LLM_SERVER_URL": "http://x"}
        settings = place.load(environ | {"DATABASE_URL_FILE": "url"})
        assert len(settings.providers) == 10
        assert {it.api_key for it in settings.providers.values()} == {SecretStr("sk-1")}
        assert settings.database_url == "sqlite:///x.db"

    def test_beside_the_secret_itself_are_refused(self, place: Workplace) -> None:
        place.write("key", "sk-1")
        place.write(".env", "OPENAI_API_KEY_FILE=key")
        problem = place.problem({"OPENAI_API_KEY": "sk-2"})
        assert problem == (
            "OPENAI_API_KEY in the environment and OPENAI_API_KEY_FILE in .env: both are set;"
            " unset one of them."
        )
        assert key_of(place.load({"OPENAI_API_KEY": ""}), "openai") == "sk-1"

    def test_beside_the_secret_itself_are_refused_in_toml(self, place: Workplace) -> None:
        place.write("llmchat.toml", '[providers.groq]\napi_key = "sk-1"\napi_key_file = "key"')
        problem = place.problem()
        assert problem.startswith("providers.groq in llmchat.toml: api_key and api_key_file are")

    def test_that_cannot_be_read_are_named(self, place: Workplace) -> None:
        place.write(".env", "GROQ_API_KEY_FILE=no/key")
        place.write("llmchat.toml", '[providers.mistral]\napi_key_file = "no/key"')
        why = f"cannot read {place.path / 'no/key'}: No such file or directory."
        assert place.problems() == [
            f"GROQ_API_KEY_FILE in .env: {why}",
            f"providers.mistral.api_key_file in llmchat.toml: {why}",
        ]

    def test_that_are_no_secret_are_named(self, place: Workplace) -> None:
        place.write("empty", " \n")
        (place.path / "binary").write_bytes(b"\xff")
        for name, why in {"empty": "is empty", "binary": "not UTF-8", ".": "directory"}.items():
            problem = place.problem({"OPENAI_API_KEY_FILE": name})
            assert problem.startswith("OPENAI_API_KEY_FILE in the environment: ")
            assert str(place.path / name) in problem
            assert why in problem

    def test_are_for_secrets_only(self, place: Workplace) -> None:
        assert "Did you mean LLMCHAT_PORT?" in place.problem({"LLMCHAT_PORT_FILE": "x"})


class TestSpelling:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("LLMCHAT_PROT", "LLMCHAT_PORT"),
            ("LLMCHAT_LEASE_SECOND", "LLMCHAT_LEASE_SECONDS"),
            ("LLMCHAT_TEMPERATURE", "LLM_TEMPERATURE"),
            ("LLMCHAT_OPENAI_API_KEY", "LLMCHAT_API_KEY"),
            ("llmchat_port", "LLMCHAT_PORT"),
            ("LLM_TEMPERTURE", "LLM_TEMPERATURE"),
            ("LLM_MAX_TOKEN", "LLM_MAX_TOKENS"),
            ("LLM_MAX_RETRY", "LLM_MAX_RETRIES"),
            ("Llm_Model", "LLM_MODEL"),
            ("LLM_API_KEY_FIL", "LLM_API_KEY_FILE"),
        ],
    )
    def test_the_nearest_name_is_offered(self, place: Workplace, name: str, meant: str) -> None:
        problem = place.problem({name: "1"})
        assert problem.startswith(
            f"{name} in the environment: no such setting. Did you mean {meant}?"
        )
        assert f"env -u {name} llmchat serve" in problem
        place.write(".env", f"{name}=1")
        assert place.problem() == f"{name} in .env: no such setting. Did you mean {meant}?"

    def test_a_name_that_was_cut_short_is_completed(self, place: Workplace) -> None:
        place.write(".env", "LLM_TEMP=1")
        assert "Did you mean LLM_TEMPERATURE?" in place.problem()

    def test_a_name_like_no_other_is_refused_as_well(self, place: Workplace) -> None:
        assert "no such setting. Did you mean" in place.problem({"LLMCHAT_": "1"})
        assert ".env.example" in place.problem({"LLMCHAT_XXXXXXXXXXXXXXXXXXXXXXX": "1"})

    @pytest.mark.parametrize("name", ["LLM_BASE_URL", "LLM_USER_PATH", "LLM_CACHE_DIR", "LLM_TEMP"])
    def test_other_programs_have_llm_names_too(self, place: Workplace, name: str) -> None:
        assert place.load({name: "x"}) == Settings()
        place.write(".env", f"{name}=x")
        assert place.problem().startswith(f"{name} in .env: no such setting.")

    def test_names_of_others_do_not_matter(self, place: Workplace) -> None:
        place.write(".env", "POSTGRES_PASSWORD=x\nTZ=UTC\nOPENAI_ORG_ID=x\nMYLLM_X=x")
        assert place.load({"PATH": "/bin", "LLMCHATTER": "x", "HOSTNAME": "x"}) == Settings()

    def test_a_kubernetes_service_called_llmchat_does_not_matter(self, place: Workplace) -> None:
        links = {
            "LLMCHAT_SERVICE_HOST": "10.0.0.1",
            "LLMCHAT_SERVICE_PORT": "8000",
            "LLMCHAT_SERVICE_PORT_HTTP": "8000",
            "LLMCHAT_PORT": "tcp://10.0.0.1:8000",
            "LLMCHAT_PORT_8000_TCP": "tcp://10.0.0.1:8000",
            "LLMCHAT_PORT_8000_TCP_PROTO": "tcp",
            "LLMCHAT_PORT_8000_TCP_PORT": "8000",
            "LLMCHAT_PORT_8000_TCP_ADDR": "10.0.0.1",
            "LLMCHAT_REDIS_PORT": "tcp://10.0.0.2:6379",
        }
        assert place.load(links) == Settings()
        place.write(".env", "LLMCHAT_PORT=80")
        assert place.load(links).port == 80
