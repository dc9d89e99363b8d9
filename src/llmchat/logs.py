"""Log lines: a constant sentence plus fields, readable on a terminal, JSON elsewhere."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor


def _drop_colour_message(_: object, __: str, fields: EventDict) -> EventDict:
    """uvicorn says each sentence twice, the second time with terminal codes."""
    fields.pop("color_message", None)
    return fields


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
        [structlog.dev.ConsoleRenderer()]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *last])
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # They tell of every request and retry of theirs, texts and addresses included.
    for name in ("httpx2", "openai", "aiosqlite", "sse_starlette", "stamina", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
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
