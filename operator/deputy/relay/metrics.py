"""What the relay counts; base units, and no names or uids as labels."""

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

PROMPT_SECONDS = Histogram(
    "deputy_prompt_delivery_seconds", "From inbox to the agent", buckets=_SECONDS
)
RELAY_EVENTS = Counter(
    "deputy_relay_events_total", "Events of sidecars, by what became of them", ["result"]
)
