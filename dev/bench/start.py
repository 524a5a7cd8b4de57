"""From the claim to the agent's first byte, and what a run writes to the API server."""

import asyncio
import dataclasses
import datetime as dt
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from deputy.api.names import issue_hash, pod_name, run_name
from deputy.kube import resources
from dev.bench import bare
from dev.bench.environment import Environment, exec_agent, selector
from dev.bench.figures import Figure, Group, Unit, latencies
from dev.bench.flow_schemas import Counts
from dev.bench.informer import Informer
from dev.bench.linear import Body, bodies_of, session_of, times_of
from dev.bench.sizes import Sizes
from dev.cluster.commands import step
from dev.cluster.errors import CommandError

#: The agent says what time it is and ends.
SCRIPT = "date +%s%N"
_STAMP = re.compile(r"\b\d{19}\b")
_GONE_SECONDS = 60.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """How long after the claim was durable something happened, in seconds."""

    pod: float
    byte: float
    word: float = 0.0
    over: float = 0.0


async def measure(environment: Environment, sizes: Sizes) -> Group:
    """Measure real workspaces, one after the other and many at once."""
    team = await environment.blueprint(
        "start", **exec_agent(SCRIPT), maxConcurrentRuns=sizes.together
    )
    bodies = await environment.linear.delegations(team, 1 + sizes.in_turn + sizes.together)
    pods = Informer(
        environment.kube, resources.pods(environment.namespace), labelSelector=selector("workspace")
    )
    async with pods.running(), bare.pods(environment.kube, environment.namespace) as bares:
        template = await _template(environment, pods, bodies[0])

        async def run(body: Body) -> Start:
            return await _run(environment, pods, body)

        async def pod(number: int) -> Start:
            return await _pod(bares, template, f"bare-{number}")

        numbers = range(sizes.in_turn + sizes.together)
        with step(f"{sizes.in_turn} runs, and as many bare pods, one after the other"):
            alone, written = await _counted(environment, _in_turn, run, bodies[1:][: sizes.in_turn])
            bare_alone, bare_written = await _counted(
                environment, _in_turn, pod, numbers[: sizes.in_turn]
            )
        with step(f"{sizes.together} runs, and as many bare pods, at once"):
            at_once = await _at_once(run, bodies[-sizes.together :])
            bare_at_once = await _at_once(pod, numbers[-sizes.together :])
    figures = (
        *_starts("one at a time", alone, bare_alone),
        *_starts(f"{sizes.together} at once", at_once, bare_at_once),
        *_writes(sizes.in_turn, written, bare_written),
    )
    return _group(figures, sizes.in_turn, written)


async def _template(environment: Environment, pods: Informer, body: Body) -> dict[str, Any]:
    """Return a workspace pod as the operator makes it."""
    await environment.sender.taken(body)
    objects = await pods.until(bool, _GONE_SECONDS)
    template = next(iter(objects.values()))
    await environment.linear.until(session_of(body), over=True)
    await pods.until(lambda objects: not objects, _GONE_SECONDS)
    return template


async def _run(environment: Environment, pods: Informer, body: Body) -> Start:
    """Delegate; return once the run is over and its pod is gone."""
    answer = await environment.sender.taken(body)
    session = await environment.linear.until(session_of(body), over=True)
    name = _pod_of(body)
    await pods.until(lambda objects: name not in objects, _GONE_SECONDS)
    claimed = answer.answered
    over = _seconds(times_of(session, "response", "error")[0])
    return Start(
        pod=pods.first_seen[name] - claimed,
        byte=stamp_in(bodies_of(session, "response", "error")[-1]) - claimed,
        word=_seconds(times_of(session, "thought")[0]) - claimed,
        over=over - claimed,
    )


async def _pod(bares: bare.Pods, template: dict[str, Any], name: str) -> Start:
    """Create a bare pod; return once it has said its line and is gone."""
    manifest = bare.pod(template, name, ["sh", "-c", SCRIPT])
    created = time.time()
    await bares.create(manifest)
    text = await bares.said(name)
    start = Start(pod=bares.first_seen(name) - created, byte=stamp_in(text) - created)
    await bares.remove(name)
    return start


def _pod_of(body: Body) -> str:
    issue = issue_hash(body["organizationId"], body["agentSession"]["issue"]["id"])
    return pod_name(run_name(issue, 1), 1)


async def _in_turn(
    do: Callable[[Item], Coroutine[Any, Any, Result]], items: Iterable[Item]
) -> list[Result]:
    return [await do(item) for item in items]


async def _at_once(
    do: Callable[[Item], Coroutine[Any, Any, Result]], items: Iterable[Item]
) -> list[Result]:
    return list(await asyncio.gather(*(do(item) for item in items)))


async def _counted(
    environment: Environment,
    how: Callable[..., Coroutine[Any, Any, list[Start]]],
    do: Callable[[Any], Coroutine[Any, Any, Start]],
    items: Iterable[Any],
) -> tuple[list[Start], Counts]:
    before = await environment.flow_schemas.written()
    done = await how(do, items)
    return done, (await environment.flow_schemas.written()).since(before)


def stamp_in(text: str) -> float:
    """Return the seconds since 1970 that an agent has told; raise `CommandError` if it has not."""
    stamp = _STAMP.search(text)
    if stamp is None:
        raise CommandError(f"the agent was to say the time, but there is only: {text[:300]}")
    return int(stamp[0]) / 1e9


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def _starts(how: str, deputy: Sequence[Start], bares: Sequence[Start]) -> list[Figure]:
    percents = (50, 90)
    return [
        *latencies(
            f"pod created, {how}",
            [one.pod for one in deputy],
            [one.pod for one in bares],
            percents=percents,
        ),
        *latencies(
            f"agent's first byte, {how}",
            [one.byte for one in deputy],
            [one.byte for one in bares],
            percents=percents,
        ),
        *latencies(f"first thought, {how}", [one.word for one in deputy], percents=percents),
        *latencies(f"response, {how}", [one.over for one in deputy], percents=percents),
    ]


def _writes(count: int, deputy: Counts, bares: Counts) -> list[Figure]:
    return [
        Figure("API writes per run by Deputy", Unit.COUNT, deputy.stored / count, 2, aim=10),
        Figure("token reviews per run", Unit.COUNT, deputy.ours["reviews"] / count),
        Figure(
            "API writes per run by everybody",
            Unit.COUNT,
            deputy.everybody / count,
            bares.everybody / count,
        ),
    ]


def _group(figures: Sequence[Figure], count: int, written: Counts) -> Group:
    each = ", ".join(
        f"{kind} {number / count:.1f}"
        for kind, number in written.ours.items()
        if number and kind not in ("reviews", "leases")
    )
    return Group(
        "start",
        "Claim to agent",
        "creates a pod of the same images, containers and volumes, whose containers beside the "
        "agent do nothing, waits for its line in the log and deletes it.",
        tuple(figures),
        (
            "The claim is the webhook's 200. The agent has no protocol: it says the time and ends.",
            (
                f"Deputy's writes per run: {each}. «Everybody» is all requests that change "
                "runs, pods, ConfigMaps, events, tokens and token reviews, kubelet and scheduler "
                "included."
            ),
        ),
    )
