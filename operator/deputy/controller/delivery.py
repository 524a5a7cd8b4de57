"""Turn a pushed branch into a pull request that was really seen on the forge."""

import dataclasses

import httpx

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec, Repository
from deputy.controller.desk import read_token
from deputy.core import pull_request as wording
from deputy.core.ending import Problem
from deputy.core.reason import RunReason
from deputy.core.run import (
    PullRequestSeen,
)
from deputy.forges import (
    Forge,
    ForgeRefused,
    NotVerified,
    PullRequestDraft,
    forge_for,
)
from deputy.forges import Repository as ForgeRepository
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

    def __init__(self, kube: Kube, http: httpx.AsyncClient) -> None:
        self._kube = kube
        self._http = http

    async def deliver(self, run: AgentRun, spec: BlueprintSpec, report: Finished) -> Delivered:
        """Open the pull request for what `report` says was pushed, and verify it.

        Idempotent: an open one is found again. Raises `ForgeUnavailable` where the forge cannot
        be asked, which is tried again later.
        """
        if spec.repository is None:
            raise ValueError(f"Blueprint of {run.metadata.name} has no repository")
        try:
            forge = await self._forge(run, spec.repository)
            return await _deliver(forge, run, spec, report)
        except NoToken as error:
            return _failed(RunReason.CREDENTIALS_MISSING, error)
        except ForgeRefused as error:
            return _failed(RunReason.PULL_REQUEST_REFUSED, error)
        except NotVerified as error:
            return _failed(RunReason.PULL_REQUEST_NOT_VERIFIED, error)

    async def _forge(self, run: AgentRun, repository: Repository) -> Forge:
        secret = repository.credentials_secret_ref
        if secret is None:
            raise NoToken(
                "spec.repository.credentialsSecretRef of the Blueprint is not set, so no pull "
                "request can be opened; name a Secret with the key `token`"
            )
        token = await read_token(self._kube, run.metadata.namespace, secret.name)
        return forge_for(repository.url, http=self._http, token=token)


async def _deliver(forge: Forge, run: AgentRun, spec: BlueprintSpec, report: Finished) -> Delivered:
    repository = ForgeRepository.parse(spec.repository.url if spec.repository else "")
    opened = await forge.open(repository, _draft(run, spec, report))
    seen = await forge.verify(repository, report.branch, report.head_sha)
    return Delivered(PullRequestSeen(seen.url, seen.number, seen.head_sha, opened.complaints))


def _draft(run: AgentRun, spec: BlueprintSpec, report: Finished) -> PullRequestDraft:
    work = _work(run, report)
    return PullRequestDraft(
        title=wording.pull_request_title(work),
        body=wording.pull_request_body(work),
        head=report.branch,
        base=spec.repository.base_branch if spec.repository else "",
        draft=spec.pull_request.draft,
        labels=tuple(spec.pull_request.labels),
        reviewers=tuple(spec.pull_request.reviewers),
    )


def _work(run: AgentRun, report: Finished) -> wording.Work:
    linear = run.spec.linear
    issue = None
    if linear is not None:
        issue = wording.Issue(linear.issue_identifier, linear.issue_title, linear.issue_url)
    return wording.Work(
        run_uid=run.metadata.uid,
        run_name=run.metadata.name,
        summary=report.text,
        issue=issue,
        task="" if linear is not None else run.spec.prompt,
    )


def _failed(reason: RunReason, error: Exception) -> Delivered:
    return Delivered(problem=Problem(reason, f"{error}"))
