"""`llmchat usage`: what was used up and what it cost, beside a running service or without one."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from llmchat import logs
from llmchat.access.usage import Group, Question, Report, Sum
from llmchat.clock import Clock
from llmchat.errors import LlmchatError
from llmchat.ids import OwnerId
from llmchat.settings import Settings
from llmchat.terminal import Config, DataDir, give_up, settings_of

_BAR_CHARS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_NAME_CHARS = 40


def usage(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day (UTC); 30 days ago if left out."),
    ] = None,
    by: Annotated[Group, typer.Option(help="What the sums are of.")] = Group.MODEL,
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show the tokens that were used up, and what they cost."""
    settings = settings_of(config, data_dir=data_dir)
    now = Clock().now() + timedelta(minutes=1)
    begin = now - timedelta(days=30) if since is None else since.replace(tzinfo=UTC)
    if begin >= now:
        give_up(f"--since {begin:%Y-%m-%d} is still to come.")
    question = Question(begin, now, by, None if user is None else OwnerId(user))
    try:
        report = asyncio.run(_ask(settings, question))
    except LlmchatError as error:
        give_up(error.detail)
    typer.echo(_json(report, by) if as_json else "\n".join(_table(report, by)))


async def _ask(settings: Settings, question: Question) -> Report:
    from llmchat.engines import open_database
    from llmchat.store.usage import SqlUsageStore

    logs.configure(settings.log_level, settings.log_format)
    async with AsyncExitStack() as stack:
        database = await open_database(settings, stack)
        return await SqlUsageStore(database, Clock().now).report(question)


def _json(report: Report, by: Group) -> str:
    items = [{str(by): found.name, **_members(found)} for found in report.sums]
    return json.dumps({"items": items, "total": _members(report.total)}, indent=2)


def _members(found: Sum) -> dict[str, object]:
    return {
        "input_tokens": found.input_tokens,
        "cached_tokens": found.cached_tokens,
        "output_tokens": found.output_tokens,
        "reasoning_tokens": found.reasoning_tokens,
        "cost_usd": None if found.cost is None else float(found.cost),
        "generations": found.generations,
        "estimated": found.estimated,
    }


def _table(report: Report, by: Group) -> Sequence[str]:
    head = (str(by), "answers", "input", "output", "US dollars", "")
    most = max((_tokens(found) for found in report.sums), default=0)
    rows = [_row(found, _bar(_tokens(found), most)) for found in report.sums]
    rows.append(_row(report.total, "", name="in all"))
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    return [_line(row, widths) for row in (head, *rows)] + (
        ["~ counted here, because a server did not say."] if report.total.estimated else []
    )


def _row(found: Sum, bar: str, *, name: str | None = None) -> tuple[str, ...]:
    about = "~" if found.estimated else ""
    shown = name or _plain(found.name or "(none)")
    asked, answered = f"{found.input_tokens:,}", f"{found.output_tokens:,}"
    cost = _usd(found.cost)
    return shown, f"{found.generations:,}", about + asked, about + answered, cost, bar


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, bar = row
    cells = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join([name.ljust(widths[0]), *cells, bar]).rstrip()


def _bar(tokens: int, most: int) -> str:
    """In eighths of a character."""
    eighths = round(_BAR_CHARS * 8 * tokens / most) if most else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _plain(name: str) -> str:
    """A model's name may be anybody's: nothing in it reaches the terminal but what prints."""
    printed = "".join(char if char.isprintable() else "?" for char in name)
    cut = printed[: _MOST_NAME_CHARS - 1] + "…"
    return printed if len(printed) <= _MOST_NAME_CHARS else cut


def _usd(cost: Decimal | None) -> str:
    return "?" if cost is None else f"{cost:,.6f}"


def _tokens(found: Sum) -> int:
    return found.input_tokens + found.output_tokens
