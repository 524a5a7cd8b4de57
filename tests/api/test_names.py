"""Facts of derived names: they fit, they say what they are of, and they never change."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.api.names import (
    PREFIX,
    issue_hash,
    labels,
    log_name,
    pod_name,
    run_name,
    run_number,
)

#: What a label may hold.
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")


@given(st.text(), st.text())
def test_the_hash_of_an_issue_fits_into_names_and_labels(organization: str, issue: str) -> None:
    hashed = issue_hash(organization, issue)

    assert len(hashed) == 10
    assert set(hashed) <= set(string.ascii_lowercase + "234567")


def test_the_hash_of_an_issue_never_changes() -> None:
    assert issue_hash("org", "issue") == "cxzqwx6vgx"
    assert issue_hash("org", "issue2") != issue_hash("org", "issue")


@pytest.mark.parametrize(
    ("name", "number"),
    [("linear-abc-12", 12), ("linear-abc-x", 0), ("by-hand-3", 0), ("linear", 0), ("", 0)],
)
def test_a_number_is_read_from_names_of_ours_only(name: str, number: int) -> None:
    assert run_number(name) == number


@given(st.text(), st.integers(1, 10**6))
def test_the_number_that_a_run_was_named_by_is_read_from_its_name(issue: str, number: int) -> None:
    assert run_number(run_name(issue_hash("org", issue), number)) == number


def test_names_tell_what_they_are_of() -> None:
    assert run_name("abc", 2) == "linear-abc-2"
    assert pod_name("linear-abc-2", 3) == "linear-abc-2-3"
    assert log_name("linear-abc-2-3") == "linear-abc-2-3-log"


def test_labels_are_those_that_kubernetes_recommends() -> None:
    assert labels("workspace", managed_by="deputy", instance="linear-abc-1") == {
        "app.kubernetes.io/name": "deputy",
        "app.kubernetes.io/instance": "linear-abc-1",
        "app.kubernetes.io/component": "workspace",
        "app.kubernetes.io/part-of": "deputy",
        "app.kubernetes.io/managed-by": "deputy",
    }
    assert "app.kubernetes.io/instance" not in labels("run", managed_by="deputy")


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True))
def test_the_name_of_any_object_becomes_a_label(name: str) -> None:
    instance = labels("run", managed_by="deputy", instance=name)["app.kubernetes.io/instance"]

    assert LABEL_VALUE.fullmatch(instance)
    assert name.startswith(instance)


def test_what_is_ours_is_under_our_group() -> None:
    assert PREFIX == "deputy.dev/"
