"""The settings about what models cost, and how much of them a caller may use up."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from llmchat.config.fields import Env
from llmchat.config.provider import Text

Usd = Annotated[
    Decimal,
    Field(ge=Decimal("0.000001"), le=1_000_000, decimal_places=6, allow_inf_nan=False),
]
UsdPerMillion = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


class PriceSettings(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    input: UsdPerMillion
    """Of what is sent to the model."""
    output: UsdPerMillion
    """Of what it writes, its reasoning included."""
    cached: UsdPerMillion | None = None
    """Of what is sent and its server has kept; as for any other input when unset."""


KEYS_OF_A_PRICE = list(PriceSettings.model_fields)


class SpendingFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    tokens_per_day: Annotated[Tokens | None, Env("LLMCHAT_TOKENS_PER_DAY")] = None
    """The most tokens, of prompts and answers, that one caller uses up in a day (UTC)."""
    tokens_per_month: Annotated[Tokens | None, Env("LLMCHAT_TOKENS_PER_MONTH")] = None
    """The most tokens that one caller uses up in a month."""
    usd_per_day: Annotated[Usd | None, Env("LLMCHAT_USD_PER_DAY")] = None
    """The most US dollars that one caller spends in a day, on models whose prices are known."""
    usd_per_month: Annotated[Usd | None, Env("LLMCHAT_USD_PER_MONTH")] = None
    """The most US dollars that one caller spends in a month."""
    prices: dict[Text, PriceSettings] = Field(default_factory=dict, max_length=1000)
    """What models cost, by their names or patterns of them; the first that fits holds."""
