"""`make demo`, as somebody new runs it: twice, then it is cleared away."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.demo.fixtures import Tools

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).resolve().parents[3]
NAMESPACE = "deputy-test-demo"
ADDRESS = re.compile(r"the pull request +(http://\S+/acme/demo/pull/\d+)")


def demo(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.demo", what, "--namespace", NAMESPACE],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": "operator:sidecar:simulator:.", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(autouse=True)
def _cleared() -> Iterator[None]:
    demo("down")
    yield
    demo("down")


def test_the_demo_ends_well_twice_and_leaves_nothing_when_it_is_removed(kubeconfig: Path) -> None:
    first, second = demo("up"), demo("up")
    removed = demo("down")

    assert (first.returncode, first.stderr) == (0, ""), first.stdout + first.stderr
    assert (second.returncode, second.stderr) == (0, ""), second.stdout + second.stderr
    told = first.stdout
    assert "person    delegate" in told
    assert re.search(r"kubectl   agentruns linear-\w+-1 +demo +ENG-\d+ +Succeeded", told)
    assert re.search(r"session   action    Ran  python3 -m unittest", told)
    assert re.search(r"issue     state     In Progress → In Review", told)
    assert told.count("session   response") == 1
    assert "    +    return full - full * discount_percent // 100" in told
    assert ADDRESS.findall(told) != ADDRESS.findall(second.stdout)
    assert removed.returncode == 0
    namespaces = Tools(kubeconfig).kubectl("get", "namespace", NAMESPACE, "--ignore-not-found")
    assert namespaces == ""
