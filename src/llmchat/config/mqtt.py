"""The settings about MQTT: the broker, and who may speak for whom."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmchat.config.fields import Env
from llmchat.config.provider import Text

_URL = re.compile(r"mqtts?://([^@/ ]*@)?[A-Za-z0-9._:\[\]-]+/?")
_KEY_ID = re.compile(r"key_[0-9A-Za-z]{23}")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f+#]")
_MOST_TOPIC_CHARS = 128


def _url(url: str) -> str:
    if not _URL.fullmatch(url):
        # The URL itself may hold a password.
        raise ValueError("expected mqtt://user:password@host:1883 (mqtts:// with TLS)")
    return url


def _prefix(prefix: str) -> str:
    if _UNFIT.search(prefix) or prefix.startswith("$") or not all(prefix.split("/")):
        raise ValueError("expected a topic such as llmchat or home/llmchat, without + and #")
    return prefix


def _key_id(id: str) -> str:
    if not _KEY_ID.fullmatch(id):
        raise ValueError(
            "expected the id of a key, key_…, as `llmchat keys list` shows it, and not its secret"
        )
    return id


def _word(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise ValueError("expected letters, digits, dots, - and _, at most 64 of them")
    return word


def _pattern(pattern: str) -> str:
    if pattern != "+" and re.search(r"[\x00-\x1f\x7f+#/]", pattern):
        raise ValueError("expected the name of a conversation, with * for any characters in it")
    return pattern


def _filter(topics: str) -> str:
    levels = topics.split("/")
    if "#" in "/".join(levels[:-1]) or topics.startswith("$") or topics in ("#", "+"):
        raise ValueError("expected a filter of topics such as replies/# or replies/+/answer")
    return topics


Word = Annotated[str, AfterValidator(_word)]
Prefix = Annotated[str, Field(min_length=1, max_length=_MOST_TOPIC_CHARS), AfterValidator(_prefix)]
KeyId = Annotated[str, AfterValidator(_key_id)]
Pattern = Annotated[Text, Field(max_length=_MOST_TOPIC_CHARS), AfterValidator(_pattern)]
Filter = Annotated[Text, Field(max_length=512), AfterValidator(_filter)]


class AllowSettings(BaseModel):
    """Whom the broker lets publish there speaks for the key's user."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    topics: Pattern
    """The name of a conversation as its topic has it, with * for any characters; + is any name."""
    key: KeyId | None = None
    """The id of the key that they speak with; none is needed where nobody is asked for one."""
    responses: tuple[Filter, ...] = Field((), max_length=16)
    """Filters of the topics outside the conversation's own that responses may go to as well."""


class MqttTable(BaseModel):
    """What only a TOML file can say."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    allow: tuple[AllowSettings, ...] = Field((), max_length=10_000)


KEYS_OF_MQTT = [*MqttTable.model_fields, *AllowSettings.model_fields]


class MqttFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    # It may hold a password.
    mqtt_url: Annotated[
        Annotated[str, AfterValidator(_url)] | None, Env("LLMCHAT_MQTT_URL", secret=True)
    ] = Field(None, repr=False)
    """An MQTT broker, over which devices talk to models; none when unset."""
    mqtt_prefix: Annotated[Prefix, Env("LLMCHAT_MQTT_PREFIX")] = "llmchat"
    """What its topics begin with."""
    mqtt_version: Annotated[Literal["5", "3.1.1"], Env("LLMCHAT_MQTT_VERSION")] = "5"
    """The version of MQTT that the broker is spoken to in: 5 or 3.1.1."""
    mqtt_group: Annotated[Word, Env("LLMCHAT_MQTT_GROUP")] = "llmchat"
    """The group of the shared subscription, in which processes share what comes."""
    mqtt_client_id: Annotated[Word | None, Env("LLMCHAT_MQTT_CLIENT_ID")] = None
    """What the broker knows a process by; made and kept in the data directory when unset."""
    mqtt_ca_file: Annotated[str | None, Env("LLMCHAT_MQTT_CA_FILE")] = Field(
        None, min_length=1, max_length=4096
    )
    """A file with the certificates that vouch for the broker; those of this machine when unset."""
    mqtt_session_seconds: Annotated[int, Env("LLMCHAT_MQTT_SESSION_SECONDS")] = Field(
        86_400, ge=0, le=4_294_967_295
    )
    """How long the broker keeps what comes for a process that is away."""
    mqtt_key_id: Annotated[KeyId | None, Env("LLMCHAT_MQTT_KEY_ID")] = None
    """The id of the key that devices speak with which no [[mqtt.allow]] names."""
    mqtt: MqttTable = MqttTable()
    """Who may speak for whom, and where responses may go."""
