"""Read counters of this process, which other tests count up as well."""

from collections import Counter

import prometheus_client


def counted(counter: prometheus_client.Counter) -> Counter[tuple[str, ...]]:
    """Return what `counter` has counted so far, by the values of its labels.

    The difference of two readings is what was counted between them.
    """
    samples = next(iter(counter.collect())).samples
    values: Counter[tuple[str, ...]] = Counter()
    for sample in samples:
        if sample.name.endswith("_total"):
            values[tuple(sample.labels.values())] = int(sample.value)
    return values
