"""Whether a browser sends a request for a page of this server, or for one of somebody else's."""

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


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, if only to a proxy in front of this server."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")


def _same_place(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False
