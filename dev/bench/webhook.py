"""Webhooks: how long until the claim is durable and answered, and how many a second."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from deputy.kube import resources
from deputy.kube.errors import KubeError
from dev.bench import processes
from dev.bench.environment import Environment, exec_agent
from dev.bench.figures import Figure, Group, Unit, latencies
from dev.bench.linear import Body
from dev.bench.load import Load, closed_loop, open_loop
from dev.bench.sizes import Sizes
from dev.cluster.commands import step

#: Before anything is measured, so that nobody pays for first connections.
_WARM_UP = 40
_FIRST_WORDS_SECONDS = 3.0

Manifest: TypeAlias = Mapping[str, Any]
Send: TypeAlias = Callable[[Any], Awaitable[bool]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Arms:
    """The same load on Deputy and on the bare client."""

    deputy: Load
    bare: Load
    deputy_seconds: float | None = None
    """Processor time; None where the processes are elsewhere."""
    bare_seconds: float | None = None


async def measure(environment: Environment, sizes: Sizes) -> Group:
    """Measure webhooks with distinct issues, on two replicas, without an operator.

    The operator rests so that no workspace starts: what is measured ends with the claim.
    """
    offered = sizes.rate * sizes.open_seconds
    count = _WARM_UP + offered + sizes.closed_most
    team = await environment.blueprint("webhook", **exec_agent("true"))
    with step(f"delegate {count} issues, sending no webhook"):
        bodies = await environment.linear.delegations(team, count)
    await environment.scale("operator", 0)
    try:
        template = await _warm_up(environment, sizes, bodies[:_WARM_UP])
        at_rate = await _at_rate(environment, sizes, bodies[_WARM_UP:][:offered], template)
        at_once = await _at_once(environment, sizes, bodies[-sizes.closed_most :], template)
    finally:
        await environment.clear()
        await environment.scale("operator", 2)
    return _group(sizes, at_rate, at_once)


async def _warm_up(environment: Environment, sizes: Sizes, bodies: list[Body]) -> Manifest:
    """Have every connection made; return a run as the webhook writes it."""
    await open_loop(bodies, sizes.rate / 4, _webhook(environment))
    template = (await environment.kube.get(resources.agentruns(environment.namespace), limit="1"))[
        "items"
    ][0]
    await open_loop(_copies(template, "warm", len(bodies)), sizes.rate / 4, _bare(environment))
    await environment.clear()
    return dict(template)


async def _at_rate(
    environment: Environment, sizes: Sizes, bodies: list[Body], template: Manifest
) -> _Arms:
    pids = [
        pid
        for pod in await environment.pods_of("webhook")
        for pid in processes.pids_of(processes.container_of(pod, "webhook"))
    ]
    with step(f"bare client: {len(bodies)} claims at {sizes.rate}/s"):
        began = time.process_time()
        manifests = _copies(template, "open", len(bodies))
        bare = await open_loop(manifests, sizes.rate, _bare(environment))
        bare_seconds = time.process_time() - began
        await environment.clear()
    with step(f"webhooks: {len(bodies)} at {sizes.rate}/s"):
        before = processes.usage(pids).cpu_seconds
        deputy = await open_loop(bodies, sizes.rate, _webhook(environment))
        await asyncio.sleep(_FIRST_WORDS_SECONDS)
        used = processes.usage(pids).cpu_seconds - before if pids else None
        await environment.clear()
    return _Arms(deputy, bare, used, bare_seconds)


async def _at_once(
    environment: Environment, sizes: Sizes, bodies: list[Body], template: Manifest
) -> _Arms:
    with step(f"bare client: {sizes.at_once} at once"):
        manifests = _copies(template, "closed", sizes.closed_most)
        bare = await closed_loop(manifests, sizes.at_once, sizes.closed_seconds, _bare(environment))
        await environment.clear()
    with step(f"webhooks: {sizes.at_once} at once"):
        deputy = await closed_loop(
            bodies, sizes.at_once, sizes.closed_seconds, _webhook(environment)
        )
    return _Arms(deputy, bare)


def _webhook(environment: Environment) -> Send:
    async def send(body: Body) -> bool:
        answer = await environment.sender.send(body)
        return answer.status == 200 and answer.result == "created"

    return send


def _bare(environment: Environment) -> Send:
    async def send(manifest: Manifest) -> bool:
        try:
            await environment.kube.create(resources.agentruns(environment.namespace), manifest)
        except KubeError:
            return False
        return True

    return send


def _copies(run: Manifest, name: str, count: int) -> list[Manifest]:
    """Return what the webhook writes for as many other issues."""
    labels = run["metadata"]["labels"]
    return [
        {
            "apiVersion": run["apiVersion"],
            "kind": run["kind"],
            "metadata": {
                "name": f"bare-{name}-{number}",
                "labels": labels | {"deputy.dev/issue": f"{name}-{number}"},
            },
            "spec": run["spec"],
        }
        for number in range(count)
    ]


def _group(sizes: Sizes, at_rate: _Arms, at_once: _Arms) -> Group:
    return Group(
        "webhook",
        "Webhook to durable claim",
        "creates the same AgentRuns, without asking whether the issue has one, at the same rates "
        "over connections that stay open.",
        (
            *_figures(f"at {sizes.rate}/s", at_rate, aims={99: 50.0}),
            Figure(
                "processor per delivery, load generator excluded",
                Unit.MILLISECONDS,
                _each(at_rate.deputy_seconds, at_rate.deputy),
                _each(at_rate.bare_seconds, at_rate.bare),
            ),
            *_figures(f"{sizes.at_once} at once", at_once),
        ),
        (
            "Two replicas; a signed body and a connection for each delivery; no issue twice.",
            "At a fixed rate a latency counts from when the delivery was due.",
            "The load, the API server and the simulated Linear share the cores.",
        ),
    )


def _figures(how: str, arms: _Arms, aims: dict[int, float] | None = None) -> list[Figure]:
    deputy, bare = arms.deputy, arms.bare
    return [
        *latencies(f"answered, {how}", deputy.latencies, bare.latencies, aims=aims),
        Figure(f"accepted, {how}", Unit.PER_SECOND, deputy.rate, bare.rate),
        Figure(f"not accepted, {how}", Unit.COUNT, deputy.failures, bare.failures, aim=0),
    ]


def _each(seconds: float | None, load: Load) -> float | None:
    return None if seconds is None else seconds / len(load.latencies) * 1000
