"""Gauges with one sample for each combination of their labels."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily


def with_samples(family: GaugeMetricFamily, samples: Iterable[tuple[str | Sequence[str], float]]) -> GaugeMetricFamily:
    """The family, given its samples: pairs of the labels' values, one alone as it is, and the gauge's value."""
    for labels, value in samples:
        family.add_metric([labels] if isinstance(labels, str) else labels, value)
    return family
