"""What the webhook process counts; no label holds a name that users choose."""

from prometheus_client import Counter, Histogram

_SECONDS = (0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

RECEIVED = Counter(
    "deputy_webhook_received",
    "Deliveries, by what they tell and what became of them.",
    ("kind", "result"),
)
SECONDS = Histogram(
    "deputy_webhook_seconds", "Time from a delivery's first byte to its answer.", buckets=_SECONDS
)
CLAIMS = Counter(
    "deputy_webhook_claims",
    "Events that are safe on the API server, by what they became.",
    ("result",),
)
ACKNOWLEDGEMENTS = Counter(
    "deputy_webhook_acknowledgements",
    "First words and refusals, by what became of them.",
    ("result",),
)
