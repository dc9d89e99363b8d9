"""What a model gets to see: whole turns, the newest, within the budget."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.chat.context import Prompts, build_prompt, estimate_tokens
from llmchat.domain import Message, OnBusy, Params, PromptMessage, Role, Status
from llmchat.errors import Invalid, NotFound
from llmchat.ids import ConversationId, MessageId
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.store.base import ConversationDraft
from tests.contract.clocks import SetTime
from tests.contract.stores import ME, Stores, sqlite_stores
from tests.contract.strategies import bounded

SYSTEM = "Be brief."
branches = st.lists(
    st.tuples(st.sampled_from((Role.USER, Role.ASSISTANT)), st.text(max_size=40)), min_size=1
)


def said(branch: Sequence[tuple[Role, str]]) -> list[Message]:
    return [message(role, content) for role, content in branch]


def message(role: Role, content: str) -> Message:
    return Message(
        id=MessageId("msg_1"),
        conversation_id=ConversationId("conv_1"),
        parent_id=None,
        role=role,
        content=content,
        reasoning="never shown",
        status=Status.COMPLETE,
        model=None,
        generation_id=None,
        usage=None,
        error=None,
        siblings=(),
        created_at=SetTime().now(),
    )


def talk(count: int) -> list[Message]:
    """Questions and answers of about ten tokens each, and one more question."""
    turns = [(role, f"{n:036}") for n in range(count) for role in (Role.USER, Role.ASSISTANT)]
    return said([*turns, (Role.USER, "the question")])


def shown(branch: Sequence[Message], budget_tokens: int, system: str | None = None) -> list[str]:
    prompt = build_prompt("echo", system, branch, Params(), budget_tokens=budget_tokens)
    return [each.content for each in prompt.messages]


class TestBudget:
    def test_everything_is_shown_while_it_fits(self) -> None:
        branch = talk(3)
        assert shown(branch, 8192, SYSTEM) == [SYSTEM, *(each.content for each in branch)]

    def test_the_oldest_turns_go_first_and_whole(self) -> None:
        branch = talk(5)
        lengths = [len(shown(branch, budget)) for budget in range(200)]
        assert lengths == sorted(lengths)
        assert set(lengths) == {1, 3, 5, 7, 9, 11}
        for budget, length in enumerate(lengths):
            assert shown(branch, budget) == [each.content for each in branch[-length:]]

    def test_system_prompt_and_question_always_stay(self) -> None:
        assert shown(talk(5), 0, SYSTEM) == [SYSTEM, "the question"]
        assert shown(said([(Role.USER, "x" * 100_000)]), 10) == ["x" * 100_000]

    def test_the_system_prompt_counts(self) -> None:
        with_system = shown(talk(5), 60, "s" * 120)
        assert len(with_system) - 1 < len(shown(talk(5), 60))

    @bounded
    @given(branches, st.integers(0, 200), st.none() | st.text(min_size=1, max_size=40))
    def test_what_is_shown_is_the_end_of_what_was_said(
        self, branch: list[tuple[Role, str]], budget: int, system: str | None
    ) -> None:
        prompt = build_prompt("echo", system, said(branch), Params(), budget_tokens=budget)
        kept = [(each.role, each.content) for each in prompt.messages]
        if system is not None:
            assert kept.pop(0) == (Role.SYSTEM, system)
        heard = [(role, content) for role, content in branch if content]
        assert kept == heard[len(heard) - len(kept) :]
        turns = [place for place, (role, _) in enumerate(kept) if role is Role.USER]
        if len(kept) < len(heard):
            assert turns[:1] == [0], "what is cut is cut at a question"
        if len(turns) > 1:
            assert sum(estimate_tokens(each) for each in prompt.messages) <= budget


class TestWhatIsSaid:
    def test_an_answer_that_has_no_text_is_not_shown(self) -> None:
        branch = said([(Role.USER, "a"), (Role.ASSISTANT, ""), (Role.USER, "b")])
        assert shown(branch, 100) == ["a", "b"]

    def test_no_system_prompt_is_no_message(self) -> None:
        assert shown(said([(Role.USER, "a")]), 100, "") == ["a"]

    def test_reasoning_is_nobodys_business(self) -> None:
        prompt = build_prompt("echo", None, talk(1), Params(seed=1), budget_tokens=100)
        assert "never shown" not in str(prompt)
        assert (prompt.model, prompt.params) == ("echo", Params(seed=1))

    @pytest.mark.parametrize(("text", "tokens"), [("", 4), ("abcd", 5), ("漢字", 5), ("😀" * 4, 8)])
    def test_the_estimate_counts_bytes(self, text: str, tokens: int) -> None:
        assert estimate_tokens(PromptMessage(Role.USER, text)) == tokens


class TestPrompts:
    async def test_what_was_queued_sees_what_came_before(self, tmp_path: Path) -> None:
        async with sqlite_stores(tmp_path) as stores:
            draft = ConversationDraft(system_prompt=SYSTEM)
            conversation = await stores.conversations.create(ME, draft)
            first = await stores.ask(conversation, "first")
            second = await stores.ask(conversation, "second", on_busy=OnBusy.QUEUE)
            await stores.answer(first, "answer")

            _, prompt = await prompts(stores).prepare(second.generation)
            texts = [each.content for each in prompt.messages]
            assert texts == [SYSTEM, "first", "answer", "second"]
            assert prompt.model == "echo"

    async def test_another_answer_does_not_see_the_first(self, tmp_path: Path) -> None:
        async with sqlite_stores(tmp_path) as stores:
            turn = await stores.talk(await stores.conversation(), "why")
            again = await stores.ask_again(turn)
            _, prompt = await prompts(stores).prepare(again.generation)
            assert [each.content for each in prompt.messages] == ["why"]

    async def test_what_is_gone_is_said(self, tmp_path: Path) -> None:
        async with sqlite_stores(tmp_path) as stores:
            conversation = await stores.conversation()
            turn = await stores.ask(conversation)
            unknown = ProviderFactory([], default_model=None)
            with pytest.raises(Invalid):
                await Prompts(stores.conversations, unknown, budget_tokens=9).prepare(
                    turn.generation
                )
            await stores.conversations.delete(ME, conversation.id)
            with pytest.raises(NotFound):
                await prompts(stores).prepare(turn.generation)


def prompts(stores: Stores) -> Prompts:
    demo = Source("demo", DemoProvider(), "built in", "the test")
    models = ProviderFactory([demo], default_model=None)
    return Prompts(stores.conversations, models, budget_tokens=8192)
