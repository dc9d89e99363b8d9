"""The settings about who may call, from where, and how often."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from llmchat.config.fields import Env, IssuerUrl, Names, Networks, Origins, SecretKey

_CLAIM_CHARS = 256


class AccessFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    auth: Annotated[Literal["auto", "open", "keys"], Env("LLMCHAT_AUTH")] = "auto"
    """Who may call: open (anybody), keys (who has an API key), auto (keys once there are any)."""
    secret_key: Annotated[SecretKey | None, Env("LLMCHAT_SECRET_KEY", secret=True)] = None
    """What sessions are signed with, at least 32 characters; made and kept if unset."""
    # Above the issuer, which needs both: a validator sees only the fields above its own.
    oidc_audience: Annotated[str | None, Env("LLMCHAT_OIDC_AUDIENCE")] = Field(
        None, min_length=1, max_length=512
    )
    """What a token must name as its audience, to be meant for this server."""
    oidc_issuer: Annotated[IssuerUrl | None, Env("LLMCHAT_OIDC_ISSUER")] = None
    """The OpenID issuer whose tokens (JWTs) are taken beside API keys, as its URL."""
    oidc_user_claim: Annotated[str, Env("LLMCHAT_OIDC_USER_CLAIM")] = Field(
        "sub", min_length=1, max_length=_CLAIM_CHARS
    )
    """The claim of a token that says who calls; the user is then called oidc: and what it says."""
    oidc_scope_claim: Annotated[str, Env("LLMCHAT_OIDC_SCOPE_CLAIM")] = Field(
        "scope", min_length=1, max_length=_CLAIM_CHARS
    )
    """The claim that says what they may do: chat, read or admin, among other words."""
    cors_origins: Annotated[Origins | None, Env("LLMCHAT_CORS_ORIGINS")] = None
    """The origins of pages elsewhere that may call with an API key, with commas; * for any."""
    trusted_proxies: Annotated[Networks | None, Env("LLMCHAT_TRUSTED_PROXIES")] = None
    """The proxies whose X-Forwarded-For is believed, with commas: 10.0.0.0/8, 127.0.0.1."""
    allowed_hosts: Annotated[Names | None, Env("LLMCHAT_ALLOWED_HOSTS")] = None
    """The names of this server in requests, with commas; .example.com for those below it, * any."""
    allow_open: Annotated[bool, Env("LLMCHAT_ALLOW_OPEN")] = False
    """Whether to serve beyond this machine, with nobody asked who they are."""
    requests_per_minute: Annotated[int | None, Env("LLM_RATE_LIMIT")] = Field(
        None, ge=1, le=1_000_000
    )
    """The most requests in a minute from one caller that change something; unset: any number."""
    wrong_keys_per_minute: Annotated[int, Env("LLMCHAT_WRONG_KEYS_PER_MINUTE")] = Field(
        30, ge=1, le=1_000_000
    )
    """How many wrong keys an address may send in a minute before it is not listened to."""
    max_live_generations: Annotated[int | None, Env("LLMCHAT_MAX_LIVE_GENERATIONS")] = Field(
        None, ge=1, le=1_000_000
    )
    """The most answers of one caller that are written or wait at once; unset: any number."""
    max_streams_per_caller: Annotated[int | None, Env("LLMCHAT_MAX_STREAMS_PER_CALLER")] = Field(
        None, ge=1, le=1_000_000
    )
    """The most streams that one caller has open at a process; unset: any number."""
    max_streams: Annotated[int, Env("LLMCHAT_MAX_STREAMS")] = Field(10_000, ge=1, le=1_000_000)
    """The most streams that are open at a process."""
    body_seconds: Annotated[float, Env("LLMCHAT_BODY_SECONDS")] = Field(30, ge=0.05, le=3600)
    """How long a sender may pause in the middle of a body before its connection is closed."""
    limits_without_redis: Annotated[
        Literal["allow", "refuse"], Env("LLMCHAT_LIMITS_WITHOUT_REDIS")
    ] = "allow"
    """What becomes of requests while Redis cannot say how many there were: allow or refuse."""

    @field_validator("oidc_issuer")
    @classmethod
    def _can_be_checked(cls, issuer: str | None, found: ValidationInfo) -> str | None:
        if issuer is None:
            return None
        if found.data.get("auth", "keys") != "keys":
            raise ValueError("nobody is asked for a token unless LLMCHAT_AUTH=keys: set that too")
        if found.data.get("oidc_audience", "") is None:
            raise ValueError(
                "its tokens for any other service would do here as well: set "
                "LLMCHAT_OIDC_AUDIENCE to what those for this one name as their audience (aud)"
            )
        return issuer

    @property
    def open_to_all_pages(self) -> bool:
        """Whether any page that somebody visits could read what is here: nothing asks for a key."""
        return self.auth != "keys" and "*" in (self.cors_origins or ())
