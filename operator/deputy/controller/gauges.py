"""Gauges that are counted when somebody asks: runs, queues, and slots that must never leak."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from deputy.controller.slots import Slots
from deputy.core.admission import holds_slot, is_queued
from deputy.core.phase import Phase
from deputy.kube.cache import Cache

_OF_BLUEPRINT = ("namespace", "blueprint")


class RunGauges(Collector):
    """Counts what the stores hold."""

    def __init__(self, cache: Cache, slots: Slots) -> None:
        self._cache = cache
        self._slots = slots

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are now."""
        yield self._phases()
        taken = GaugeMetricFamily("deputy_slots_taken", "Slots taken", labels=_OF_BLUEPRINT)
        waiting = GaugeMetricFamily("deputy_runs_queued", "Runs that wait", labels=_OF_BLUEPRINT)
        over = GaugeMetricFamily(
            "deputy_slots_over_admitted", "Runs above the cap; must be 0", labels=_OF_BLUEPRINT
        )
        for blueprint in self._cache.blueprints:
            key = blueprint.metadata.key
            runs = self._slots.contenders(*key)
            active = sum(map(holds_slot, runs))
            taken.add_metric(key, active)
            waiting.add_metric(key, sum(map(is_queued, runs)))
            over.add_metric(key, max(0, active - blueprint.spec.max_concurrent_runs))
        yield from (taken, waiting, over)

    def _phases(self) -> Metric:
        gauge = GaugeMetricFamily("deputy_runs", "Runs by phase", labels=("phase",))
        counts = Counter(run.status.phase for run in self._cache.runs)
        for phase in Phase:
            gauge.add_metric((phase.value,), counts[phase])
        return gauge
