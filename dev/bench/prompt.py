"""From a person's reply to the agent's stdin."""

import datetime as dt
import time

from deputy.kube import resources
from deputy.kube.client import JSON_PATCH
from dev.bench.figures import Group, latencies
from dev.bench.linear import bodies_of, session_of
from dev.bench.place import Place, talker
from dev.bench.sizes import Sizes
from dev.bench.start import stamp_in
from dev.bench.watching import Following
from dev.cluster.steps import step

_SECONDS = 60.0
_QUESTION = "elicitation"


async def measure(place: Place, sizes: Sizes) -> Group:
    """Measure replies to an agent that waits for them, one after the other."""
    team = await place.blueprint("prompt", **talker())
    deputy, bare = list[float](), list[float]()
    for number in range(sizes.conversations):
        with step(f"{sizes.prompts} replies to an agent, and as many bare patches"):
            deputy += await _conversation(place, team, sizes.prompts)
            bare += await _patches(place, f"bare-{number}", sizes.prompts)
    return Group(
        "prompt",
        "Reply to agent",
        "appends the same to the inbox of an AgentRun and waits until its own watch shows it.",
        tuple(latencies("on the agent's stdin", deputy, bare, aims={99: 500.0})),
        ("From the webhook's sending to the agent's own clock; the agent speaks ACP.",),
    )


async def begin(place: Place, team: str) -> str:
    """Delegate an issue to a talking agent; return its session once it has asked something."""
    (body,) = await place.linear.delegations(team, 1)
    await place.sender.taken(body)
    session = session_of(body)
    await _asked(place, session, 1)
    return session


async def _conversation(place: Place, team: str, prompts: int) -> list[float]:
    session = await begin(place, team)
    found = []
    for number in range(prompts):
        body = await place.linear.said(session, "reply", body=f"answer {number}")
        answer = await place.sender.taken(body)
        found.append(await _asked(place, session, number + 2) - answer.sent)
    await place.sender.taken(await place.linear.said(session, "reply", body="enough"))
    await place.linear.until(session, over=True)
    return found


async def _asked(place: Place, session: str, count: int) -> float:
    """Return the time that the question with this number tells, once it is asked."""
    known = 0
    while True:
        seen = await place.linear.until(session, activities=known + 1)
        questions = bodies_of(seen, _QUESTION)
        if len(questions) >= count:
            return stamp_in(questions[count - 1])
        known = len(seen["activities"])


async def _patches(place: Place, name: str, count: int) -> list[float]:
    """Append to the inbox of a run that is over, which nobody but a watch cares for."""
    folder = resources.agentruns(place.namespace)
    spec = {
        "blueprintRef": {"name": "prompt"}, "prompt": "nothing", "desiredState": "Stopped",
        "inbox": [],
    }  # fmt: skip
    body = {"apiVersion": "deputy.dev/v1alpha1", "kind": "AgentRun", "metadata": {"name": name}}
    await place.kube.create(folder, body | {"spec": spec})
    following = Following(place.kube, folder, fieldSelector=f"metadata.name={name}")
    async with following.running():
        await following.until(
            lambda there: there[name].get("status", {}).get("phase") == "Stopped", _SECONDS
        )
        return [await _patch(place, following, name, number) for number in range(count)]


async def _patch(place: Place, following: Following, name: str, number: int) -> float:
    received = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()
    entry = {
        "id": f"message-{number}", "kind": "Prompt", "from": "Jane",
        "text": f"answer {number}", "receivedTime": received,
    }  # fmt: skip
    sent = time.time()
    operations = [{"op": "add", "path": "/spec/inbox/-", "value": entry}]
    await place.kube.patch(resources.agentruns(place.namespace, name), operations, JSON_PATCH)
    await following.until(lambda there: len(there[name]["spec"]["inbox"]) > number, _SECONDS)
    return time.time() - sent
