"""Routers that see at a glance which paths are not theirs."""

import re
from functools import cached_property

from fastapi import APIRouter
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import Scope

_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


class Router(APIRouter):
    """The framework finds a route by asking every route of every router in turn: with a hundred of
    them that costs more than most answers. All paths of a router are one expression here, and only
    routers that have the path are asked. Their routes are complete before the first request."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not scope.get("root_path") and self._paths.match(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _paths(self) -> re.Pattern[str]:
        found = [it.path_regex for it in self.routes if isinstance(it, Route | WebSocketRoute)]
        # Two routes may name their parameters alike, and one expression may not.
        return re.compile("|".join(_NAMED_GROUP.sub("(?:", it.pattern) for it in found))
