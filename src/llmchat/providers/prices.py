"""What the models of each provider cost: the operator's word, else what a package knows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from llmchat.metering import Price, Prices

_EXACT = Decimal("0.000001")
_MOST_MODELS = 1024


def prices_of(table: Mapping[str, Price], urls: Mapping[str, str]) -> Prices:
    """`table` has prices by models, `provider/name`, or patterns of them with `*`; the first that
    fits holds. For the servers of others, by the URL of each provider in `urls`, genai-prices is
    asked, if it is installed."""
    paid = {provider: url for provider, url in urls.items() if _may_charge(url)}
    is_known = bool(paid) and _load()

    @lru_cache(_MOST_MODELS)
    def price(model: str) -> Price | None:
        for pattern, said in table.items():
            if pattern == model or fnmatchcase(model, pattern):
                return said
        provider, _, name = model.partition("/")
        return _from_package(paid[provider], name) if is_known and provider in paid else None

    return price


def _from_package(url: str, name: str) -> Price | None:
    """https://github.com/pydantic/genai-prices; nothing is fetched."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        # By the URL alone: any server may have the name of a provider, and models of any name.
        # Gemini's list of models has a prefix.
        bare = name.removeprefix("models/")
        _, found = get_snapshot().find_provider_model(bare, None, None, url)
    except LookupError:
        return None
    return _price(found.get_prices(datetime.now(UTC)))


def _load() -> bool:
    """Whether the package is there, which takes most of a second: now, and not while anybody
    waits for the next token."""
    if find_spec("genai_prices") is None:
        return False
    from genai_prices.data_snapshot import get_snapshot

    get_snapshot()
    return True


def _may_charge(url: str) -> bool:
    """Not a server of our own, on this machine or beside it."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host


def _price(found: Any) -> Price | None:
    """None for a model that is not paid by the token."""
    asked, answered = _base(found.input_mtok), _base(found.output_mtok)
    if asked is None and answered is None:
        return None
    cached = _base(found.cache_read_mtok)
    asked = asked or Decimal(0)
    return Price(asked, asked if cached is None else cached, answered or Decimal(0))


def _base(price: Any) -> Decimal | None:
    """Of a price in tiers the first, which holds for prompts of the usual size."""
    if price is None:
        return None
    return Decimal(getattr(price, "base", price)).quantize(_EXACT)
