"""From Linear's stop signal to an agent that is gone."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from deputy.kube import resources
from dev.bench import bare, processes
from dev.bench.environment import Environment, acp_agent, selector
from dev.bench.figures import Group, latencies
from dev.bench.informer import Informer, Objects
from dev.bench.linear import times_of
from dev.bench.prompt import begin
from dev.bench.sizes import Sizes
from dev.cluster.commands import step

_SECONDS = 60.0
_COMMAND = ("python3", "/bench/agent.py")


async def measure(environment: Environment, sizes: Sizes) -> Group:
    """Measure stops of an agent that waits for an answer, one after the other."""
    team = await environment.blueprint("stop", **acp_agent())
    folder = resources.pods(environment.namespace)
    pods = Informer(environment.kube, folder, labelSelector=selector("workspace"))
    gone, told, bare_gone = list[float](), list[float](), list[float]()
    with step(f"{sizes.stops} stops, and as many bare deletes"):
        async with pods.running(), bare.pods(environment.kube, environment.namespace) as bares:
            for number in range(sizes.stops):
                session = await begin(environment, team)
                template = next(iter(pods.objects.values()))
                seconds, closing = await _stop(environment, pods, session)
                gone.append(seconds)
                told.append(closing)
                bare_gone.append(await _delete(bares, template, f"bare-{number}"))
    figures = (
        *latencies("agent gone", gone, bare_gone, percents=(50, 90)),
        *latencies("session told", told, percents=(50, 90)),
    )
    return Group(
        "stop",
        "Stop to agent gone",
        "deletes a pod with the same agent, which ends at SIGTERM.",
        figures,
        ("From the webhook's sending until the agent's process is over; the agent speaks ACP.",),
    )


async def _stop(environment: Environment, pods: Informer, session: str) -> tuple[float, float]:
    """Stop a run; return when its agent was gone and its session told, in seconds."""
    over = _over(pods, next(iter(pods.objects.values())))
    answer = await environment.sender.taken(await environment.linear.said(session, "stop"))
    gone = await over()
    seen = await environment.linear.until(session, over=True)
    told = dt.datetime.fromisoformat(times_of(seen, "response", "error")[-1]).timestamp()
    await pods.until(lambda objects: not objects, _SECONDS)
    return gone - answer.sent, told - answer.sent


async def _delete(bares: bare.Pods, template: dict[str, Any], name: str) -> float:
    await bares.create(bare.pod(template, name, _COMMAND))
    seen = await bares.running(name)
    pids = processes.pids_of(processes.container_of(seen, "agent"), " ".join(_COMMAND))
    began = time.time()
    await bares.delete(name)
    if pids:
        gone = await processes.gone(pids[0])
        await bares.gone(name)
        return gone - began
    await bares.gone(name)
    return time.time() - began


def _over(pods: Informer, pod: dict[str, Any]) -> Callable[[], Any]:
    """Return what waits until a pod's agent is over.

    Where the process is on this machine it is seen itself, elsewhere the pod's status tells.
    """
    pids = processes.pids_of(processes.container_of(pod, "agent"), " ".join(_COMMAND))
    name = pod["metadata"]["name"]

    async def by_process() -> float:
        return await processes.gone(pids[0])

    async def by_status() -> float:
        await pods.until(lambda objects: _has_ended(objects, name), _SECONDS)
        return time.time()

    return by_process if pids else by_status


def _has_ended(objects: Objects, name: str) -> bool:
    return name not in objects or not processes.container_of(objects[name], "agent")
