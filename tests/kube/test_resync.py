"""Lists heal what watches missed, and tell when a watch is silent."""

from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from deputy.api.agentrun import AgentRun
from deputy.kube import resync
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.resync import Resync
from deputy.kube.store import Key
from deputy.processes.watched import watched_runs

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "agents"


def body(name: str, version: int) -> dict[str, Any]:
    return {
        "kind": "AgentRun",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-11-21T09:00:00Z",
        },
        "spec": {"blueprintRef": {"name": "shell"}, "prompt": "say hello"},
    }


class Lists(Kube):
    """An API server that answers lists; `meanwhile` happens while it thinks."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self.runs = runs
        self.meanwhile: list[Callable[[], object]] = []

    @override
    async def get(self, path: str, **_: str) -> dict[str, Any]:
        items = list(self.runs) if path.endswith("/agentruns") else []
        for happens in self.meanwhile:
            happens()
        return {"items": items}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "_LAG", 0.0)


def made(kube: Kube, cache: Cache, looked: list[Key], gone: list[AgentRun] | None = None) -> Resync:
    def changed(run: AgentRun) -> None:
        looked.append((run.metadata.namespace, run.metadata.name))

    told: list[AgentRun] = [] if gone is None else gone
    watched = watched_runs(cache.runs, changed, told.append)
    resync = Resync(kube, (watched,), (NAMESPACE,))
    resync._seeded = True
    return resync


async def test_a_watch_that_missed_a_change_is_healed_and_the_second_time_is_called_silent() -> (
    None
):
    cache, looked = Cache(), list[Key]()
    kube = Lists([body("a", 1)])
    compared = made(kube, cache, looked)

    await compared._compare()
    first = compared.unhealthy()
    kube.runs = [body("a", 2)]
    await compared._compare()

    assert cache.runs.version(NAMESPACE, "a") == 2
    assert looked == [(NAMESPACE, "a")] * 2
    assert (first, compared.unhealthy()) == (
        "",
        "the watches are silent: lists show changes that they did not tell",
    )


async def test_a_deletion_that_the_watch_missed_is_made_up_for() -> None:
    cache = Cache()
    cache.runs.put(body("a", 1))

    await made(Lists([]), cache, [])._compare()

    assert cache.runs.get(NAMESPACE, "a") is None


async def test_the_sessions_of_a_run_whose_deletion_the_watch_missed_are_told() -> None:
    cache, gone, looked = Cache(), list[AgentRun](), list[Key]()
    cache.runs.put(body("a", 1))
    compared = made(Lists([]), cache, looked, gone)

    await compared._compare()

    assert [run.metadata.uid for run in gone] == ["uid-a"]


async def test_a_run_that_came_while_the_list_was_made_is_no_sign_of_a_silent_watch() -> None:
    cache, looked = Cache(), list[Key]()
    kube = Lists([])
    kube.meanwhile = [lambda: cache.runs.put(body("new", 5))]

    await made(kube, cache, looked)._compare()

    assert cache.runs.version(NAMESPACE, "new") == 5
    assert looked == []
