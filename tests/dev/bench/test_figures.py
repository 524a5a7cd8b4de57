"""Figures of the benchmark, and the table that shows them."""

import json

import pytest

from dev.bench.figures import Figure, Group, Unit, latencies, percentile
from dev.bench.flow_schemas import KINDS, Counts, all_in, ours_in
from dev.bench.report import as_json, as_notes, as_table, missed, shown

METRICS = """\
# TYPE apiserver_flowcontrol_dispatched_requests_total counter
apiserver_flowcontrol_dispatched_requests_total{flow_schema="deputy-bench-runs",priority_level="workload-low"} 12
apiserver_flowcontrol_dispatched_requests_total{flow_schema="service-accounts",priority_level="workload-low"} 99
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 1.5e+01
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 7
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 40
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 50
"""  # noqa: E501  as the API server writes it


def group(*figures: Figure) -> Group:
    return Group("start", "Claim to agent", "creates a pod.", figures, ("A note.",))


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 2), (75, 3), (99, 4), (100, 4)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, expected: int) -> None:
    assert percentile([4, 2, 1, 3], percent) == expected


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_latencies_are_shown_in_milliseconds_beside_the_bare_client_with_their_aims() -> None:
    figures = latencies("answered", [0.25, 0.5], [0.125], aims={99: 400.0})

    assert figures == [
        Figure("answered, p50", Unit.MILLISECONDS, 250.0, 125.0, None),
        Figure("answered, p99", Unit.MILLISECONDS, 500.0, 125.0, 400.0),
    ]


@pytest.mark.parametrize(("deputy", "met"), [(10.0, True), (10.1, False), (None, None)])
def test_an_aim_is_met_up_to_its_own_value(deputy: float | None, met: object) -> None:
    assert Figure("", Unit.COUNT, deputy, aim=10.0).met is met


def test_a_figure_without_an_aim_neither_meets_nor_misses_it() -> None:
    assert Figure("", Unit.COUNT, 10.0).met is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.COUNT, "not measured"),
        (0.0, Unit.COUNT, "0"),
        (8.55, Unit.COUNT, "8.6"),
        (0.043, Unit.CORE_PERCENT, "0.04 % of a core"),
        (0.0004, Unit.CORE_PERCENT, "< 0.01 % of a core"),
        (1234.5, Unit.MILLISECONDS, "1,234 ms"),
        (199.6, Unit.PER_SECOND, "200/s"),
    ],
)
def test_values_are_shown_with_as_many_digits_as_they_deserve(
    value: float | None, unit: Unit, text: str
) -> None:
    assert shown(value, unit) == text


def test_the_table_says_which_aim_was_missed() -> None:
    good = Figure("writes", Unit.COUNT, 9.0, 2.0, 10.0)
    bad = Figure("first byte, p50", Unit.MILLISECONDS, 1500.0, 1000.0, 1200.0)
    groups = [group(good, bad)]

    assert missed(groups) == [bad]
    assert as_table(groups).splitlines() == [
        "|                    |   Deputy | bare client |                    aim |",
        "| ------------------ | -------: | ----------: | ---------------------: |",
        "| **Claim to agent** |          |             |                        |",
        "| writes             |        9 |           2 |              ≤ 10: met |",
        "| first byte, p50    | 1,500 ms |    1,000 ms | ≤ 1,200 ms: **missed** |",
    ]


def test_the_notes_say_what_the_bare_client_did() -> None:
    assert as_notes([group()]) == "- Claim to agent: creates a pod. A note."


def test_programs_get_everything() -> None:
    report = as_json({"cores": "2"}, [group(Figure("writes", Unit.COUNT, 9.0, 2.0, 10.0))])

    assert json.loads(json.dumps(report)) == {
        "facts": {"cores": "2"},
        "groups": [
            {
                "name": "start",
                "title": "Claim to agent",
                "beside": "creates a pod.",
                "notes": ["A note."],
                "figures": [
                    {
                        "what": "writes",
                        "unit": "",
                        "deputy": 9.0,
                        "bare": 2.0,
                        "aim": 10.0,
                        "met": True,
                    }
                ],
            }
        ],
    }


def test_our_writes_are_those_under_our_flow_schemas() -> None:
    assert ours_in(METRICS) == dict.fromkeys(KINDS, 0.0) | {"runs": 12.0}


def test_everybodys_writes_are_changes_of_what_a_run_touches() -> None:
    assert all_in(METRICS) == 18.0


def test_leases_and_reviews_are_not_counted_as_a_runs_writes() -> None:
    before = Counts({"runs": 1, "leases": 4}, 10)
    after = Counts({"runs": 7, "pods": 2, "leases": 9, "reviews": 3}, 40)

    written = after.since(before)

    assert (written.stored, written.everybody) == (8, 30)
