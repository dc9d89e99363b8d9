"""What was used up, and what it cost."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response
from pydantic import BeforeValidator

from llmchat.access.base import Scope
from llmchat.access.usage import Group, Question, Report, Sum
from llmchat.errors import Invalid
from llmchat.ids import OwnerId
from llmchat.web.auth import Guarded, Me
from llmchat.web.deps import Use
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import USER

router = Router(prefix="/api", tags=["usage"], route_class=Guarded)

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_YEARS = range(2000, 9000)
_USUAL_SPAN = timedelta(days=30)
_LONGEST_SPAN = timedelta(days=3660)
_MOST_CHARS = 40
# What a spreadsheet would take for a formula, or for the way to one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_MEMBER = {Group.CONVERSATION: "conversation_id"}
CSV = {
    "description": "The sums; with `format=csv` as a file, without the total.",
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "model,input_tokens,cached_tokens,output_tokens,reasoning_tokens,cost_usd,"
            "generations,estimated\ndemo/echo,4,0,6,0,,1,false\n",
        }
    },
}


class UsageTotal(Shape):
    input_tokens: int
    cached_tokens: int
    """Of the input."""
    output_tokens: int
    reasoning_tokens: int
    """Of the output."""
    cost_usd: float | None
    """Of the models whose price is known; null when there is none among them."""
    generations: int
    """Answers, however many attempts they took; the tokens are those of all attempts."""
    estimated: bool
    """Whether some of the tokens were counted here, because a server did not say."""


class UsageSum(UsageTotal):
    """What has one thing in common: the one that `group_by` names."""

    model: str | None = None
    day: str | None = None
    """In UTC."""
    key: str | None = None
    """The id of an API key; null where none was sent."""
    conversation_id: str | None = None
    """Null for what nobody stored. A conversation may be gone by now."""
    user: str | None = None


class UsageReport(Shape):
    items: list[UsageSum]
    """Days in their order; all else with the most tokens first, and no more than 1000."""
    total: UsageTotal


class Allowed(Shape):
    """One number of an allowance, and how much of it is gone."""

    whose: Literal["user", "key"]
    """`user`: of all your requests; `key`: of those with the key that you sent."""
    unit: Literal["tokens", "usd"]
    period: Literal["day", "month"]
    """Of UTC."""
    most: float
    used: float
    reserved: float
    """Put aside for answers that are being written."""
    left: float
    resets_at: datetime


class Allowances(Shape):
    items: list[Allowed]
    """None where you may use up any amount."""


def _moment(text: object, *, ends: bool = False) -> datetime:
    """A date stands for all of its day."""
    given = text if isinstance(text, str) and len(text) <= _MOST_CHARS else ""
    # Whoever forgot to encode a plus sent a space.
    time = datetime.fromisoformat(given.replace(" ", "+"))
    is_date = _DATE.fullmatch(given) is not None
    if time.year not in _YEARS or (time.tzinfo is None and not is_date):
        raise ValueError("expected a date, 2026-11-21, or a time, 2026-11-21T08:00:00Z")
    if is_date:
        return time.replace(tzinfo=UTC) + timedelta(days=1 if ends else 0)
    return time.astimezone(UTC)


Since = Annotated[datetime, BeforeValidator(_moment)]
Until = Annotated[datetime, BeforeValidator(lambda text: _moment(text, ends=True))]


def _question(
    me: Me,
    since: Annotated[
        Since | None,
        Query(description="A date, or an RFC 3339 time; when left out, 30 days before `until`."),
    ] = None,
    until: Annotated[
        Until | None,
        Query(description="Up to the end of this date, or before this time; when left out, now."),
    ] = None,
    group_by: Annotated[Group, Query(description="What the sums are of.")] = Group.MODEL,
    user: Annotated[
        str | None, Query(pattern=USER, description="Whose; of others it takes the scope `admin`.")
    ] = None,
    all: Annotated[
        bool, Query(description="Of all users together, which takes the scope `admin`.")
    ] = False,
) -> Question:
    """Raises Forbidden, Invalid."""
    if all or user not in (None, me.user):
        me.require(Scope.ADMIN)
    end = until or datetime.now(UTC) + timedelta(minutes=1)
    begin = since or end - _USUAL_SPAN
    if not timedelta() < end - begin <= _LONGEST_SPAN:
        raise Invalid("`until` has to be behind `since`, and no more than ten years.")
    whose = None if all else OwnerId(user) if user else me.user
    return Question(begin, end, group_by, whose)


@router.get(
    "/usage",
    response_model=UsageReport,
    response_model_exclude_unset=True,
    responses={200: CSV, **documented(403, 422, 503)},
)
async def usage(
    use: Use,
    question: Annotated[Question, Depends(_question)],
    format: Annotated[
        Literal["json", "csv"], Query(description="`csv` gives a file for spreadsheets.")
    ] = "json",
) -> object:
    """Sum up usage. Your own tokens and what they cost: of every attempt at an answer, also of
    those that failed or were stopped."""
    report = await use.usage.report(question)
    if format == "csv":
        headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
        return Response(as_csv(report, question.group_by), 200, headers, "text/csv; charset=utf-8")
    name = _MEMBER.get(question.group_by, str(question.group_by))
    items = [UsageSum(**{name: found.name}, **_members(found)) for found in report.sums]
    return UsageReport(items=items, total=UsageTotal(**_members(report.total)))


@router.get("/usage/allowances", responses=documented(503))
async def allowances(use: Use, me: Me) -> Allowances:
    """See what is left. Of each allowance of yours, and of the key that you sent."""
    found = await use.spending.standings(me.user)
    return Allowances(items=[Allowed.model_validate(standing) for standing in found])


def as_csv(report: Report, group: Group) -> str:
    """No cell is one that a spreadsheet would run."""
    file = io.StringIO()
    names = list(UsageTotal.model_fields)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_MEMBER.get(group, str(group)), *names])
    for found in report.sums:
        members = _members(found) | {"cost_usd": "" if found.cost is None else f"{found.cost:f}"}
        writer.writerow([_inert(found.name or ""), *(_cell(members[name]) for name in names)])
    return file.getvalue()


def _cell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _members(found: Sum) -> dict[str, Any]:
    return {
        "input_tokens": found.input_tokens,
        "cached_tokens": found.cached_tokens,
        "output_tokens": found.output_tokens,
        "reasoning_tokens": found.reasoning_tokens,
        "cost_usd": None if found.cost is None else float(found.cost),
        "generations": found.generations,
        "estimated": found.estimated,
    }
