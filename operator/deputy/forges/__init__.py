"""Where pull requests live: open and verify them."""

from deputy.forges.base import Forge, Opened, PullRequest, PullRequestDraft, PullRequestState
from deputy.forges.choice import forge_for
from deputy.forges.errors import (
    AccessDenied,
    ForgeError,
    ForgeRefused,
    ForgeUnavailable,
    NothingToMerge,
    NotVerified,
    RepositoryUrlWrong,
    TokenRefused,
)
from deputy.forges.github import GitHub
from deputy.forges.repository import Repository

__all__ = [
    "AccessDenied",
    "Forge",
    "ForgeError",
    "ForgeRefused",
    "ForgeUnavailable",
    "GitHub",
    "NotVerified",
    "NothingToMerge",
    "Opened",
    "PullRequest",
    "PullRequestDraft",
    "PullRequestState",
    "Repository",
    "RepositoryUrlWrong",
    "TokenRefused",
    "forge_for",
]
