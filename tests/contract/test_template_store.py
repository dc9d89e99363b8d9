"""Templates: versions that stay, names that are never reused, one experiment at a time."""

import asyncio
from dataclasses import replace

import pytest

from llmchat.domain import Given, Params
from llmchat.errors import Conflict, Invalid, NotFound
from llmchat.experiments.base import Experiment, ExperimentDraft, Phase, Variant
from llmchat.store.drafts import ConversationDraft
from llmchat.templates import base
from llmchat.templates.base import Content, Variable
from tests.contract.stores import ME, STRANGER, TEXTS, Stores

CONTENT = Content(
    "Help {{who}}.",
    "For the help desk",
    "demo/echo",
    Params(temperature=0.2, stop=["x"], extra={"a": [1]}),
    (Variable("who", "A name", "you"), Variable("why")),
)
OTHER = Content("Be brief.")
VARIANTS = (Variant("plain", "support", 1), Variant("warm", "support", 2, 3))
DRAFT = ExperimentDraft("polite", "support", VARIANTS, "Does it help?", 40)


async def drafted(stores: Stores, name: str = "polite", template: str = "support") -> Experiment:
    """One on a template with two versions."""
    if name == "polite":
        await stores.templates.add(template, CONTENT, ME)
        await stores.templates.change(template, OTHER, ME)
    return await stores.experiments.add(replace(DRAFT, name=name), ME)


class TestVersions:
    async def test_count_from_one_and_stay(self, stores: Stores) -> None:
        made = await stores.templates.add("support", CONTENT, ME)
        stores.time.move(60)
        changed = await stores.templates.change("support", OTHER, STRANGER, based_on=1)

        assert (made.version, changed.version, changed.latest_version) == (1, 2, 2)
        assert made.content == CONTENT
        assert changed.content == OTHER
        assert changed.created_by == STRANGER
        assert changed.created_at > made.created_at
        assert await stores.templates.get("support") == changed
        assert await stores.templates.get("support", 1) == replace(made, latest_version=2)
        listed = await stores.templates.versions("support")
        assert [summary.version for summary in listed] == [2, 1]
        assert listed[1].variables == CONTENT.variables

    async def test_that_say_the_same_are_one(self, stores: Stores) -> None:
        made = await stores.templates.add("support", CONTENT, ME)
        assert await stores.templates.change("support", CONTENT, STRANGER) == made

    async def test_are_based_on_the_newest_one(self, stores: Stores) -> None:
        await stores.templates.add("support", CONTENT, ME)
        await stores.templates.change("support", OTHER, ME)
        with pytest.raises(Conflict, match="newest version of support is 2"):
            await stores.templates.change("support", CONTENT, ME, based_on=1)

    async def test_of_several_who_change_it_at_once_each_is_one(self, stores: Stores) -> None:
        await stores.templates.add("support", CONTENT, ME)
        made = await asyncio.gather(
            *(stores.templates.change("support", Content(f"{n}"), ME) for n in range(8))
        )
        assert sorted(template.version for template in made) == list(range(2, 10))

    async def test_and_templates_are_bounded(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("llmchat.store.templates.MOST_TEMPLATES", 2)
        monkeypatch.setattr("llmchat.store.templates.MOST_VERSIONS", 2)
        for name in ("a", "b"):
            await stores.templates.add(name, CONTENT, ME)
        with pytest.raises(Invalid, match="2 templates"):
            await stores.templates.add("c", CONTENT, ME)
        await stores.templates.change("a", OTHER, ME)
        with pytest.raises(Invalid, match="2 versions"):
            await stores.templates.change("a", CONTENT, ME)
        assert base.MOST_TEMPLATES >= 100

    @pytest.mark.parametrize("text", TEXTS)
    async def test_keep_any_text(self, stores: Stores, text: str) -> None:
        content = replace(CONTENT, system_prompt=text, description=text, params=Params(stop=[text]))
        made = await stores.templates.add("support", content, ME)
        assert made.content == content
        assert (await stores.templates.get("support")).content == content

    async def test_that_are_not_there_are_not_found(self, stores: Stores) -> None:
        await stores.templates.add("support", CONTENT, ME)
        for asked in (
            stores.templates.get("other"),
            stores.templates.get("support", 2),
            stores.templates.versions("other"),
            stores.templates.archive("other"),
            stores.templates.change("other", OTHER, ME),
        ):
            with pytest.raises(NotFound):
                await asked


class TestNames:
    async def test_are_used_once(self, stores: Stores) -> None:
        results = await asyncio.gather(
            *(stores.templates.add("support", CONTENT, ME) for _ in range(4)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Conflict) for result in results) == 3

    async def test_of_archived_ones_are_not_listed_and_come_back(self, stores: Stores) -> None:
        for name in ("b", "a"):
            await stores.templates.add(name, CONTENT, ME)
        await stores.templates.archive("a")
        await stores.templates.archive("a")

        def names(listed: object) -> list[str]:
            return [summary.name for summary in listed]  # type: ignore[attr-defined]

        assert names(await stores.templates.list()) == ["b"]
        assert names(await stores.templates.list(archived=True)) == ["a"]
        assert names(await stores.templates.list(archived=None)) == ["a", "b"]
        assert (await stores.templates.get("a")).archived
        with pytest.raises(Conflict):
            await stores.templates.add("a", OTHER, ME)
        assert not (await stores.templates.change("a", CONTENT, ME)).archived
        assert names(await stores.templates.list()) == ["a", "b"]


class TestExperiments:
    async def test_go_from_draft_to_running_to_stopped(self, stores: Stores) -> None:
        made = await drafted(stores)
        assert (made.status, made.wanted, tuple(made.variants)) == (Phase.DRAFT, 40, VARIANTS)
        assert await stores.experiments.running("support") is None

        stores.time.move(60)
        started = await stores.experiments.start("polite")
        assert started.started_at == stores.time.now()
        assert await stores.experiments.running("support") == started
        stores.time.move(60)
        assert await stores.experiments.start("polite") == started

        stopped = await stores.experiments.stop("polite")
        assert stopped.stopped_at == stores.time.now()
        stores.time.move(60)
        assert await stores.experiments.stop("polite") == stopped
        assert await stores.experiments.get("polite") == stopped
        assert await stores.experiments.running("support") is None
        with pytest.raises(Conflict, match="was stopped"):
            await stores.experiments.start("polite")

    async def test_of_those_on_one_template_one_runs(self, stores: Stores) -> None:
        names = ["polite", "b", "c", "d"]
        for name in names:
            await drafted(stores, name)
        results = await asyncio.gather(
            *(stores.experiments.start(name) for name in names), return_exceptions=True
        )
        running = [result for result in results if isinstance(result, Experiment)]
        assert len(running) == 1, results
        assert sum(isinstance(result, Conflict) for result in results) == 3
        assert await stores.experiments.running("support") == running[0]

    async def test_are_listed_the_newest_first(self, stores: Stores) -> None:
        for name in ("polite", "b"):
            await drafted(stores, name)
        await stores.experiments.add(replace(DRAFT, name="a", template="x"), ME)
        assert [found.name for found in await stores.experiments.list()] == ["a", "b", "polite"]
        assert [found.name for found in await stores.experiments.list("support")] == ["b", "polite"]

    async def test_change_their_weights_until_they_are_stopped(self, stores: Stores) -> None:
        await drafted(stores)
        changed = await stores.experiments.change("polite", description=None, weights={"warm": 0})
        assert [variant.weight for variant in changed.variants] == [1, 0]
        assert changed.description == "Does it help?"
        for weights, reason in (({"plain": 0}, "above 0"), ({"x": 1}, "no variant x")):
            with pytest.raises(Invalid, match=reason):
                await stores.experiments.change("polite", description="", weights=weights)
        await stores.experiments.start("polite")
        found = await stores.experiments.change("polite", description="", weights={"warm": 9})
        assert await stores.experiments.get("polite") == found
        assert (found.description, found.variants[1].weight) == ("", 9)
        await stores.experiments.stop("polite")
        with pytest.raises(Conflict, match="stays as it is"):
            await stores.experiments.change("polite", description="x", weights={})

    async def test_are_removed_as_drafts_only(self, stores: Stores) -> None:
        await drafted(stores)
        with pytest.raises(Conflict, match="There is an experiment polite"):
            await stores.experiments.add(DRAFT, ME)
        with pytest.raises(Conflict, match="has not begun"):
            await stores.experiments.stop("polite")
        await stores.experiments.remove("polite")
        with pytest.raises(NotFound):
            await stores.experiments.get("polite")
        await stores.experiments.add(DRAFT, ME)
        await stores.experiments.start("polite")
        with pytest.raises(Conflict, match="results are kept"):
            await stores.experiments.remove("polite")

    async def test_and_archives_keep_out_of_each_others_way(self, stores: Stores) -> None:
        await drafted(stores)
        results = await asyncio.gather(
            stores.experiments.start("polite"),
            stores.templates.archive("support"),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Conflict) for result in results) == 1
        archived = (await stores.templates.get("support")).archived
        assert archived is (await stores.experiments.running("support") is None)

    async def test_that_are_not_there_are_not_found(self, stores: Stores) -> None:
        for asked in (
            stores.experiments.get("x"),
            stores.experiments.start("x"),
            stores.experiments.stop("x"),
            stores.experiments.remove("x"),
            stores.experiments.change("x", description=None, weights={}),
        ):
            with pytest.raises(NotFound):
                await asked


async def test_a_conversation_keeps_what_it_was_given(stores: Stores) -> None:
    given = Given("support", 2, "polite", "warm")
    made = await stores.conversations.create(ME, ConversationDraft(template=given))
    plain = await stores.conversation()
    changed = await stores.conversations.update(ME, made.id, {"system_prompt": "Mine."})

    assert made.template == changed.template == given
    assert (await stores.conversations.get(ME, made.id)).template == given
    assert plain.template is None
    page = await stores.conversations.list(ME, limit=9, cursor=None)
    assert [found.template for found in page.items] == [None, given]
