"""GitHub and GitHub Enterprise Server, over their REST interface."""

import urllib.parse
from typing import Any

import httpx
import tenacity
from tenacity.wait import wait_base

from deputy.forges.base import Opened, PullRequest, PullRequestDraft, PullRequestState
from deputy.forges.errors import (
    AlreadyOpen,
    ForgeRefused,
    ForgeUnavailable,
    NotVerified,
    RepositoryNotFound,
)
from deputy.forges.github_responses import (
    body_of,
    comes_from,
    error_of,
    pull_request,
)
from deputy.forges.repository import Repository

_VERSION = "2022-11-28"

#: How often a question is asked before it counts as failed: no run shall fail of a short outage.
_ATTEMPTS = 4

#: GitHub takes a moment to see in a pull request what was pushed to its branch.
_BACKOFF = tenacity.wait_exponential(multiplier=0.25, max=2)


class GitHub:
    """GitHub with the rights of one token, which is used and never shown.

    `http` belongs to the caller, with its time-outs. Only questions are repeated here; whoever
    calls repeats the rest, which is always safe.
    """

    def __init__(
        self, http: httpx.AsyncClient, token: str, *, backoff: wait_base = _BACKOFF
    ) -> None:
        self._http = http
        self._token = token
        self._backoff = backoff

    async def open(self, repository: Repository, draft: PullRequestDraft) -> Opened:
        """Have a pull request open for `draft.head`; repeating it never makes a second one.

        One that is open already is left as people see it, but for what a crash kept this very
        draft from getting: its labels and reviewers.
        """
        pulls = await self._pulls(repository, draft.head, "open")
        pull = pulls[0] if pulls else await self._create(repository, draft)
        complaints: tuple[str, ...] = ()
        if not pulls or _same_text(pull.get("body"), draft.body):
            complaints = await self._add_labels_and_reviewers(repository, pull["number"], draft)
        return Opened(pull_request(pull), complaints)

    async def verify(self, repository: Repository, branch: str, sha: str) -> PullRequest:
        """Return the pull request whose head is commit `sha` of `branch`; raise `NotVerified`.

        A merged one counts even without its branch, which GitHub may have deleted.
        """
        repeated = self._repeated(NotVerified)
        return await repeated(self._verify_once, repository, branch, sha)

    async def _verify_once(self, repository: Repository, branch: str, sha: str) -> PullRequest:
        pulls = [pull_request(pull) for pull in await self._pulls(repository, branch, "all")]
        fits = [pull for pull in pulls if pull.head_sha == sha]
        if not fits:
            seen = f"pull request {pulls[0].url} is at {pulls[0].head_sha}" if pulls else "none is"
            raise NotVerified(
                f"no pull request of branch {branch} in {repository} has commit {sha}: {seen}"
            )
        best = max(fits, key=lambda pull: (pull.state is PullRequestState.OPEN, pull.number))
        if best.state is not PullRequestState.MERGED:
            await self._verify_branch(repository, branch, sha)
        return best

    async def _verify_branch(self, repository: Repository, branch: str, sha: str) -> None:
        try:
            reference = await self._get(repository, f"/git/ref/heads/{_quoted(branch)}")
        except RepositoryNotFound:
            raise NotVerified(f"branch {branch} is not in {repository}") from None
        head = reference["object"]["sha"]
        if head != sha:
            raise NotVerified(
                f"branch {branch} in {repository} is at {head}, not at {sha}; "
                "somebody else pushed to it"
            )

    async def _pulls(self, repository: Repository, branch: str, state: str) -> list[dict[str, Any]]:
        """Return the pull requests of a branch, the newest first."""
        query = {"head": f"{repository.owner}:{branch}", "state": state, "per_page": "100"}
        pulls = await self._get(repository, "/pulls", query)
        return [pull for pull in pulls if comes_from(pull, repository, branch)]

    async def _create(self, repository: Repository, draft: PullRequestDraft) -> dict[str, Any]:
        body = {
            "title": draft.title,
            "body": draft.body,
            "head": draft.head,
            "base": draft.base or await self.default_branch(repository),
            "draft": draft.draft,
        }
        try:
            created: dict[str, Any] = await self._post(repository, "/pulls", body)
        except AlreadyOpen as error:
            # Somebody was faster, or our own request was heard though its answer was lost.
            pulls = await self._pulls(repository, draft.head, "open")
            if not pulls:
                raise ForgeUnavailable(f"{error.message}, but it is not listed yet") from None
            return pulls[0]
        return created

    async def default_branch(self, repository: Repository) -> str:
        """Return the branch that pull requests go to unless told otherwise."""
        answer = await self._get(repository, "")
        return str(answer["default_branch"])

    async def _add_labels_and_reviewers(
        self, repository: Repository, number: int, draft: PullRequestDraft
    ) -> tuple[str, ...]:
        complaints: list[str] = []
        for path, wanted in _labels_and_reviewers(number, draft):
            try:
                await self._post(repository, path, wanted)
            except ForgeRefused as error:
                complaints.append(error.message)
        return tuple(complaints)

    async def _get(
        self, repository: Repository, path: str, query: dict[str, str] | None = None
    ) -> Any:
        repeated = self._repeated(ForgeUnavailable)
        return await repeated(self._request, "GET", repository, path, query=query)

    async def _post(self, repository: Repository, path: str, body: dict[str, Any]) -> Any:
        return await self._request("POST", repository, path, body=body)

    async def _request(
        self,
        method: str,
        repository: Repository,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:
        url = f"{repository.api_url}/repos/{repository.owner}/{repository.name}{path}"
        try:
            answer = await self._http.request(
                method, url, params=query, json=body, headers=self._headers()
            )
        except httpx.HTTPError as error:
            raise ForgeUnavailable(
                f"{method} {url} was not answered ({type(error).__name__}); try again later"
            ) from error
        refusal = error_of(answer, repository)
        if refusal is not None:
            raise refusal
        return body_of(answer)

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "deputy",
            "X-GitHub-Api-Version": _VERSION,
        }

    def _repeated(self, kind: type[Exception]) -> tenacity.AsyncRetrying:
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: _may_retry(error, kind)),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=self._backoff,
            reraise=True,
        )


def _may_retry(error: BaseException, kind: type[Exception]) -> bool:
    """Tell whether asking again at once may help; a forge that names a time means it."""
    if isinstance(error, ForgeUnavailable) and error.retry_after is not None:
        return False
    return isinstance(error, kind)


def _labels_and_reviewers(number: int, draft: PullRequestDraft) -> list[tuple[str, dict[str, Any]]]:
    requests: list[tuple[str, dict[str, Any]]] = []
    if draft.labels:
        requests.append((f"/issues/{number}/labels", {"labels": list(draft.labels)}))
    teams = [name.partition("/")[2] for name in draft.reviewers if "/" in name]
    people = [name for name in draft.reviewers if "/" not in name]
    if teams or people:
        reviewers = {"reviewers": people, "team_reviewers": teams}
        requests.append((f"/pulls/{number}/requested_reviewers", reviewers))
    return requests


def _same_text(seen: str | None, wanted: str) -> bool:
    return (seen or "").replace("\r\n", "\n").strip() == wanted.replace("\r\n", "\n").strip()


def _quoted(branch: str) -> str:
    return urllib.parse.quote(branch)
