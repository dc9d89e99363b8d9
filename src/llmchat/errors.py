"""Everything that can go wrong, as one tree; the web, the log and the terminal all show these.

LlmchatError
├── Malformed                 400  the request cannot be read
│   └── BadCursor             400  a cursor that is no offset of this log
├── Unauthenticated           401  nobody that this server knows
├── Forbidden                 403  known, and not allowed to do this
├── NotFound                  404  no such object for this caller
├── Busy                      409  the conversation already has a live generation
├── Conflict                  409  it is there already, or has gone too far for this
├── LogGone                   410  the log is past its retention; the message is in the history
├── Invalid                   422  readable, but not what was asked for
│   ├── UnknownModel          422  no provider of ours has that name
│   └── PromptTooLong         422  more tokens than the model, or the operator, takes
├── RateLimited               429  too often; carries when to come back
├── Unavailable               503  not now; carries when to come back
│   ├── ShuttingDown          503
│   ├── StorageUnavailable    503
│   └── IssuerUnavailable     503  no token can be checked: its issuer has not said its keys
├── Interrupted               503  its process went away; only ever seen as a generation's end
├── GenerationFailed          any  what somebody waited for ended with that problem
├── OffsetConflict            (internal) somebody else writes this log, or it has ended
├── DataDirLocked             (start)    another process has the data directory
├── KindUnusable              (start)    a kind of provider that a package adds does not work
├── ExtraMissing              (start)    what the settings ask for needs a package that is not there
└── ProviderError             503  the upstream model
    ├── UpstreamUnavailable   503  refused, cut before the first byte, 5xx
    │   └── CircuitOpen       503  it failed so often that it is not asked for a while
    ├── UpstreamRateLimited   503  with the upstream's Retry-After
    │   └── ProviderBusy      503  we ask it for no more answers at once than configured
    ├── UpstreamUnauthorized  503  it refused our key: the operator's business
    ├── UpstreamRejected      422  it said no to this request, and will say no again
    ├── UpstreamMalformed     503  it answered something that is not the protocol
    ├── UpstreamTruncated     503  it ended without saying that it had finished
    ├── UpstreamTooLarge      503  it sent more than the bounds allow
    └── UpstreamTimeout       504  one of the three clocks ran out
"""

from typing import ClassVar

from llmchat.problem import Problem


class LlmchatError(Exception):
    """The root: each kind has a stable `type`, a title and an HTTP status."""

    type: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong inside llmchat"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def problem(self) -> Problem:
        return Problem(self.type, self.title, self.status, self.detail, self.retry_after_seconds)


class Malformed(LlmchatError):
    type = "malformed"
    title = "The request cannot be read"
    status = 400


class BadCursor(Malformed):
    type = "bad_cursor"
    title = "The cursor is not an offset of this log"


class Unauthenticated(LlmchatError):
    type = "unauthenticated"
    title = "This server wants to know who calls"
    status = 401


class Forbidden(LlmchatError):
    type = "forbidden"
    title = "The caller may not do this"
    status = 403


class NotFound(LlmchatError):
    type = "not_found"
    title = "There is no such object"
    status = 404


class Busy(LlmchatError):
    type = "conversation_busy"
    title = "The conversation already has a live generation"
    status = 409

    def __init__(self, generation_id: str) -> None:
        super().__init__(
            f"Generation {generation_id} is still running. Wait for its end, stop it, or send "
            'with "on_busy": "queue" or "interrupt".'
        )
        self.generation_id = generation_id

    def problem(self) -> Problem:
        return Problem(
            self.type, self.title, self.status, self.detail, generation_id=self.generation_id
        )


class Conflict(LlmchatError):
    type = "conflict"
    title = "The object is in a state that does not allow this"
    status = 409


class LogGone(LlmchatError):
    type = "log_expired"
    title = "The log of this generation is gone"
    status = 410


class Invalid(LlmchatError):
    type = "invalid"
    title = "The request is not valid"
    status = 422


class UnknownModel(Invalid):
    type = "unknown_model"
    title = "There is no such model"


class PromptTooLong(Invalid):
    type = "prompt_too_long"
    title = "The prompt is too long for the model"


class RateLimited(LlmchatError):
    type = "rate_limited"
    title = "Too many requests"
    status = 429

    def __init__(
        self, detail: str, *, limit: int, remaining: int, retry_after_seconds: float, kind: str
    ) -> None:
        """`kind` is for whoever counts them: which limit it is, in one of a few words."""
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.kind = kind
        self.limit = limit
        self.remaining = remaining


class Unavailable(LlmchatError):
    type = "unavailable"
    title = "Not available right now"
    status = 503


class ShuttingDown(Unavailable):
    type = "shutting_down"
    title = "The server is shutting down"

    def __init__(self) -> None:
        super().__init__(
            "This server is being stopped and takes nothing new. Try again in a moment.",
            retry_after_seconds=2,
        )


class StorageUnavailable(Unavailable):
    type = "storage_unavailable"
    title = "The storage does not answer"


class IssuerUnavailable(Unavailable):
    type = "issuer_unavailable"
    title = "The issuer of tokens does not answer"


class OffsetConflict(LlmchatError):
    type = "offset_conflict"
    title = "Somebody else writes this log, or it has ended"


class DataDirLocked(LlmchatError):
    type = "data_dir_locked"
    title = "Another process has the data directory"


class KindUnusable(LlmchatError):
    type = "kind_unusable"
    title = "A kind of provider cannot be used"


class ExtraMissing(LlmchatError):
    type = "extra_missing"
    title = "A package is missing"


class ProviderError(LlmchatError):
    """The upstream failed. `retryable` says whether the same request may work a little later."""

    type = "upstream_error"
    title = "The model's server failed"
    status = 503
    retryable: ClassVar[bool] = False


class UpstreamUnavailable(ProviderError):
    type = "upstream_unavailable"
    title = "The model's server cannot be reached"
    retryable = True


class CircuitOpen(UpstreamUnavailable):
    """It was not asked: it failed too often just now."""


class UpstreamRateLimited(ProviderError):
    type = "upstream_rate_limited"
    title = "The model's server asks to slow down"
    retryable = True


class ProviderBusy(UpstreamRateLimited):
    type = "provider_busy"
    title = "As many answers as the model's server may write at once are being written"


class UpstreamUnauthorized(ProviderError):
    type = "upstream_unauthorized"
    title = "The model's server refused our key"


class UpstreamRejected(ProviderError):
    type = "upstream_rejected"
    title = "The model's server refused the request"
    status = 422


class UpstreamMalformed(ProviderError):
    type = "upstream_malformed"
    title = "The model's server answered something that cannot be read"


class UpstreamTruncated(ProviderError):
    type = "upstream_truncated"
    title = "The model's server broke off its answer"


class UpstreamTooLarge(ProviderError):
    type = "upstream_too_large"
    title = "The model's server sent more than is allowed"


class UpstreamTimeout(ProviderError):
    type = "upstream_timeout"
    title = "The model's server was silent for too long"
    status = 504


class GenerationFailed(LlmchatError):
    """A generation that somebody waited for ended with this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, retry_after_seconds=problem.retry_after_seconds)
        self._problem = problem

    def problem(self) -> Problem:
        return self._problem


class Interrupted(LlmchatError):
    """Not raised to a caller: what a generation ends with when its process went away."""

    type = "interrupted"
    title = "The generation was interrupted"
    status = 503
