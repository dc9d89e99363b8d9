"""The topics of the door: what they are called, and which of others' words may become one."""

import re
from dataclasses import dataclass
from typing import Literal

from llmchat.errors import Forbidden, Invalid

Command = Literal["input", "stop", "resume"]
Kind = Literal["delta", "response", "error"]

COMMANDS: tuple[Command, ...] = ("input", "stop", "resume")
MOST_NAME_CHARS = 128
_MOST_TOPIC_BYTES = 1024
# Brokers end the connection at more: Mosquitto at 201, EMQX at 129.
_MOST_LEVELS = 128
# Of Unicode, what MQTT wants in no topic: controls, and code points that are no characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_OURS = {"status", "error"}


@dataclass(frozen=True, slots=True)
class Topics:
    """Below one prefix, of one level or several."""

    prefix: str

    @property
    def status(self) -> str:
        return f"{self.prefix}/status"

    @property
    def errors(self) -> str:
        """For what no conversation can be told."""
        return f"{self.prefix}/error"

    def filters(self, group: str) -> list[str]:
        """What the processes of a group share the messages of."""
        return [f"$share/{group}/{self.prefix}/+/{command}" for command in COMMANDS]

    def of(self, name: str, kind: Kind) -> str:
        return f"{self.prefix}/{name}/{kind}"

    def parsed(self, topic: str) -> tuple[str, Command]:
        """The name of the conversation, and what is to be done. Raises Invalid."""
        below = topic.removeprefix(f"{self.prefix}/")
        name, _, command = below.rpartition("/")
        if below == topic or command not in COMMANDS:
            raise Invalid(f"Topics are {self.prefix}/NAME/input, …/stop and …/resume.")
        return checked_name(name), command

    def checked_reply(self, topic: str, name: str, allowed: tuple[str, ...]) -> str:
        """A response topic, as it is. We publish there with our own rights: it may be below the
        conversation that asks, or where a filter of the settings says, and never what somebody
        else would be heard with. Raises Invalid, Forbidden."""
        levels = topic.split("/")
        if not topic or _UNFIT.search(topic) or len(topic.encode()) > _MOST_TOPIC_BYTES:
            raise Invalid("The response topic is empty, too long, or has control characters.")
        if len(levels) > _MOST_LEVELS:
            raise Invalid(
                f"The response topic has {len(levels)} levels, and may have {_MOST_LEVELS}."
            )
        if topic.startswith("$") or "+" in topic or "#" in topic:
            raise Invalid("A response topic names one topic: no + and no #, and no $ in front.")
        inside = topic.startswith(f"{self.prefix}/")
        if inside and (levels[-1] in COMMANDS or not topic.startswith(f"{self.prefix}/{name}/")):
            raise Forbidden(
                f"A response goes to a topic below {self.prefix}/{name}/, and to no command."
            )
        if not inside and not any(fits(filter_, topic) for filter_ in allowed):
            raise Forbidden(
                f"A response goes to a topic below {self.prefix}/{name}/, unless the settings "
                "allow another: `responses` in [[mqtt.allow]]."
            )
        return topic


def checked_name(name: str) -> str:
    """One level, which becomes a part of other topics. Raises Invalid."""
    if not name or len(name) > MOST_NAME_CHARS or _UNFIT.search(name) or name in _OURS:
        raise Invalid(
            f"A conversation is called by 1 to {MOST_NAME_CHARS} characters, none of them a "
            "control character, and not `status` or `error`."
        )
    if name.startswith("$") or any(mark in name for mark in "+#/"):
        raise Invalid("The name of a conversation has no + # and /, and no $ in front.")
    return name


def fits(filter_: str, topic: str) -> bool:
    """Whether a subscription to the filter would get what is published there."""
    wanted, levels = filter_.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )


def names(pattern: str, name: str) -> bool:
    """Whether a pattern of the settings means this name: `*` in it stands for any characters, and
    `+` alone for any name."""
    if pattern == "+":
        return True
    pieces = map(re.escape, pattern.split("*"))
    return re.fullmatch("(?s:.*)".join(pieces), name) is not None
