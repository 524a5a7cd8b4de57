"""The clock that shells are given; core is told the time, and never asks."""

import datetime as dt


def utc_now() -> dt.datetime:
    """Return the time of day, in UTC."""
    return dt.datetime.now(dt.UTC)
