"""What became of an experiment's conversations: the database's sums are those of plain Python."""

import statistics
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

import pytest

from llmchat.access.members import MemberRole
from llmchat.access.usage import Entry, Purpose
from llmchat.domain import Feedback, Given, Status, Timing
from llmchat.events import Usage
from llmchat.experiments.base import (
    Experiment,
    ExperimentDraft,
    Figures,
    Moments,
    Shares,
    Sorted,
    Variant,
)
from llmchat.experiments.intervals import ranks_wanted
from llmchat.ids import OwnerId
from llmchat.metering import Attempt, AttemptStatus, Price
from llmchat.store.drafts import ConversationDraft
from tests.contract.stores import ME, WORKER, Stores, ending
from tests.contract.test_template_store import CONTENT

PRICE = Price(Decimal(1), Decimal(1), Decimal(2))
VIEWER = OwnerId("viewer")
ENDS = (Status.COMPLETE, Status.COMPLETE, Status.STOPPED, Status.FAILED, Status.INTERRUPTED)
VARIANTS = tuple(Variant(name, "support", 1) for name in ("plain", "warm", "empty"))


@dataclass(frozen=True, slots=True)
class Answer:
    status: Status
    seconds: float | None
    tokens: tuple[int, ...]
    """Of each attempt."""
    priced: bool
    ratings: tuple[int, ...]


def answers(chance: Random) -> list[Answer]:
    return [
        Answer(
            chance.choice(ENDS),
            chance.choice([None, chance.random()]),
            tuple(chance.randrange(500) for _ in range(chance.randrange(3))),
            chance.random() < 0.7,
            tuple(chance.choice((1, -1)) for _ in range(chance.randrange(3))),
        )
        for _ in range(chance.randrange(4))
    ]


async def running(stores: Stores) -> Experiment:
    await stores.templates.add("support", CONTENT, ME)
    await stores.experiments.add(ExperimentDraft("polite", "support", VARIANTS), ME)
    return await stores.experiments.start("polite")


async def held(stores: Stores, given: Given | None, said: list[Answer]) -> None:
    """A conversation with these answers."""
    conversation = await stores.conversations.create(ME, ConversationDraft(template=given))
    await stores.members.put(ME, conversation.id, VIEWER, MemberRole.VIEWER)
    for answer in said:
        turn = await stores.ask(conversation, worker=WORKER)
        now = stores.time.now()
        entries = [
            Entry(
                turn.generation.id,
                1,
                request,
                Purpose.GENERATION,
                ME,
                None,
                conversation.id,
                Attempt(
                    "demo/echo",
                    AttemptStatus.COMPLETE,
                    Usage(1, tokens),
                    PRICE if answer.priced else None,
                    now,
                    now,
                ),
            )
            for request, tokens in enumerate(answer.tokens, 1)
        ]
        end = ending(status=answer.status)
        end = replace(end, entries=entries, timing=Timing(answer.seconds, None, 1.0))
        assert await stores.generations.settle(turn.generation.id, WORKER, end)
        await stores.generations.close(turn.generation.id, 3)
        for user, rating in zip((ME, VIEWER), answer.ratings, strict=False):
            await stores.feedback.put(user, turn.reply.id, Feedback(rating))


def shares(pairs: list[tuple[int, int]]) -> Shares:
    some = [(n, x) for n, x in pairs if n]
    return Shares(
        len(some),
        sum(n for n, _ in some),
        sum(x for _, x in some),
        sum(n * n for n, _ in some),
        sum(x * x for _, x in some),
        sum(n * x for n, x in some),
    )


def moments(numbers: list[float]) -> Moments:
    if not numbers:
        return Moments()
    mean = statistics.fmean(numbers)
    return Moments(len(numbers), mean, sum((number - mean) ** 2 for number in numbers))


def expected(conversations: list[list[Answer]]) -> Figures:
    said = [answer for answers in conversations for answer in answers]
    bad = (Status.FAILED, Status.INTERRUPTED)
    judged = [[r for a in answers for r in a.ratings] for answers in conversations]
    seconds = [[a.seconds for a in answers if a.seconds is not None] for answers in conversations]
    ascending = sorted(statistics.fmean(its) for its in seconds if its)
    used = [[sum(a.tokens) for a in answers if a.tokens] for answers in conversations]
    cost = [
        [(len(a.tokens) + 2 * sum(a.tokens)) / 1e6 for a in answers if a.tokens and a.priced]
        for answers in conversations
    ]
    return Figures(
        conversations=len(conversations),
        generations={s: n for s in Status if (n := sum(a.status is s for a in said))},
        feedback=shares([(len(its), its.count(1)) for its in judged]),
        errors=shares([(len(its), sum(a.status in bad for a in its)) for its in conversations]),
        first_token=Sorted(
            len(ascending), {rank: ascending[rank - 1] for rank in ranks_wanted(len(ascending))}
        ),
        output_tokens=moments([statistics.fmean(its) for its in used if its]),
        cost_usd=moments([statistics.fmean(its) for its in cost if its]),
    )


def close(found: Figures, wanted: Figures) -> None:
    whole = ("conversations", "generations", "feedback", "errors")
    for name in whole:
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.first_token.count == wanted.first_token.count
    assert found.first_token.ranks == pytest.approx(wanted.first_token.ranks)
    for name in ("output_tokens", "cost_usd"):
        mine, theirs = getattr(found, name), getattr(wanted, name)
        assert mine.count == theirs.count
        assert (mine.mean, mine.squares) == pytest.approx((theirs.mean, theirs.squares), rel=1e-9)


async def test_the_sums_are_those_of_plain_python(stores: Stores) -> None:
    chance = Random(1)
    experiment = await running(stores)
    held_by: dict[str, list[list[Answer]]] = {"plain": [], "warm": [], "empty": []}
    for at in range(15):
        variant, said = ("plain", "warm")[at % 3 == 0], answers(chance)
        held_by[variant].append(said)
        await held(stores, Given("support", 1, "polite", variant), said)
    # None of its business.
    await held(stores, Given("support", 1), answers(chance))
    await held(stores, Given("support", 1, "other", "plain"), answers(chance))
    await held(stores, None, answers(chance))

    found = await stores.figures.figures(experiment)

    assert set(found) == set(held_by)
    for variant, conversations in held_by.items():
        close(found[variant], expected(conversations))


async def test_what_is_being_written_is_counted_as_such_only(stores: Stores) -> None:
    experiment = await running(stores)
    draft = ConversationDraft(template=Given("support", 1, "polite", "plain"))
    conversation = await stores.conversations.create(ME, draft)
    await stores.ask(conversation, worker=WORKER)

    found = (await stores.figures.figures(experiment))["plain"]

    assert found.generations == {Status.STREAMING: 1}
    assert found.errors == Shares()
    assert found.first_token == Sorted(0, {})
    assert found.output_tokens == Moments()


async def test_a_conversation_that_is_deleted_is_gone_from_them(stores: Stores) -> None:
    experiment = await running(stores)
    draft = ConversationDraft(template=Given("support", 1, "polite", "warm"))
    conversation = await stores.conversations.create(ME, draft)
    await stores.talk(conversation)
    await stores.conversations.delete(ME, conversation.id)

    assert (await stores.figures.figures(experiment))["warm"].conversations == 0
