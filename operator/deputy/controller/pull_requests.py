"""Turn a pushed branch into a pull request that was really seen on the forge."""

import asyncio
import collections
import dataclasses

import httpx

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec, RepositorySpec
from deputy.core import pull_request as wording
from deputy.core.observed import PullRequestSeen
from deputy.core.outcome import Problem
from deputy.core.reason import RunReason
from deputy.forges import (
    Forge,
    ForgeRefused,
    NotVerified,
    PullRequestDraft,
    Repository,
    forge_for,
)
from deputy.forges.errors import TokenMissing
from deputy.forges.tokens import read_token
from deputy.kube.client import Kube
from deputy.wire import Finished

#: Pull requests that are opened at one forge at the same time.
_CALLS_PER_FORGE = 10


@dataclasses.dataclass(frozen=True, slots=True)
class OpenResult:
    """The pull request as the forge showed it, or why there is none."""

    pull_request: PullRequestSeen | None = None
    problem: Problem | None = None


class PullRequests:
    """Opens and verifies pull requests."""

    def __init__(self, kube: Kube, http: httpx.AsyncClient) -> None:
        self._kube = kube
        self._http = http
        # A forge that does not answer holds its own runs up, and not those of others.
        self._calls = collections.defaultdict[str, asyncio.Semaphore](
            lambda: asyncio.Semaphore(_CALLS_PER_FORGE)
        )

    async def open(self, run: AgentRun, spec: BlueprintSpec, report: Finished) -> OpenResult:
        """Open the pull request for what `report` says was pushed, and verify it.

        Idempotent: an open one is found again. Raises `ForgeUnavailable` where the forge cannot
        be asked, which is tried again later.
        """
        if spec.repository is None:
            raise ValueError(f"Blueprint of {run.metadata.name} has no repository")
        try:
            forge = await self._forge(run, spec.repository)
            async with self._calls[Repository.parse(spec.repository.url).api_url]:
                return await _open(forge, run, spec, report)
        except TokenMissing as error:
            return _failed(RunReason.CREDENTIALS_MISSING, error)
        except ForgeRefused as error:
            return _failed(RunReason.PULL_REQUEST_REFUSED, error)
        except NotVerified as error:
            return _failed(RunReason.PULL_REQUEST_NOT_VERIFIED, error)

    async def _forge(self, run: AgentRun, repository: RepositorySpec) -> Forge:
        secret = repository.credentials_secret_ref
        if secret is None:
            raise TokenMissing(
                "spec.repository.credentialsSecretRef of the Blueprint is not set, so no pull "
                "request can be opened; name a Secret with the key `token`"
            )
        token = await read_token(self._kube, run.metadata.namespace, secret.name)
        return forge_for(repository.url, http=self._http, token=token)


async def _open(forge: Forge, run: AgentRun, spec: BlueprintSpec, report: Finished) -> OpenResult:
    repository = Repository.parse(spec.repository.url if spec.repository else "")
    opened = await forge.open(repository, _draft(run, spec, report))
    seen = await forge.verify(repository, report.branch, report.head_sha)
    return OpenResult(PullRequestSeen(seen.url, seen.number, seen.head_sha, opened.complaints))


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


def _work(run: AgentRun, report: Finished) -> wording.CompletedWork:
    linear = run.spec.linear
    return wording.CompletedWork(
        run_uid=run.metadata.uid,
        run_name=run.metadata.name,
        summary=report.text,
        identifier=linear.issue_identifier if linear else "",
        title=linear.issue_title if linear else "",
        url=linear.issue_url if linear else "",
        task="" if linear else run.spec.prompt,
    )


def _failed(reason: RunReason, error: Exception) -> OpenResult:
    return OpenResult(problem=Problem(reason, f"{error}"))
