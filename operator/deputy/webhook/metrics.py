"""What the webhook process counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

_BUCKETS = (0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one process; no label holds a name that users choose."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.received = Counter(
            "deputy_webhook_received",
            "Deliveries, by what they tell and what became of them.",
            ("kind", "result"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "deputy_webhook_seconds",
            "Time from a delivery's first byte to its answer.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.claims = Counter(
            "deputy_webhook_claims",
            "Events that are safe on the API server, by what they became.",
            ("result",),
            registry=self.registry,
        )
        self.words = Counter(
            "deputy_webhook_acknowledgements",
            "First words and refusals, by what became of them.",
            ("result",),
            registry=self.registry,
        )
