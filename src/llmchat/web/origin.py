"""Whether a browser sends a request for a page of this server, or for one of somebody else's."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import Request

from llmchat.errors import Forbidden

# `none` is the person, who typed the address or opened a bookmark.
_OWN = frozenset({"same-origin", "none"})
_FOREIGN = (
    "A page of another server made this request, and this server's cookie is not for it. "
    "Programs and pages elsewhere send an API key as `Authorization: Bearer …`."
)


def refuse_foreign(request: Request) -> None:
    """Raises Forbidden when it comes from another server's page. A cookie alone proves nothing: the
    browser adds it whoever asks. A request that names no page is a program's: a browser says at
    least one of the two with all that changes anything.

    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own_site = site is None or site in _OWN
    # `none` also comes with what was begun elsewhere, such as a link in a mail.
    own_place = origin is None or _same_place(origin, request.headers.get("host", ""))
    if not (own_site and (site == "same-origin" or own_place)):
        raise Forbidden(_FOREIGN)


def refuse_elsewhere(request: Request, allowed: Collection[str]) -> None:
    """Raises Forbidden for a socket of another server's page, unless its origin is `allowed` (`*`
    allows all), whoever calls: a browser lets any page open a socket to anywhere, with the cookie
    or within reach of an open server, and read all of it. https://www.rfc-editor.org/rfc/rfc6455#section-10.2
    """
    origin = request.headers.get("origin")
    if origin is None or _same_place(origin, request.headers.get("host", "")):
        return
    if "*" not in allowed and origin not in allowed:
        raise Forbidden(
            "A page of another server asks for this socket. The operator lists the origins of such "
            "pages in LLMCHAT_CORS_ORIGINS."
        )


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, if only to a proxy in front of this server."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")


def _same_place(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
