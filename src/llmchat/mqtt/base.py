"""What the MQTT door needs of a connection to a broker: the port, and what comes over it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a publisher may say beside its payload; MQTT 3.1.1 has none of it. `id` is the user
    property of that name. `packet` stands for the broker's own number of the message, which comes
    again, with `again`, when our acknowledgement was lost."""

    response_topic: str | None = None
    correlation: bytes | None = None
    id: str | None = None
    content_type: str | None = None
    packet: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A message from the broker. It is the broker's until `ack` is called, which says that it is
    stored: one that is not comes again, over the next connection."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    ack: Callable[[], None]
    envelope: Envelope = field(default_factory=Envelope)


class Link(Protocol):
    """The connection to the broker, as long as there is one: it comes back by itself."""

    async def publish(
        self, topic: str, payload: bytes, *, correlation: bytes | None = None, retain: bool = False
    ) -> bool:
        """Returns when the broker has it, however long that takes: with QoS 1, at least once. False
        for what it does not take: each time it ended the connection instead, or did not answer,
        which the log says."""
        ...
