"""The JSON with which GitHub describes things. Pure: `tests/data/github` checks it."""

import base64
import dataclasses
from typing import Any, TypeAlias

from deputy_simulator.forge.store import Pull, Repository

Json: TypeAlias = dict[str, Any]

#: The addresses of a repository's parts, below its own.
_PARTS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}

_ZEROS = (
    "forks",
    "forks_count",
    "open_issues",
    "open_issues_count",
    "size",
    "stargazers_count",
    "watchers",
    "watchers_count",
)

_USER_PARTS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


@dataclasses.dataclass(frozen=True, slots=True)
class DiffStat:
    """How large a pull request is."""

    commits: int
    files: int
    additions: int
    deletions: int


@dataclasses.dataclass(frozen=True, slots=True)
class Addresses:
    """Where programs and people find the forge; neither ends in a slash."""

    api: str
    site: str

    def user(self, login: str) -> Json:
        """Describe an account."""
        own = f"{self.api}/users/{login}"
        kind = "Bot" if login.endswith("[bot]") else "User"
        return {
            "login": login,
            "id": _number(login),
            "node_id": _node("User", login),
            "avatar_url": f"{self.site}/avatars/{login}",
            "gravatar_id": "",
            "url": own,
            "html_url": f"{self.site}/{login}",
            **{name: own + part for name, part in _USER_PARTS.items()},
            "type": kind,
            "site_admin": False,
        }

    def team(self, organization: str, slug: str) -> Json:
        """Describe a team."""
        own = f"{self.api}/organizations/{_number(organization)}/team/{_number(slug)}"
        return {
            "id": _number(slug),
            "node_id": _node("Team", slug),
            "url": own,
            "html_url": f"{self.site}/orgs/{organization}/teams/{slug}",
            "name": slug,
            "slug": slug,
            "description": None,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "members_url": own + "/members{/member}",
            "repositories_url": own + "/repos",
            "type": "organization",
            "parent": None,
        }

    def repository(self, seen: Repository, default_branch: str, *, private: bool) -> Json:
        """Describe a repository as a part of something else."""
        own, html = f"{self.api}/repos/{seen.full_name}", f"{self.site}/{seen.full_name}"
        return {
            "id": seen.id,
            "node_id": _node("Repository", seen.full_name),
            "name": seen.name,
            "full_name": seen.full_name,
            "owner": self.user(seen.owner),
            "private": private,
            "visibility": "private" if private else "public",
            "html_url": html,
            "description": None,
            "fork": False,
            "url": own,
            **{name: own + part for name, part in _PARTS.items()},
            "clone_url": f"{html}.git",
            "git_url": f"{html}.git".replace("http", "git", 1),
            "ssh_url": f"git@localhost:{seen.full_name}.git",
            "svn_url": html,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "default_branch": default_branch,
            "topics": [],
            **dict.fromkeys(_ZEROS, 0),
            **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True),
            "has_pages": False,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "pushed_at": seen.created,
            "created_at": seen.created,
            "updated_at": seen.created,
        }

    def full_repository(self, seen: Repository, default_branch: str, *, private: bool) -> Json:
        """Describe a repository on its own."""
        more = {"network_count": 0, "subscribers_count": 0}
        return self.repository(seen, default_branch, private=private) | more

    def ref(self, repository: Repository, name: str, sha: str) -> Json:
        """Describe a ref, named without `refs/`."""
        own = f"{self.api}/repos/{repository.full_name}/git"
        target = {"type": "commit", "sha": sha, "url": f"{own}/commits/{sha}"}
        return {
            "ref": f"refs/{name}",
            "node_id": _node("Ref", name),
            "url": f"{own}/refs/{name}",
            "object": target,
        }

    def label(self, repository: Repository, name: str) -> Json:
        """Describe a label."""
        return {
            "id": _number(name),
            "node_id": _node("Label", name),
            "url": f"{self.api}/repos/{repository.full_name}/labels/{name}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def pull(self, repository: Repository, whole: Json, pull: Pull) -> Json:
        """Describe a pull request as a list does; `whole` is its repository's description."""
        own = f"{self.api}/repos/{repository.full_name}"
        links = self._pull_links(own, self.pull_page(repository, pull), pull)
        owner = self.user(repository.owner)
        return {
            "id": repository.id * 100_000 + pull.number,
            "node_id": _node("PullRequest", f"{repository.full_name}#{pull.number}"),
            "number": pull.number,
            "state": pull.state,
            "locked": False,
            "active_lock_reason": None,
            "title": pull.title,
            "body": pull.body or None,
            "user": self.user(pull.author),
            "draft": pull.draft,
            "labels": [self.label(repository, name) for name in pull.labels],
            "milestone": None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [self.user(login) for login in pull.reviewers],
            "requested_teams": [self.team(repository.owner, slug) for slug in pull.teams],
            "head": _end(repository.owner, owner, whole, pull.head, pull.head_sha),
            "base": _end(repository.owner, owner, whole, pull.base, pull.base_sha),
            "created_at": pull.created,
            "updated_at": pull.updated,
            "closed_at": pull.closed,
            "merged_at": pull.merged,
            "merge_commit_sha": pull.merge_sha,
            "author_association": "CONTRIBUTOR",
            "auto_merge": None,
            "url": links["self"],
            "html_url": links["html"],
            "diff_url": f"{links['html']}.diff",
            "patch_url": f"{links['html']}.patch",
            "issue_url": links["issue"],
            "commits_url": links["commits"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "_links": {name: {"href": address} for name, address in links.items()},
        }

    def full_pull(
        self, repository: Repository, whole: Json, pull: Pull, diff_stat: DiffStat
    ) -> Json:
        """Describe a pull request on its own."""
        is_open = pull.state == "open"
        return self.pull(repository, whole, pull) | {
            "merged": pull.merged is not None,
            "merged_by": self.user(repository.owner) if pull.merged else None,
            "mergeable": True if is_open else None,
            "rebaseable": True if is_open else None,
            "mergeable_state": "clean" if is_open else "unknown",
            "maintainer_can_modify": False,
            "comments": 0,
            "review_comments": 0,
            "commits": diff_stat.commits,
            "changed_files": diff_stat.files,
            "additions": diff_stat.additions,
            "deletions": diff_stat.deletions,
        }

    def pull_page(self, repository: Repository, pull: Pull) -> str:
        """Return where people look at a pull request."""
        return f"{self.site}/{repository.full_name}/pull/{pull.number}"

    def _pull_links(self, own: str, page: str, pull: Pull) -> dict[str, str]:
        return {
            "self": f"{own}/pulls/{pull.number}",
            "html": page,
            "issue": f"{own}/issues/{pull.number}",
            "comments": f"{own}/issues/{pull.number}/comments",
            "review_comments": f"{own}/pulls/{pull.number}/comments",
            "review_comment": f"{own}/pulls/comments{{/number}}",
            "commits": f"{own}/pulls/{pull.number}/commits",
            "statuses": f"{own}/statuses/{pull.head_sha}",
        }


def _end(owner: str, user: Json, repository: Json, ref: str, sha: str) -> Json:
    return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": user, "repo": repository}


def _node(kind: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode()


def _number(name: str) -> int:
    """Return a number that belongs to a name, the same in every simulator."""
    return int.from_bytes(name.lower().encode()[:6].ljust(6, b"\0"), "big")
