"""What a model gets to see: whole turns, the newest, within the budget."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.chat.budget import Budget
from llmchat.chat.context import Prompts, build_prompt
from llmchat.chat.saying import sayings
from llmchat.domain import Message, OnBusy, Params, Role, Status
from llmchat.errors import Invalid, NotFound, PromptTooLong
from llmchat.events import ToolCall
from llmchat.ids import ConversationId, MessageId
from llmchat.prompts import PromptMessage
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.tokens import TokenCounter
from llmchat.store.drafts import ConversationDraft
from tests.contract.clocks import SetTime
from tests.contract.stores import ME, Stores, sqlite_stores
from tests.contract.strategies import bounded

SYSTEM = "Be brief."
CALL = ToolCall(0, "call_a", "look", "{}")
"""Every answer here makes it; only what is answered is shown."""
branches = st.lists(
    st.tuples(
        st.sampled_from((Role.USER, Role.ASSISTANT, Role.ASSISTANT, Role.TOOL)),
        st.text(max_size=40),
    ),
    min_size=1,
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
        tool_calls=(CALL,) if role is Role.ASSISTANT else (),
        tool_call_id=CALL.id if role is Role.TOOL else None,
    )


def talk(count: int) -> list[Message]:
    """Questions and answers of ten tokens each, and one more question."""
    turns = [(role, f"{n:010}") for n in range(count) for role in (Role.USER, Role.ASSISTANT)]
    return said([*turns, (Role.USER, "the question")])


def chars(messages: Sequence[PromptMessage]) -> int:
    """A model that counts characters."""
    return sum(len(each.content) for each in messages)


def shown(branch: Sequence[Message], budget_tokens: int, system: str | None = None) -> list[str]:
    prompt = build_prompt(
        "echo", system, branch, Params(), budget_tokens=budget_tokens, count=chars
    )
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
        with_system = shown(talk(5), 60, "s" * 20)
        assert len(with_system) - 1 == len(shown(talk(5), 40)) < len(shown(talk(5), 60))

    def test_what_came_of_a_tool_stays_with_its_question(self) -> None:
        called = [(Role.USER, "weather"), (Role.ASSISTANT, "look it up"), (Role.TOOL, "rain")]
        branch = [*talk(3), *said(called)]
        assert shown(branch, 0) == ["weather", "look it up", "rain"]

    @bounded
    @given(branches, st.integers(0, 200), st.none() | st.text(min_size=1, max_size=40))
    def test_what_is_shown_is_the_end_of_what_was_said(
        self, branch: list[tuple[Role, str]], budget: int, system: str | None
    ) -> None:
        prompt = build_prompt(
            "echo", system, said(branch), Params(), budget_tokens=budget, count=chars
        )
        kept = [(each.role, each.content) for each in prompt.messages]
        if system is not None:
            assert kept.pop(0) == (Role.SYSTEM, system)
        heard = [(each.role, each.content) for each in sayings(said(branch))]
        left_out, end = heard[: len(heard) - len(kept)], heard[len(heard) - len(kept) :]
        assert kept == end, "the newest, in their order"
        questions = [place for place, (role, _) in enumerate(kept) if role is Role.USER]
        assert bool(kept) == bool(heard), "the newest turn stays"
        if left_out:
            assert questions[0] == 0, "what is cut is cut at a question"
        older_turns = len(questions) - 1 if questions[:1] == [0] else len(questions)
        if older_turns > 0:
            assert chars(prompt.messages) <= budget
        if left_out:
            begin = max(
                (at for at, (role, _) in enumerate(left_out) if role is Role.USER), default=0
            )
            next_turn = sum(len(content) for _, content in left_out[begin:])
            assert chars(prompt.messages) + next_turn > budget, "no more is cut than has to be"


class TestWhatIsSaid:
    def test_an_answer_that_has_no_text_is_not_shown(self) -> None:
        branch = said([(Role.USER, "a"), (Role.ASSISTANT, ""), (Role.USER, "b")])
        assert shown(branch, 100) == ["a", "b"]

    def test_no_system_prompt_is_no_message(self) -> None:
        assert shown(said([(Role.USER, "a")]), 100, "") == ["a"]

    def test_reasoning_is_nobodys_business(self) -> None:
        prompt = build_prompt("echo", None, talk(1), Params(seed=1), budget_tokens=9, count=chars)
        assert "never shown" not in str(prompt)
        assert (prompt.model, prompt.params) == ("echo", Params(seed=1))


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
            assert (prompt.owner, prompt.key) == (ME, second.generation.id)

    async def test_another_answer_does_not_see_the_first(self, tmp_path: Path) -> None:
        async with sqlite_stores(tmp_path) as stores:
            turn = await stores.talk(await stores.conversation(), "why")
            again = await stores.ask_again(turn)
            _, prompt = await prompts(stores).prepare(again.generation)
            assert [each.content for each in prompt.messages] == ["why"]
            assert prompt.anew
            other = await stores.ask(await stores.conversation(), "why")
            assert not (await prompts(stores).prepare(other.generation))[1].anew

    async def test_what_is_gone_is_said(self, tmp_path: Path) -> None:
        async with sqlite_stores(tmp_path) as stores:
            conversation = await stores.conversation()
            turn = await stores.ask(conversation)
            with pytest.raises(Invalid):
                await prompts(stores, ProviderFactory([], default_model=None)).prepare(
                    turn.generation
                )
            await stores.conversations.delete(ME, conversation.id)
            with pytest.raises(NotFound):
                await prompts(stores).prepare(turn.generation)

    async def test_history_makes_room_and_a_question_that_is_too_long_does_not(
        self, tmp_path: Path
    ) -> None:
        async with sqlite_stores(tmp_path) as stores:
            conversation = await stores.conversation()
            models = demo(context_window=400)
            await stores.talk(conversation, "history " * 200)
            fits = await stores.ask(conversation, "question " * 100)
            _, prompt = await prompts(stores, models).prepare(fits.generation)
            assert [each.content for each in prompt.messages] == ["question " * 100]
            await stores.answer(fits)

            too_long = await stores.ask(conversation, "question " * 400)
            with pytest.raises(PromptTooLong, match="context window of demo/echo holds 400"):
                await prompts(stores, models).prepare(too_long.generation)


def demo(context_window: int | None = None) -> ProviderFactory:
    source = Source("demo", DemoProvider(), "built in", "the test", context_window=context_window)
    return ProviderFactory([source], default_model=None)


def prompts(stores: Stores, models: ProviderFactory | None = None) -> Prompts:
    models = models or demo(context_window=200_000)
    return Prompts(stores.conversations, models, Budget(TokenCounter(None), models))
