"""What Deputy's processes hold and use while nothing happens."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from deputy.kube import resources
from dev.bench import bare, processes
from dev.bench.environment import Environment, acp_agent, exec_agent, selector
from dev.bench.figures import Figure, Group, Unit
from dev.bench.informer import until
from dev.bench.linear import session_of
from dev.bench.prompt import begin
from dev.bench.sizes import Sizes
from dev.cluster import paths
from dev.cluster.commands import step

_SECONDS = 120.0
_AT_ONCE = 16
_IDLE = "import asyncio, ssl; asyncio.run(asyncio.sleep(3600))"


async def measure(environment: Environment, sizes: Sizes) -> Group:
    """Measure processes that only wait, with many runs on the API server."""
    with step(f"{sizes.finished} finished runs, {sizes.live} that wait for a node"):
        await _finished(environment, sizes.finished)
        await _live(environment, sizes.live)
    with step(f"{sizes.talking} agents that wait for an answer"):
        team = await environment.blueprint("idle", **acp_agent(), maxConcurrentRuns=sizes.talking)
        for _ in range(sizes.talking):
            await begin(environment, team)
    async with _bare_sidecar(environment), _bare_watch(environment) as watch:
        with step(f"{sizes.idle_seconds} seconds in which nothing happens"):
            await asyncio.sleep(sizes.settle_seconds)
            groups = await _processes(environment) | {"watch": [watch]}
            before = {name: processes.usage(pids) for name, pids in groups.items()}
            await asyncio.sleep(sizes.idle_seconds)
            after = {name: processes.usage(pids) for name, pids in groups.items()}
    return _group(sizes, groups, before, after)


async def _finished(environment: Environment, count: int) -> None:
    """Have finished runs, each as one that was really there."""
    team = await environment.blueprint("finished", **exec_agent("echo done"))
    (body,) = await environment.linear.delegations(team, 1)
    await environment.sender.taken(body)
    await environment.linear.until(session_of(body), over=True)
    folder = resources.agentruns(environment.namespace)
    runs = await until(
        environment.kube, folder, lambda runs: any(map(_succeeded, runs.values())), _SECONDS
    )
    run = next(filter(_succeeded, runs.values()))
    # Nobody shall look at the copies before they are finished.
    await environment.scale("operator", 0)
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await _copy(environment, run, number)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    await environment.scale("operator", 2)


def _succeeded(run: Mapping[str, Any]) -> bool:
    phase: str = run.get("status", {}).get("phase", "")
    return phase == "Succeeded"


async def _copy(environment: Environment, run: Mapping[str, Any], number: int) -> None:
    name = f"finished-{number}"
    labels = run["metadata"]["labels"] | {"deputy.dev/issue": name}
    linear = run["spec"]["linear"] | {"issueId": name, "sessionId": name}
    body = {
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        "metadata": {"name": name, "labels": labels},
        "spec": run["spec"] | {"linear": linear},
    }
    folder = resources.agentruns(environment.namespace)
    await environment.kube.create(folder, body)
    await environment.kube.patch(f"{folder}/{name}/status", {"status": run["status"]})


async def _live(environment: Environment, count: int) -> None:
    """Have runs whose pods no node ever takes."""
    template = {"spec": {"nodeSelector": {"deputy.dev/nobody": "has-this"}}}
    spec = exec_agent("true") | {"workspace": {"podTemplate": template}}
    team = await environment.blueprint("live", **spec, maxConcurrentRuns=count)
    for body in await environment.linear.delegations(team, count):
        await environment.sender.taken(body)
    await until(
        environment.kube,
        resources.pods(environment.namespace),
        lambda pods: len(pods) >= count,
        _SECONDS,
        labelSelector=selector("workspace"),
    )


async def _processes(environment: Environment) -> dict[str, list[int]]:
    """Return processes by name; none where the cluster's are not on this machine."""
    leader = await environment.leader()
    operators = await environment.pods_of("operator")
    leads = [pod for pod in operators if pod["metadata"]["name"] == leader]
    stands_by = [pod for pod in operators if pod not in leads]
    every = (await environment.kube.get(resources.pods(environment.namespace)))["items"]
    bares = [pod for pod in every if pod["metadata"]["name"] == "bare-sidecar"]
    return {
        "leader": _pids(leads, "operator"),
        "standby": _pids(stands_by, "operator"),
        "webhook": _pids(await environment.pods_of("webhook"), "webhook"),
        "sidecar": _pids(await environment.pods_of("workspace"), "status-sync"),
        "python": _pids(bares, "agent"),
    }


def _pids(pods: list[dict[str, Any]], container: str) -> list[int]:
    pids_by_pod = (processes.pids_of(processes.container_of(pod, container)) for pod in pods)
    return [pid for pids in pids_by_pod for pid in pids]


@contextlib.asynccontextmanager
async def _bare_sidecar(environment: Environment) -> AsyncIterator[None]:
    """Run Python, waiting, in the sidecar's image."""
    (workspace, *_) = await environment.pods_of("workspace")
    manifest = bare.pod(workspace, "bare-sidecar", ["python3", "-c", _IDLE])
    for field in ("initContainers", "nodeSelector"):
        manifest["spec"].pop(field, None)
    image = workspace["spec"]["initContainers"][0]["image"]
    manifest["spec"]["containers"][0] |= {"image": image}
    async with bare.pods(environment.kube, environment.namespace) as bares:
        await bares.create(manifest)
        await bares.running("bare-sidecar")
        yield
        await bares.delete("bare-sidecar", gracePeriodSeconds=1)
        await bares.gone("bare-sidecar")


@contextlib.asynccontextmanager
async def _bare_watch(environment: Environment) -> AsyncIterator[int]:
    """Follow what the operator follows, in a process of its own; give its id."""
    folders = (resources.agentruns(environment.namespace), resources.pods(environment.namespace))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dev.bench.bare", str(environment.tools.kubeconfig), *folders),
        cwd=paths.PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if child.stdout is not None:
            await child.stdout.readline()
        yield child.pid
    finally:
        child.kill()
        await child.wait()


def _group(
    sizes: Sizes,
    groups: Mapping[str, list[int]],
    before: Mapping[str, processes.Usage],
    after: Mapping[str, processes.Usage],
) -> Group:
    def memory(name: str) -> float | None:
        return after[name].megabytes / len(groups[name]) if groups[name] else None

    def cpu(name: str) -> float | None:
        if not groups[name]:
            return None
        used = after[name].cpu_seconds - before[name].cpu_seconds
        return used / len(groups[name]) / sizes.idle_seconds * 100

    held, used = Unit.MEGABYTES, Unit.CORE_PERCENT
    return Group(
        "idle",
        "While nothing happens",
        "for the sidecar: Python waiting in the same image; for the operator: a process with "
        "Deputy's own small client that lists and follows the same runs and pods.",
        (
            Figure("sidecar: resident", held, memory("sidecar"), memory("python"), aim=35),
            Figure("sidecar: processor", used, cpu("sidecar"), cpu("python"), aim=0.2),
            Figure("operator that leads: resident", held, memory("leader"), memory("watch"), 200),
            Figure("operator that leads: processor", used, cpu("leader"), cpu("watch")),
            Figure("operator that stands by: resident", held, memory("standby"), aim=200),
            Figure("operator that stands by: processor", used, cpu("standby")),
            Figure("webhook: resident", held, memory("webhook")),
            Figure("webhook: processor", used, cpu("webhook")),
        ),
        (
            (
                f"With {sizes.finished} finished runs, {sizes.live} live ones that wait for a node "
                f"nobody has and {sizes.talking} whose agents wait for an answer; over "
                f"{sizes.idle_seconds} s; the sidecar and the webhook per process."
            ),
        ),
    )
