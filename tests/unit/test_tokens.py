"""Tokens: by a model's own vocabulary, or estimated and corrected by what servers report."""

from functools import cache

import pytest
import splintr
from hypothesis import given
from hypothesis import strategies as st

from llmchat.domain import Image, Params, Role
from llmchat.events import ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.estimate import Ratios, estimated_tokens
from llmchat.providers.tokens import TokenCounter
from llmchat.providers.vocabularies import (
    VOCABULARIES,
    Vocabularies,
    installed_vocabularies,
    vocabulary_of,
)
from tests.contract.strategies import bounded

PER_MESSAGE = 4
UNKNOWN = "mine/some-model"
ENGLISH = (
    "The committee met on Thursday to discuss the annual budget of the municipality, which had "
    "grown considerably since the bridge across the river was closed for repairs. "
)
SAMPLES = {
    "English": ENGLISH,
    "code": "    async def live(self, id: str) -> Sequence[str]:\n        return []\n" * 4,
    "German": "Die Versammlung hat gestern beschlossen, die Beiträge nicht zu erhöhen. ",
    "Russian": "Общее собрание вчера решило, что членские взносы не будут повышены. ",
    "Chinese": "大会昨天决定明年不提高会员费,尽管支出大幅增加。今天的天气很好。",
    "Japanese": "総会は昨日、来年の会費を引き上げないことを決定しました。",
    "Korean": "총회는 어제 내년 회비를 인상하지 않기로 결정했습니다.",
    "JSON": '{"id": 17, "name": "bridge", "open": false, "tolls": [1.5, 2.25]}',
}
NAMES = {
    "openai/gpt-4o-mini": "o200k_base",
    "openai/chatgpt-4o-latest": "o200k_base",
    "openai/gpt-4.1": "o200k_base",
    "openai/gpt-5.1": "o200k_base",
    "openai/o3-mini": "o200k_base",
    "openai/ft:gpt-4o-mini:acme::x": "o200k_base",
    "openai/gpt-4": "cl100k_base",
    "openai/gpt-4-turbo-2024-04-09": "cl100k_base",
    "openai/gpt-3.5-turbo": "cl100k_base",
    "azure/gpt-35-turbo": "cl100k_base",
    "groq/openai/gpt-oss-120b": "gpt-oss",
    "groq/llama-3.3-70b-versatile": "llama3",
    "ollama/llama3:8b": "llama3",
    "local/Meta-Llama-3.1-8B-Instruct.Q4_K_M.gguf": "llama3",
    "ollama/llama2": "llama2",
    "ollama/codellama:7b": "codellama",
    "deepseek/deepseek-v3.1": "deepseek_v3",
    "together/deepseek-ai/DeepSeek-R1": "deepseek_v3",
    "groq/deepseek-r1-distill-llama-70b": "llama3",
    "local/DeepSeek-R1-Distill-Qwen-7B": "qwen3",
    "ollama/qwen2.5-coder:7b": "qwen3",
    "ollama/qwen3:30b-a3b": "qwen3",
    "ollama/qwq": "qwen3",
    "ollama/phi4": "phi4",
    "ollama/gemma3:4b": "gemma3",
    "mistral/open-mistral-nemo": "mistral_v3",
    "local/mixtral-8x7b-instruct": "mistral_v1",
}
ESTIMATED = [
    *("anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro", "mistral/mistral-large-latest"),
    *("ollama/llama4", "ollama/qwen3.5", "ollama/phi4-mini", "ollama/deepseek-r1:7b", "demo/echo"),
    *("ollama/gemma:2b", "ollama/marco-o1", "o3/mine", "llama3/mine", "gpt-4o", ""),
]


loaded = cache(installed_vocabularies)


def exact() -> TokenCounter:
    assert loaded() is not None
    return TokenCounter(loaded())


def user(content: str) -> PromptMessage:
    return PromptMessage(Role.USER, content)


def tokens_of(counter: TokenCounter, text: str, model: str = UNKNOWN) -> int:
    return counter.count(model, [user(text)]).tokens


class TestVocabularies:
    @pytest.mark.parametrize(("model", "vocabulary"), NAMES.items())
    def test_a_model_is_known_by_its_name(self, model: str, vocabulary: str) -> None:
        assert vocabulary_of(model) == vocabulary

    @pytest.mark.parametrize("model", ESTIMATED)
    def test_what_is_not_known_for_certain_is_estimated(self, model: str) -> None:
        assert vocabulary_of(model) is None
        assert not exact().count(model, [user("hello")]).exact

    @pytest.mark.parametrize("name", sorted({name for _, name in VOCABULARIES}))
    def test_each_is_in_the_package(self, name: str) -> None:
        assert splintr.Tokenizer.from_pretrained(name).encode_ordinary("hello")

    @pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/gpt-4", "x/llama-3", "x/qwen3"])
    def test_they_count_as_the_package_does(self, model: str) -> None:
        tokenizer = splintr.Tokenizer.from_pretrained(vocabulary_of(model) or "")
        counter = exact()
        for text in (ENGLISH, "def f(x):\n    return x + 1\n", "漢字かな混じり文", "😀" * 9, ""):
            counted = counter.count(model, [user(text), user(text)])
            each = len(tokenizer.encode_ordinary(text))
            assert (counted.tokens, counted.exact) == (2 * (each + PER_MESSAGE), True)
            assert counter.count_text(model, text) == each

    def test_a_control_token_in_a_text_is_text(self) -> None:
        counter = exact()
        assert counter.count_text("openai/gpt-4o", "<|endoftext|>") > 1

    def test_each_is_loaded_once_and_only_when_needed(self) -> None:
        asked: list[str] = []

        class Package:
            class Tokenizer:
                @staticmethod
                def from_pretrained(name: str) -> object:
                    asked.append(name)
                    return splintr.Tokenizer.from_pretrained(name)

        counter = TokenCounter(Vocabularies(Package))
        tokens_of(counter, "hello")
        assert asked == []
        for model in ("openai/gpt-4o", "openai/gpt-5", "openai/gpt-4o"):
            tokens_of(counter, "hello", model)
        assert asked == ["o200k_base"]

    def test_the_ends_of_a_very_long_text_stand_for_it(self) -> None:
        counter, text = exact(), ENGLISH * 2000
        counted = counter.count("openai/gpt-4o", [user(text)])
        whole = len(splintr.Tokenizer.from_pretrained("o200k_base").encode_ordinary(text))
        assert not counted.exact
        assert counted.tokens == pytest.approx(whole, rel=0.01)

    @bounded
    @given(st.text(st.characters(exclude_categories=())))
    def test_they_take_any_text(self, text: str) -> None:
        assert exact().count_text("openai/gpt-4o", text) >= 0
        assert TokenCounter(None).count_text(UNKNOWN, text) >= 0


class TestEstimate:
    @pytest.mark.parametrize("language", SAMPLES)
    def test_is_near_what_models_count(self, language: str) -> None:
        text = SAMPLES[language] * 5
        names = ("cl100k_base", "o200k_base", "llama3", "qwen3", "deepseek_v3", "mistral_v1")
        counts = [
            len(splintr.Tokenizer.from_pretrained(name).encode_ordinary(text)) for name in names
        ]
        assert min(counts) * 0.8 <= estimated_tokens(text) <= max(counts) * 1.25

    def test_is_made_without_the_package_as_well(self) -> None:
        counter = TokenCounter(None)
        counted = counter.count("openai/gpt-4o", [user(ENGLISH)])
        assert not counted.exact
        assert counted.tokens == pytest.approx(
            exact().count("openai/gpt-4o", [user(ENGLISH)]).tokens, rel=0.35
        )

    @bounded
    @given(st.lists(st.text()), st.lists(st.text()))
    def test_adds_up(self, some: list[str], others: list[str]) -> None:
        for counter, model in ((TokenCounter(None), UNKNOWN), (exact(), "openai/gpt-4o")):
            one, other = list(map(user, some)), list(map(user, others))
            both = counter.count(model, [*one, *other]).tokens
            apart = counter.count(model, one).tokens + counter.count(model, other).tokens
            assert apart - 1 <= both <= apart


@pytest.mark.parametrize("model", [UNKNOWN, "openai/gpt-4o"])
class TestAllThatIsSent:
    def test_images_count_flat_and_are_no_text(self, model: str) -> None:
        image = Image("data:image/png;base64," + "A" * 100_000)
        message = PromptMessage(Role.USER, "look", parts=["look", image, image])
        counted = exact().count(model, [message])
        assert counted.tokens == exact().count(model, [user("look")]).tokens + 2000
        assert not counted.exact

    def test_calls_of_tools_count(self, model: str) -> None:
        call = ToolCall(0, "call_1", "weather", '{"city": "Zürich"}' * 50)
        message = PromptMessage(Role.ASSISTANT, "", tool_calls=[call])
        result = PromptMessage(Role.TOOL, "rain", tool_call_id="call_1")
        counted = exact().count(model, [message, result])
        assert counted.tokens > exact().count_text(model, call.arguments) > 100
        assert not counted.exact

    def test_schemas_count(self, model: str) -> None:
        schema = {"type": "object", "properties": {f"field_{n}": {} for n in range(50)}}
        plain = exact().count(model, [user("x")], Params()).tokens
        for params in (Params(tools=[schema]), Params(response_format=schema)):
            counted = exact().count(model, [user("x")], params)
            assert counted.tokens > plain + 100
            assert not counted.exact


class TestLearning:
    @bounded
    @given(st.floats(0.3, 3.9))
    def test_converges_on_what_the_server_counts(self, ratio: float) -> None:
        counter = TokenCounter(None)
        prompt = Prompt("some-model", [user(ENGLISH * 100)])
        reported = round(tokens_of(counter, ENGLISH * 100) * ratio)
        for _ in range(40):
            counter.learn(UNKNOWN, prompt, reported)
        assert tokens_of(counter, ENGLISH * 100) == pytest.approx(reported, rel=0.05)
        assert tokens_of(counter, ENGLISH * 100, "mine/other") == tokens_of(
            TokenCounter(None), ENGLISH * 100
        )

    def test_follows_a_change(self) -> None:
        ratios = Ratios()
        for factor in (3, 1):
            for _ in range(60):
                ratios.learn(UNKNOWN, 5000, 5000 * factor)
            assert ratios.of(UNKNOWN) == pytest.approx(factor, rel=0.05)

    def test_greetings_teach_little(self) -> None:
        """A server's own few tokens around each prompt say nothing about long ones."""
        ratios = Ratios()
        for _ in range(1000):
            ratios.learn(UNKNOWN, 5, 40)
        assert ratios.of(UNKNOWN) < 1.7

    @pytest.mark.parametrize(("reported", "ratio"), [(10**12, 4), (1, 0.25)])
    def test_nonsense_is_bounded(self, reported: int, ratio: float) -> None:
        ratios = Ratios()
        for _ in range(100):
            ratios.learn(UNKNOWN, 50_000, reported)
        assert ratios.of(UNKNOWN) == ratio

    @pytest.mark.parametrize(
        "prompt",
        [
            Prompt("gpt-4o", [user(ENGLISH)]),
            Prompt("x", [PromptMessage(Role.USER, "x", parts=[Image("data:,")])]),
        ],
    )
    def test_neither_vocabularies_nor_images_teach(self, prompt: Prompt) -> None:
        counter, model = exact(), f"openai/{prompt.model}"
        before = tokens_of(counter, ENGLISH, model)
        counter.learn(model, prompt, 100_000)
        assert tokens_of(counter, ENGLISH, model) == before

    def test_a_report_of_nothing_teaches_nothing(self) -> None:
        counter = TokenCounter(None)
        counter.learn(UNKNOWN, Prompt("some-model", [user(ENGLISH * 100)]), 0)
        assert tokens_of(counter, ENGLISH) == tokens_of(TokenCounter(None), ENGLISH)

    def test_so_many_models_are_remembered(self) -> None:
        ratios = Ratios()
        for number in range(1000):
            ratios.learn("the one that is used", 5000, 10_000)
            ratios.learn(f"model {number}", 5000, 10_000)
        assert len(ratios) == 256
        assert ratios.of("the one that is used") > 1.5
        assert ratios.of("model 0") == 1
