"""Logs: one JSON object a line on standard output, ours and our libraries' alike."""

import logging
import sys

import structlog
from structlog.typing import Processor

#: Without local variables: they hold tokens, and what people wrote.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    _TRACEBACKS,
)

#: Libraries that log every request, addresses and all.
_VERBOSE_LOGGERS = ("httpx", "httpcore", "aiohttp.access")


def described(error: BaseException) -> str:
    """Return `error` as logs have it: its kind, then what it says."""
    return f"{type(error).__name__}: {error}"


def configure(level: str = "INFO") -> None:
    """Send every log of the process to standard output as JSON, from `level` on."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
