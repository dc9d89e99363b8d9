"""One request and what is needed to answer it, as routes, streams and faults see it."""

from dataclasses import dataclass
from typing import Protocol

from llmchat.mock.answer import Piece, Usage
from llmchat.mock.background import KeptResponses
from llmchat.mock.behaviour import Behaviour
from llmchat.mock.http1 import Request, Response
from llmchat.mock.ledger import Ledger, RequestRecord
from llmchat.mock.options import Options


class Wire(Protocol):
    """How one dialect spells a streamed answer: each method returns the bytes of whole frames."""

    content_type: str

    def opening(self) -> bytes:
        """What comes before the first token."""
        ...

    def piece(self, piece: Piece) -> bytes: ...

    def empty(self) -> bytes:
        """A valid frame without a token."""
        ...

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        """What follows the last token, in order."""
        ...

    def done(self) -> bytes: ...

    def comment(self) -> bytes:
        """A sign of life that is not even a frame."""
        ...

    def error(self) -> bytes:
        """The model's failure, told inside the stream."""
        ...

    def error_event(self) -> bytes:
        """The same, as an event that is named an error."""
        ...

    def error_body(self, status: int) -> bytes:
        """The JSON body of an error response."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """What a route gets."""

    request: Request
    response: Response
    record: RequestRecord
    ledger: Ledger
    behaviour: Behaviour
    kept: KeptResponses
    name: str = ""
    """What stands in the path where its template has `{id}`."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a stream or a fault gets: the request is understood, the answer not begun."""

    call: Call
    wire: Wire
    options: Options

    @property
    def response(self) -> Response:
        return self.call.response

    def count_token(self) -> None:
        self.call.ledger.token_sent(self.call.record)
