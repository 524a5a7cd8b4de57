"""What the controller counts; base units, and no names or uids as labels."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

QUEUE_DEPTH = Gauge("deputy_work_queue_depth", "Keys that wait for a worker")
WORK_SECONDS = Histogram("deputy_work_seconds", "One look at one object", buckets=_SECONDS)
WORK_FAILURES = Counter("deputy_work_failures_total", "Looks that failed and are repeated")
RUNS_ENDED = Counter("deputy_runs_ended_total", "Runs that ended, by reason", ["reason"])
QUEUE_WAIT = Histogram("deputy_queue_wait_seconds", "From claim to slot", buckets=_SECONDS)
CLAIM_TO_POD = Histogram("deputy_claim_to_pod_seconds", "From claim to pod", buckets=_SECONDS)
POD_TO_HELLO = Histogram(
    "deputy_pod_to_first_contact_seconds", "From slot to the sidecar's first word", buckets=_SECONDS
)
STOP_SECONDS = Histogram(
    "deputy_stop_seconds", "From asking the sidecar to the end of the run", buckets=_SECONDS
)
API_WRITES = Counter(
    "deputy_api_writes_total", "Writes to the API server, by resource", ["resource"]
)
LEADER = Gauge("deputy_leader", "1 while this process leads")
