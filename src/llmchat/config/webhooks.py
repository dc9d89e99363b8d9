"""The settings about whom to tell what happens."""

import base64
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from llmchat.config.fields import Env
from llmchat.config.provider import ProviderName
from llmchat.config.urls import webhook_url

FROM_THE_ENVIRONMENT = "default"
"""The name of the endpoint that the variables describe."""
_PREFIX = "whsec_"
_LEAST_SECRET_BYTES, _MOST_SECRET_BYTES = 24, 64
_EXPECTED = (
    f"expected {_PREFIX} and then {_LEAST_SECRET_BYTES} to {_MOST_SECRET_BYTES} random bytes in "
    'base64: `echo "whsec_$(openssl rand -base64 32)"`; two of them, with a comma, while the '
    "receiver changes to the first"
)


def secrets_of(text: SecretStr) -> tuple[bytes, ...]:
    """The keys in it, the newest first. The `ValueError` for a bad one does not quote it."""
    return tuple(map(_key, text.get_secret_value().split(",")))


def _key(text: str) -> bytes:
    prefix, found, key = text.strip().partition(_PREFIX)
    try:
        decoded = base64.b64decode(key, validate=True)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if prefix or not found or not _LEAST_SECRET_BYTES <= len(decoded) <= _MOST_SECRET_BYTES:
        raise ValueError(_EXPECTED)
    return decoded


def _secret(text: SecretStr) -> SecretStr:
    secrets_of(text)
    return text


def _words(words: object) -> object:
    return [word.strip() for word in words.split(",")] if isinstance(words, str) else words


Events = Annotated[
    tuple[Literal["generation.finished", "generation.failed", "budget.reached"], ...],
    Field(min_length=1, max_length=16),
    BeforeValidator(_words),
]
ALL_EVENTS: Events = ("generation.finished", "generation.failed", "budget.reached")
Secret = Annotated[SecretStr, AfterValidator(_secret)]
WebhookUrl = Annotated[str, Field(max_length=2048), AfterValidator(webhook_url)]


class WebhookSettings(BaseModel):
    """One service that is told."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    url: WebhookUrl
    """Where messages are sent to, by POST."""
    secret: Secret
    """What they are signed with; or `secret_file`."""
    events: Events = ALL_EVENTS
    """Which of them it is sent."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        return secrets_of(self.secret)


KEYS_OF_A_WEBHOOK = [*WebhookSettings.model_fields, "secret_file"]


class WebhookFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    # Above what needs them: a validator sees only the fields above its own.
    webhook_private_addresses: Annotated[bool, Env("LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES")] = False
    """Whether webhooks may also be sent to this machine and its private networks, and by http."""
    webhook_secret: Annotated[Secret | None, Env("LLMCHAT_WEBHOOK_SECRET", secret=True)] = None
    """What webhooks are signed with: whsec_ and random bytes in base64."""
    webhook_events: Annotated[Events, Env("LLMCHAT_WEBHOOK_EVENTS")] = ALL_EVENTS
    """Which are sent: generation.finished, generation.failed, budget.reached, with commas."""
    webhook_url: Annotated[WebhookUrl | None, Env("LLMCHAT_WEBHOOK_URL")] = None
    """The service that is told, by POST, how answers end; nobody when unset."""
    webhooks: dict[ProviderName, WebhookSettings] = Field(default_factory=dict, max_length=16)
    """More services that are told, by name."""

    @field_validator("webhook_url")
    @classmethod
    def _signed(cls, url: str | None, found: ValidationInfo) -> str | None:
        if url is None:
            return None
        if found.data.get("webhook_secret", "") is None:
            raise ValueError(
                "nobody could tell its messages from anybody else's: set LLMCHAT_WEBHOOK_SECRET to "
                'what `echo "whsec_$(openssl rand -base64 32)"` says, and tell the receiver'
            )
        return _sealed(url, found.data)

    @field_validator("webhooks")
    @classmethod
    def _all_sealed(
        cls, webhooks: dict[str, WebhookSettings], found: ValidationInfo
    ) -> dict[str, WebhookSettings]:
        for webhook in webhooks.values():
            _sealed(webhook.url, found.data)
        if FROM_THE_ENVIRONMENT in webhooks and found.data.get("webhook_url") is not None:
            raise ValueError(
                f'"{FROM_THE_ENVIRONMENT}" is the one of LLMCHAT_WEBHOOK_URL; choose another name'
            )
        return webhooks

    @property
    def all_webhooks(self) -> Mapping[str, WebhookSettings]:
        """Those of the file, and that of the variables."""
        if self.webhook_url is None or self.webhook_secret is None:
            return self.webhooks
        own = WebhookSettings(
            url=self.webhook_url, secret=self.webhook_secret, events=self.webhook_events
        )
        return {FROM_THE_ENVIRONMENT: own, **self.webhooks}


def _sealed(url: str, data: Mapping[str, object]) -> str:
    if not url.startswith("https:") and data.get("webhook_private_addresses") is False:
        raise ValueError(
            "expected https:// on the internet; http is for private networks, which "
            "LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES=true allows"
        )
    return url
