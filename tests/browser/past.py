"""A locked service with a past: people, their keys, and months of what they used up."""

import math
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext

from llmchat.access.usage import Entry, Purpose
from llmchat.events import Usage
from llmchat.ids import ConversationId, GenerationId, KeyId, OwnerId
from llmchat.metering import Attempt, AttemptStatus, Price
from llmchat.store.sqlite import SqliteDatabase
from llmchat.store.usage import SqlUsageStore
from tests.service import PATIENCE_SECONDS, Service
from tests.upstream import mock_upstream
from tests.web.locked import SECRET, bearer

_MODELS: Mapping[str, tuple[Price | None, int]] = {
    "openai/gpt-5": (Price(Decimal("1.25"), Decimal("0.125"), Decimal(10)), 5),
    "anthropic/claude-sonnet-4-5": (Price(Decimal(3), Decimal("0.3"), Decimal(15)), 3),
    "ollama/qwen3:8b": (None, 4),
}
_PEOPLE = ("ann", "bob", "cleo", "dan.miller@example.org")
_TITLES = ("Sourdough at high altitude", "Postgres: index on an expression", "Trip to Ticino")
_DAYS = 88


@dataclass(frozen=True, slots=True)
class Past:
    service: Service
    admin: str
    """The secret of the first key."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Of each user's key."""

    async def ask(self, method: str, path: str, body: Any = None, *, by: str | None = None) -> Any:
        secret = self.admin if by is None else self.secrets[by]
        async with self.service.client() as client:
            done = await client.http.request(method, path, json=body, headers=bearer(secret))
        assert done.is_success, done.text
        return done.json() if done.content else None

    async def profile(
        self, browser: Browser, *, by: str | None = None, **look: Any
    ) -> BrowserContext:
        """A browser in which somebody is signed in: the admin, if nobody is named."""
        profile = await browser.new_context(base_url=self.service.base_url, **look)
        profile.set_default_timeout(PATIENCE_SECONDS * 1000)
        secret = self.admin if by is None else self.secrets[by]
        signed = await profile.request.post(
            "/api/session", data={"key": secret}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert signed.ok, await signed.text()
        return profile

    async def begin_answer(self, by: str, model: str = "demo/story") -> str:
        """The id of an answer that takes its time."""
        slow = {"extra": {"tokens_per_second": 8, "tokens": 3000}}
        made = await self.ask("POST", "/api/conversations", {"model": model, "params": slow}, by=by)
        path = f"/api/conversations/{made['id']}/messages"
        sent = await self.ask("POST", path, {"content": "go on"}, by=by)
        return str(sent["generation"]["id"])


@asynccontextmanager
async def service_with_past(folder: Path, **settings: str | float) -> AsyncIterator[Past]:
    async with mock_upstream() as upstream:
        chosen: dict[str, str | float] = {
            "LLMCHAT_AUTH": "keys",
            "LLM_MODEL": "demo/echo",
            "OPENAI_BASE_URL": upstream.base_url,
            "OPENAI_API_KEY": "sk-test",
            # Nobody is there.
            "OLLAMA_BASE_URL": "http://127.0.0.1:9",
            "LLMCHAT_TOKENS_PER_DAY": 400_000,
            **settings,
        }
        async with Service(folder, **chosen).running() as service:
            [admin] = set(SECRET.findall(service.log))
            past = Past(service, admin)
            await _fill(past)
            yield past


async def _fill(past: Past) -> None:
    keys = []
    for user in _PEOPLE:
        limits = {"tokens_per_month": 2_000_000, "usd_per_month": 40} if user == "ann" else {}
        name = "A phone" if user == "bob" else "A laptop"
        made = await past.ask("POST", "/api/keys", {"name": name, "user": user, **limits})
        past.secrets[user] = made["secret"]
        keys.append(KeyId(made["id"]))
    conversations = [
        (await past.ask("POST", "/api/conversations", {"title": title}, by="ann"))["id"]
        for title in _TITLES
    ]
    old = await past.ask("POST", "/api/keys", {"name": "Of last year", "user": "bob"})
    await past.ask("DELETE", f"/api/keys/{old['id']}")
    async with aclosing(SqliteDatabase(past.service.data_dir / "llmchat.db")) as database:
        store = SqlUsageStore(database, lambda: datetime.now(UTC))
        entries = list(_entries(keys, conversations))
        for start in range(0, len(entries), 200):
            await store.add(entries[start : start + 200])


def _entries(keys: Sequence[KeyId], conversations: Sequence[str]) -> Iterator[Entry]:
    """More by and by, and fewer at weekends. The same every time, but for the date."""
    chance = random.Random(9)
    today = datetime.now(UTC).replace(microsecond=0)
    for ago in range(_DAYS):
        at = today - timedelta(days=ago)
        busy = (0.25 if at.weekday() > 4 else 1) * (1.3 - ago / _DAYS) * (1 + math.sin(ago / 5) / 4)
        for number in range(max(1, round(busy * 14))):
            model = chance.choices(list(_MODELS), [weight for _, weight in _MODELS.values()])[0]
            who = chance.choices(range(len(_PEOPLE)), [5, 3, 2, 1])[0]
            asked, answered = chance.randrange(300, 6000), chance.randrange(80, 1800)
            usage = Usage(
                asked, answered, answered // 4, asked // 3, estimated=ago % 9 == 4 and number < 2
            )
            attempt = Attempt(model, AttemptStatus.COMPLETE, usage, _MODELS[model][0], at, at)
            where = ConversationId(chance.choice(conversations)) if who == 0 else None
            id = GenerationId(f"gen_past{ago}x{number}")
            yield Entry(
                id, 1, 1, Purpose.GENERATION, OwnerId(_PEOPLE[who]), keys[who], where, attempt
            )


async def try_templates(past: Past, *, conversations: int = 60) -> None:
    """A template in three versions, and an experiment on two of them that some have rated."""
    prompt = (
        "You help users of {{product}}.\n\nAnswer in {{language}}, in a few sentences. "
        "When you do not know something, say so, and name the page of the manual to look at."
    )
    first = {
        "description": "Answers of the help desk",
        "system_prompt": prompt,
        "model": "demo/echo",
        "params": {"temperature": 0.2},
        "variables": [
            {"name": "product", "description": "As it is called in the shop", "default": "llmchat"},
            {"name": "language", "default": "English"},
        ],
    }
    await past.ask("POST", "/api/templates", {"name": "support", **first})
    warmer = prompt.replace("You help", "You are a friendly member of the team, and help")
    await past.ask("PUT", "/api/templates/support", {**first, "system_prompt": warmer})
    last = warmer.replace("a few sentences", "three sentences at most")
    await past.ask("PUT", "/api/templates/support", {**first, "system_prompt": last})
    summary = {"name": "summary", "system_prompt": "Summarise what you are sent in one paragraph."}
    await past.ask("POST", "/api/templates", summary)
    variants = [{"name": "plain", "version": 1}, {"name": "warm", "version": 2, "weight": 1}]
    experiment = {"name": "warmth", "description": "Does warmth help?", "template": "support"}
    await past.ask("POST", "/api/experiments", {**experiment, "variants": variants, "wanted": 30})
    await past.ask("POST", "/api/experiments/warmth/start")
    draft = {"name": "shorter", "template": "support", "variants": [*variants]}
    await past.ask("POST", "/api/experiments", draft)
    chance = random.Random(4)
    fast = {"extra": {"tokens_per_second": 0}}
    for number in range(conversations):
        body = {"template": {"name": "support"}, "params": fast, "title": f"Question {number}"}
        made = await past.ask("POST", "/api/conversations", body, by="bob")
        warm = made["template"]["variant"] == "warm"
        said = "Why is it so? " * chance.randrange(1, 9 if warm else 6)
        answer = await past.ask(
            "POST", f"/api/conversations/{made['id']}/messages", {"content": said}, by="bob"
        )
        if chance.random() < 0.95:
            good = chance.random() < (0.85 if warm else 0.6)
            rated = {"rating": 1 if good else -1}
            await past.ask(
                "PUT", f"/api/messages/{answer['reply']['id']}/feedback", rated, by="bob"
            )
