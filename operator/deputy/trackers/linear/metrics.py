"""What is counted of our requests to Linear; base units, and no ids as labels."""

from prometheus_client import Counter, Gauge, Histogram

from deputy.trackers.linear.budget import Budget

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

REQUESTS = Counter("deputy_linear_requests_total", "Requests to Linear, by result", ["result"])
BUDGET_LEFT = Gauge(
    "deputy_linear_budget_remaining", "What Linear said may still be asked for", ["kind"]
)
BUDGET_LIMIT = Gauge("deputy_linear_budget_limit", "What Linear allows in an hour", ["kind"])
QUEUED = Gauge("deputy_linear_updates_queued", "Updates that wait to be sent")
LAG = Gauge("deputy_linear_lag_seconds", "How long the oldest update has been waiting")
DELIVERY = Histogram(
    "deputy_linear_delivery_seconds", "From wanting an update to having sent it", buckets=_SECONDS
)
UPDATES = Counter("deputy_linear_updates_total", "Updates by what became of them", ["result"])
DROPPED = Counter("deputy_linear_dropped_total", "Updates that were not sent", ["reason"])
RETRIES = Counter(
    "deputy_linear_retries_total", "Requests that are repeated, by reason", ["reason"]
)


def report_budget(budget: Budget) -> None:
    """Show what the newest answer said of our budget."""
    for kind, allowance in (("requests", budget.requests), ("complexity", budget.complexity)):
        if allowance is not None:
            BUDGET_LEFT.labels(kind).set(allowance.remaining)
            BUDGET_LIMIT.labels(kind).set(allowance.limit)
