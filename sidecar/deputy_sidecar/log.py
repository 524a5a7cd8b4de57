"""One JSON object a line on standard output. No words of the agent, no secrets."""

import datetime as dt
import json
import logging
import sys
from typing import Any


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        now = dt.datetime.fromtimestamp(record.created, dt.UTC)
        found: dict[str, Any] = {
            "timestamp": now.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)


def configure(level: str) -> None:
    """Send everything that is logged to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def note(level: int, event: str, **facts: Any) -> None:
    """Log `event` with its facts."""
    logging.getLogger("deputy_sidecar").log(level, event, extra={"facts": facts})


def info(event: str, **facts: Any) -> None:
    """Log what is as it should be."""
    note(logging.INFO, event, **facts)


def warning(event: str, **facts: Any) -> None:
    """Log what is not, and is being dealt with."""
    note(logging.WARNING, event, **facts)
