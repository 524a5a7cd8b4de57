"""From a person's reply to the agent's stdin."""

import datetime as dt
import time

from deputy.kube import resources
from deputy.kube.client import JSON_PATCH
from dev.bench.environment import Environment, acp_agent
from dev.bench.figures import Group, latencies
from dev.bench.informer import Informer
from dev.bench.linear import bodies_of, session_of
from dev.bench.sizes import Sizes
from dev.bench.start import stamp_in
from dev.cluster.commands import step

_SECONDS = 60.0
_QUESTION = "elicitation"


async def measure(environment: Environment, sizes: Sizes) -> Group:
    """Measure replies to an agent that waits for them, one after the other."""
    team = await environment.blueprint("prompt", **acp_agent())
    deputy, bare = list[float](), list[float]()
    for number in range(sizes.conversations):
        with step(f"{sizes.prompts} replies to an agent, and as many bare patches"):
            deputy += await _conversation(environment, team, sizes.prompts)
            bare += await _patches(environment, f"bare-{number}", sizes.prompts)
    return Group(
        "prompt",
        "Reply to agent",
        "appends the same to the inbox of an AgentRun and waits until its own watch shows it.",
        tuple(latencies("on the agent's stdin", deputy, bare, aims={99: 500.0})),
        ("From the webhook's sending to the agent's own clock; the agent speaks ACP.",),
    )


async def begin(environment: Environment, team: str) -> str:
    """Delegate an issue to a talking agent; return its session once it has asked something."""
    (body,) = await environment.linear.delegations(team, 1)
    await environment.sender.taken(body)
    session = session_of(body)
    await _asked(environment, session, 1)
    return session


async def _conversation(environment: Environment, team: str, prompts: int) -> list[float]:
    session = await begin(environment, team)
    seconds = []
    for number in range(prompts):
        body = await environment.linear.said(session, "reply", body=f"answer {number}")
        answer = await environment.sender.taken(body)
        seconds.append(await _asked(environment, session, number + 2) - answer.sent)
    await environment.sender.taken(await environment.linear.said(session, "reply", body="enough"))
    await environment.linear.until(session, over=True)
    return seconds


async def _asked(environment: Environment, session: str, count: int) -> float:
    """Return the time that the question with this number tells, once it is asked."""
    known = 0
    while True:
        seen = await environment.linear.until(session, activities=known + 1)
        questions = bodies_of(seen, _QUESTION)
        if len(questions) >= count:
            return stamp_in(questions[count - 1])
        known = len(seen["activities"])


async def _patches(environment: Environment, name: str, count: int) -> list[float]:
    """Append to the inbox of a run that is over, which nobody but a watch cares for."""
    folder = resources.agentruns(environment.namespace)
    spec = {
        "blueprintRef": {"name": "prompt"}, "prompt": "nothing", "desiredState": "Stopped",
        "inbox": [],
    }  # fmt: skip
    body = {"apiVersion": "deputy.dev/v1alpha1", "kind": "AgentRun", "metadata": {"name": name}}
    await environment.kube.create(folder, body | {"spec": spec})
    informer = Informer(environment.kube, folder, fieldSelector=f"metadata.name={name}")
    async with informer.running():
        await informer.until(
            lambda runs: runs[name].get("status", {}).get("phase") == "Stopped", _SECONDS
        )
        return [await _patch(environment, informer, name, number) for number in range(count)]


async def _patch(environment: Environment, informer: Informer, name: str, number: int) -> float:
    received = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()
    entry = {
        "id": f"message-{number}", "kind": "Prompt", "from": "Jane",
        "text": f"answer {number}", "receivedTime": received,
    }  # fmt: skip
    sent = time.time()
    operations = [{"op": "add", "path": "/spec/inbox/-", "value": entry}]
    await environment.kube.patch(
        resources.agentruns(environment.namespace, name), operations, JSON_PATCH
    )
    await informer.until(lambda runs: len(runs[name]["spec"]["inbox"]) > number, _SECONDS)
    return time.time() - sent
