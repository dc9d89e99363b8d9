"""Log lines: a constant sentence plus fields, readable on a terminal, JSON elsewhere."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

_TOLD = ("llmchat", "uvicorn")
"""Whose lines are logged from the level on that is set; others only warn."""


def _drop_colour_message(_: object, __: str, fields: EventDict) -> EventDict:
    """uvicorn says each sentence twice, the second time with terminal codes."""
    fields.pop("color_message", None)
    return fields


def _one_line(_: object, __: str, fields: EventDict) -> EventDict:
    """What came from outside cannot end the line, colour it or move the cursor. A traceback has
    lines of its own: indented, none of them looks like another event."""
    for name, value in fields.items():
        if name in ("exception", "stack"):
            fields[name] = "\n".join(f"    {_printable(line)}" for line in value.split("\n"))
        elif isinstance(value, str):
            fields[name] = _printable(value)
        elif not (shown := repr(value)).isprintable():
            fields[name] = _printable(shown)
    return fields


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _for_people() -> list[Processor]:
    # The renderer's own tracebacks show the variables of each frame: keys and prompts are in them.
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return [structlog.processors.format_exc_info, _one_line, renderer]


def pass_on() -> None:
    """Hand every line to `logging`, as libraries do, where whoever embeds us decides about them;
    unless they have told structlog already what to do. Alone, it would print them all."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                structlog.processors.format_exc_info,
                _one_line,
                _sentence,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )


def _sentence(_: object, __: str, fields: EventDict) -> str:
    sentence, exception = fields.pop("event"), fields.pop("exception", None)
    said = " ".join([str(sentence), *(f"{name}={value}" for name, value in fields.items())])
    return said if exception is None else f"{said}\n{exception}"


def configure(
    level: str, format: Literal["auto", "json", "text"], *, worker: int | None = None
) -> None:
    """Send everything, our libraries' lines too, to standard error in one shape; with the number
    of the worker where several processes write to it."""

    def add_worker(_: object, __: str, fields: EventDict) -> EventDict:
        return fields if worker is None else {"worker": worker, **fields}

    text = format == "text" or (format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colour_message,
        add_worker,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        _for_people()
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *last])
    )
    # At lower levels libraries tell of each request: its headers with the keys, and its text.
    lowest = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(lowest, logging.WARNING), force=True)
    for name in _TOLD:
        logging.getLogger(name).setLevel(lowest)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
