"""One JSON object a line on standard output. No words of the agent, no secrets."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # In the standard library from Python 3.12 on; this package has nothing else.
    from typing_extensions import override
else:

    def override(method: Callable[..., Any]) -> Callable[..., Any]:
        """Mark a method for the type checker."""
        return method


_LOG = logging.getLogger("deputy_sidecar")


class _JsonLines(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        now = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {
            "timestamp": now.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str) -> None:
    """Send everything that is logged to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _write(level: int, event: str, **fields: Any) -> None:
    """Log `event` with its fields."""
    _LOG.log(level, event, extra={"fields": fields})


def info(event: str, **fields: Any) -> None:
    """Log what is as it should be."""
    _write(logging.INFO, event, **fields)


def warning(event: str, **fields: Any) -> None:
    """Log what is not, and is being dealt with."""
    _write(logging.WARNING, event, **fields)
