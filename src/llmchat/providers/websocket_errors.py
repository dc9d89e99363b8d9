"""What goes wrong on the way to a WebSocket, in it, and at its end, as errors of ours."""

import ssl
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)
from websockets.frames import Close, CloseCode

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.providers.refusals import refusal, said_by, said_in, status_in

NORMAL_CODES = (CloseCode.NORMAL_CLOSURE, CloseCode.NO_STATUS_RCVD)
# Codes from here on are a server's own, and most count on from here as HTTP does: 4401, 4429.
_OWN_CODES = 4000
_STATUS_OF_CODES = {3000: 401, 3003: 403, 3008: 408}
_AGAIN = "try again in a moment."
_SENTENCES: Mapping[int, tuple[type[ProviderError], str]] = {
    CloseCode.GOING_AWAY: (UpstreamUnavailable, f"is going away (1001); {_AGAIN}"),
    CloseCode.INTERNAL_ERROR: (UpstreamUnavailable, f"failed (1011); {_AGAIN}"),
    CloseCode.SERVICE_RESTART: (UpstreamUnavailable, f"restarts (1012); {_AGAIN}"),
    CloseCode.TRY_AGAIN_LATER: (UpstreamUnavailable, f"has too much to do (1013); {_AGAIN}"),
    CloseCode.BAD_GATEWAY: (
        UpstreamUnavailable,
        f"did not reach the model behind it (1014); {_AGAIN}",
    ),
    CloseCode.POLICY_VIOLATION: (
        UpstreamUnauthorized,
        "does not allow this (1008): check the API key and the headers.",
    ),
    CloseCode.MESSAGE_TOO_BIG: (
        UpstreamRejected,
        "takes no message of this length (1009): send less with LLM_MAX_HISTORY_TOKENS.",
    ),
}


def refused(
    where: str,
    status: int,
    said: str,
    *,
    headers: Mapping[str, str] | None = None,
    has_key: bool = True,
) -> ProviderError:
    """The error for an HTTP status, whether a handshake, a close code or a frame has it."""
    if status < 300:
        return UpstreamMalformed(
            f"{where} answered as a web server does ({status}), and not as a WebSocket: check the "
            "path in the URL."
        )
    if status == 404:
        return UpstreamRejected(
            f"{where} does not know the path or the model (404): check the URL and the model's "
            f"name. It said: {said}"
        )
    return refusal(where, status, said, headers=headers, has_key=has_key)


def told(error: Any, message: Any, code: Any, retry_after: Any) -> ProviderError:
    """The error that a frame tells of. Without a status in it nobody knows whether it will pass."""
    where = "The model's server"
    found = error if isinstance(error, Mapping) else {"type": error}
    status = status_in({"code": code}) or status_in(found)
    nothing = "nothing" if code is None else f"nothing but the code {code}"
    said = said_in(message or (error if error is not True else None) or nothing)
    if status is None:
        return UpstreamRejected(
            f"{where} reported an error; if the request is not at fault, look into that server's "
            f"log. It said: {said}"
        )
    wait = {} if retry_after is None else {"retry-after": str(retry_after)}
    return refused(where, status, said, headers=wait)


def unopened(where: str, error: Exception, *, has_key: bool) -> ProviderError:
    """Why there is no connection."""
    match error:
        case InvalidStatus(response=response):
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            said = said_by(bytes(response.body))
            return refused(where, response.status_code, said, headers=headers, has_key=has_key)
        case InvalidMessage(__cause__=EOFError()):
            return UpstreamUnavailable(f"{where} closed the connection in the handshake.")
        case ProxyError() | InvalidProxy() | ImportError():
            # Nothing of it is shown: the address of a proxy may have a password in it.
            return UpstreamUnavailable(
                f"{where} cannot be reached through the proxy that the environment names "
                f"({type(error).__name__}); check HTTP_PROXY and HTTPS_PROXY, or except it by "
                "NO_PROXY."
            )
        case WebSocketException():
            return UpstreamMalformed(
                f"{where} does not answer as a WebSocket; check the URL. {error}"
            )
    return UpstreamUnavailable(_unreachable(where, error))


def _unreachable(where: str, error: Exception) -> str:
    match error:
        case TimeoutError():
            return f"{where} did not answer in time; check that it runs, and the URL."
        case ssl.SSLCertVerificationError(verify_message=reason):
            return (
                f"{where} has a certificate that is not trusted ({reason}): check the URL, or "
                "install the certificate of its authority on this machine."
            )
        case ssl.SSLError(reason=reason):
            return (
                f"{where} does not speak TLS as it should ({reason}): the URL of a server without "
                "TLS begins with ws://."
            )
    return f"{where} cannot be reached; check that it runs, and the URL. {error}"


def closed(where: str, error: ConnectionClosed, *, has_key: bool) -> ProviderError | None:
    """Why the connection ended; None for an end that is as it should be."""
    if error.rcvd is None:
        return _broken(where, error.sent)
    code, said = error.rcvd.code, error.rcvd.reason or "nothing"
    if code in NORMAL_CODES:
        return None
    if code in _SENTENCES:
        kind, sentence = _SENTENCES[code]
        return kind(f"{where} {sentence} It said: {said}")
    status = _STATUS_OF_CODES.get(code, code - _OWN_CODES)
    if 400 <= status < 600:
        return refused(where, status, said, has_key=has_key)
    return UpstreamRejected(
        f"{where} closed the connection with the code {code}; see what that server means by it. "
        f"It said: {said}"
    )


def _broken(where: str, sent: Close | None) -> ProviderError:
    """A connection without a last word of the server: it broke, or we could not go on with it."""
    if sent is None:
        return UpstreamUnavailable(f"{where} broke the connection; try again.")
    if sent.code == CloseCode.MESSAGE_TOO_BIG:
        return UpstreamTooLarge(
            f"{where} sent a message that is larger than is allowed ({sent.reason}). Check what "
            "the URL points to, or let that server send its answer in pieces."
        )
    return UpstreamMalformed(
        f"{where} sent what is no WebSocket frame ({sent.reason}); check the URL."
    )
