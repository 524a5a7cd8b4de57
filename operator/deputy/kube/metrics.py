"""What is counted of the watches; base units, and no names or uids as labels."""

from prometheus_client import Counter

STALE_WATCH = Counter("deputy_watch_stale_total", "Changes that a resync found before the watch")
