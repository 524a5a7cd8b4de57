"""Turn a pushed branch into a pull request that was really seen on the forge."""

import dataclasses
from collections.abc import Callable

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.core.ending import Problem
from deputy.core.reason import RunReason
from deputy.core.run import PullRequestSeen
from deputy.forges import ForgeRefused, GitHub, forge_for
from deputy.kube.client import Kube
from deputy.relay.app import NoToken
from deputy.wire import Finished


@dataclasses.dataclass(frozen=True, slots=True)
class Delivered:
    """The pull request as the forge showed it, or why there is none."""

    pull_request: PullRequestSeen | None = None
    problem: Problem | None = None


class Delivery:
    """Opens and verifies pull requests."""

    def __init__(self, kube: Kube, forge: Callable[[str, str], GitHub] = forge_for) -> None:
        self._kube = kube
        self._forge = forge

    async def deliver(self, run: AgentRun, spec: BlueprintSpec, report: Finished) -> Delivered:
        """Open the pull request for what `report` says was pushed, and verify it.

        Idempotent: an open one is found again. Raises `ForgeUnavailable` where the forge cannot
        be asked, which is tried again later.
        """
        try:
            return await self._deliver(run, spec, report)
        except NoToken as error:
            return Delivered(problem=Problem(RunReason.CREDENTIALS_MISSING, f"{error}."))
        except ForgeRefused as error:
            return Delivered(problem=Problem(RunReason.PULL_REQUEST_REFUSED, f"{error}."))
