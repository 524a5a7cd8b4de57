"""What every forge can do for a run."""

import dataclasses
import enum
from typing import Protocol

from deputy.forges.repository import Repository


class PullRequestState(enum.StrEnum):
    """What has become of a pull request."""

    OPEN = "Open"
    MERGED = "Merged"
    CLOSED = "Closed"


@dataclasses.dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge shows it; `url` is for people."""

    number: int
    url: str
    head_sha: str
    state: PullRequestState


@dataclasses.dataclass(frozen=True, slots=True)
class PullRequestDraft:
    """A pull request as it should be.

    `base` empty means the repository's default branch. A reviewer is a login, or
    `<organisation>/<team>`.
    """

    title: str
    body: str
    head: str
    base: str = ""
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A pull request that is open now.

    `complaints` are what the forge refused beside it, labels and reviewers: a line for people,
    never a reason to fail.
    """

    pull_request: PullRequest
    complaints: tuple[str, ...] = ()


class Forge(Protocol):
    """A forge with the rights of one token; every call may raise `ForgeError`."""

    async def open(self, repository: Repository, draft: PullRequestDraft) -> Opened:
        """Have a pull request open for `draft.head`; repeating it never makes a second one."""

    async def verify(self, repository: Repository, branch: str, sha: str) -> PullRequest:
        """Return the pull request whose head is commit `sha` of `branch`.

        The branch is looked at too, as long as the pull request is not merged.

        Raises:
            NotVerified: the forge shows something else.
        """
