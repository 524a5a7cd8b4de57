"""Many runs of one Blueprint, driven by the real controller, in a namespace with a quota."""

import datetime as dt

from typing_extensions import override

from deputy.core.action import Action
from deputy.core.phase import TERMINAL, Phase
from deputy.kube import resources
from deputy.relay.authentication import Caller
from deputy.wire import Finished, Hello, Outcome
from tests.controller.outside import FakePullRequests, Sidecar
from tests.controller.run_leader import Leader
from tests.controller.run_world import BLUEPRINT, SPEC, START
from tests.support.api_server import ApiServer
from tests.support.apiserver.exchange import Answer, Request, answer_of
from tests.support.apiserver.refusals import Refusal
from tests.support.manifests import LINEAR, NAMESPACE, agent_run, blueprint
from tests.support.tracker import FakeTracker

PODS = resources.pods(NAMESPACE)
#: More looks, and more seconds, than any of these stories needs.
_SETTLED, _ENDED = 200, 600


class ServerWithQuota(ApiServer):
    """An API server whose namespace has a ResourceQuota of `quota` pods."""

    quota = 1000
    refusals = 0

    @override
    def handle(self, request: Request) -> Answer:
        full = len(self.names(PODS)) >= self.quota
        if request.verb == "create" and request.resource == "pods" and full:
            self.refusals += 1
            used = f"used: pods={self.quota}, limited: pods={self.quota}"
            message = f'pods "a" is forbidden: exceeded quota: agents, requested: pods=1, {used}'
            return answer_of(Refusal(403, "Forbidden", message))
        return super().handle(request)


class ManyRuns:
    """Runs that were delegated one after the other, with everything around them."""

    def __init__(self, count: int, cap: int, quota: int = 1000) -> None:
        self.now = START
        self.tracker, self.forge = FakeTracker(), FakePullRequests()
        self.server = ServerWithQuota(NAMESPACE, clock=lambda: self.now, node="node")
        self.server.quota = quota
        self.server.seed(blueprint("True", **SPEC | {"maxConcurrentRuns": cap}))
        for number in range(1, count + 1):
            self.delegate(number)
        self.sidecars: dict[str, Sidecar] = {}
        self.most_pods = 0
        self.leader = Leader(self)

    def delegate(self, number: int) -> None:
        facts = {"issueId": f"issue-{number}", "sessionId": f"session-{number}"}
        self.server.seed(agent_run(f"linear-{number:02}-1", linear=LINEAR | facts))
        self.now += dt.timedelta(seconds=1)

    # What the leader of `run_leader` asks of its world

    def clock(self) -> dt.datetime:
        return self.now

    def count_write(self, _resource: str) -> None:
        """Count nothing."""

    def about_to_act(self, _action: Action) -> None:
        """Let the leader live."""

    # What there is

    def phases(self) -> dict[str, Phase]:
        """The phase of every run by its name."""
        return {one.metadata.name: one.status.phase for one in self.leader.cache.runs}

    def reasons(self) -> dict[str, str]:
        """The reason of every run by its name."""
        return {one.metadata.name: one.status.reason for one in self.leader.cache.runs}

    def pods(self) -> list[str]:
        return self.server.names(PODS)

    # What happens

    async def settle(self) -> None:
        """Let the leader work until nothing is left to do at this moment."""
        for _ in range(_SETTLED):
            await self.leader.hear_of_changes()
            keys = list(dict.fromkeys(self.leader.looks))
            self.leader.looks.clear()
            for key in keys:
                await self.leader.reconciler.reconcile(key)
                self.most_pods = max(self.most_pods, len(self.pods()))
            await self.leader.rest()
            if not keys and not self.leader.looks:
                return
        raise AssertionError("it does not settle")

    async def second_passes(self) -> None:
        """Let a second pass, and what waited for it be looked at."""
        self.now += dt.timedelta(seconds=1)
        self.leader.looks.extend(self.leader.cache.runs.keys())
        await self.settle()

    async def agents_finish(self) -> None:
        """Let every agent that works say that it is done, without a commit."""
        for name in self.pods():
            metadata = self.server.read(f"{PODS}/{name}")["metadata"]
            sidecar = Sidecar(Caller(NAMESPACE, name, metadata["uid"]))
            sidecar = self.sidecars.setdefault(metadata["uid"], sidecar)
            if not sidecar.said:
                sidecar.say(Hello())
                await sidecar.call(self.leader.relay)
                await sidecar.call(self.leader.relay)
                through = sidecar.delivered
                sidecar.say(Finished(Outcome.COMPLETED, "", "Done.", through))
                await sidecar.call(self.leader.relay)
        await self.settle()

    async def until_all_are_over(self) -> None:
        """Let agents work, and nodes take their pods away, until every run is over."""
        for _ in range(_ENDED):
            if set(self.phases().values()) <= TERMINAL:
                return
            await self.agents_finish()
            await self.second_passes()
            self.server.end_deleted_pods()
        raise AssertionError(f"not all end: {self.phases()}")

    async def begin(self) -> None:
        """Let the leader read everything and begin."""
        await self.leader.begin()
        self.leader.looks.extend(self.leader.cache.runs.keys())
        await self.settle()


async def begun(count: int, cap: int, quota: int = 1000) -> ManyRuns:
    """Return a world whose leader has settled."""
    world = ManyRuns(count, cap, quota)
    await world.begin()
    return world


__all__ = ["BLUEPRINT", "NAMESPACE", "PODS", "ManyRuns", "begun"]
