"""What can be done with pull requests, and when GitHub refuses it."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from deputy_simulator.forge.bare import Bare
from deputy_simulator.forge.errors import GitFailed, Refusal, failed, invalid, not_found
from deputy_simulator.forge.payloads import DiffStat
from deputy_simulator.forge.store import Pull, Repository, now

_MAX_TITLE = 256
_MAX_BODY = 65_536


@dataclasses.dataclass(frozen=True, slots=True)
class NewPull:
    """A pull request as somebody asks for it."""

    title: str
    body: str
    head: str
    base: str
    draft: bool


def read_new_pull(owner: str, given: Any) -> NewPull:
    """Return what the body of a request asks for; raise `Refusal` where it is none."""
    for field in ("head", "base"):
        if not isinstance(_field(given, field, str), str):
            raise Refusal(422, f'Invalid request.\n\n"{field}" wasn\'t supplied.')
    title, body = _field(given, "title", str) or "", _field(given, "body", str) or ""
    _check_texts(title, body)
    head = given["head"].removeprefix(f"{owner}:")
    return NewPull(title, body, head, given["base"], bool(_field(given, "draft", bool)))


def _check_texts(title: str, body: str) -> None:
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    if len(title) > _MAX_TITLE:
        raise failed("PullRequest", f"title is too long (maximum is {_MAX_TITLE} characters)")
    if len(body) > _MAX_BODY:
        raise failed("PullRequest", f"body is too long (maximum is {_MAX_BODY} characters)")


def _field(given: Any, name: str, kind: type) -> Any:
    value = given.get(name) if isinstance(given, dict) else None
    if value is not None and not isinstance(value, kind):
        words = {str: "a string", bool: "a boolean", list: "an array"}
        raise Refusal(
            422, f"Invalid request.\n\nFor 'properties/{name}', {value!r:.80} is not {words[kind]}."
        )
    return value


async def create(repository: Repository, new: NewPull, author: str) -> Pull:
    """Open a pull request; raise `Refusal` as GitHub does."""
    branches = await repository.bare.branches()
    if new.head not in branches:
        raise invalid("PullRequest", "head")
    if new.base not in branches:
        raise invalid("PullRequest", "base")
    if any(_is_same(pull, new) for pull in repository.pulls.values()):
        owner = repository.owner
        raise failed("PullRequest", f"A pull request already exists for {owner}:{new.head}.")
    head, base = branches[new.head], branches[new.base]
    await _check_commits(repository.bare, new, head, base)
    number, moment = max(repository.pulls, default=0) + 1, now()
    made = Pull(
        number=number,
        title=new.title,
        body=new.body,
        head=new.head,
        base=new.base,
        draft=new.draft,
        author=author,
        head_sha=head,
        base_sha=base,
        created=moment,
        updated=moment,
    )
    repository.pulls[number] = made
    return made


def _is_same(pull: Pull, new: NewPull) -> bool:
    return pull.state == "open" and (pull.head, pull.base) == (new.head, new.base)


async def _check_commits(bare: Bare, new: NewPull, head: str, base: str) -> None:
    common = await bare.merge_base(base, head)
    if common is None:
        raise failed(
            "PullRequest", f"The {new.head} branch has no history in common with {new.base}"
        )
    if not await bare.commits(base, head):
        raise failed("PullRequest", f"No commits between {new.base} and {new.head}")


async def look(repository: Repository) -> None:
    """Bring open pull requests up to what was pushed; one without its branch is closed."""
    branches = await repository.bare.branches()
    for pull in repository.pulls.values():
        if pull.state != "open":
            continue
        head = branches.get(pull.head)
        if head is None:
            close(pull)
        elif head != pull.head_sha:
            pull.head_sha, pull.updated = head, now()


def close(pull: Pull) -> None:
    """Close a pull request without merging it."""
    pull.state, pull.closed, pull.updated = "closed", now(), now()


async def merge(repository: Repository, pull: Pull) -> None:
    """Merge a pull request, as a person does with the button; raise `Refusal`."""
    if pull.state != "open":
        raise Refusal(405, "Pull Request is not mergeable")
    bare = repository.bare
    base = await bare.head_of(pull.base)
    if base is None:
        raise Refusal(405, "Base branch was deleted")
    try:
        tree = (await bare.run("merge-tree", "--write-tree", base, pull.head_sha)).split()[0]
    except GitFailed:
        raise Refusal(405, "Pull Request is not mergeable") from None
    title = f"Merge pull request #{pull.number} from {repository.owner}/{pull.head}"
    sha = await bare.commit_tree(tree, [base, pull.head_sha], f"{title}\n\n{pull.title}")
    await bare.run("update-ref", f"refs/heads/{pull.base}", sha, base)
    close(pull)
    pull.merged, pull.merge_sha = pull.closed, sha


def update(pull: Pull, given: Any) -> None:
    """Change what the body of a request names; raise `Refusal`."""
    title, body = _field(given, "title", str), _field(given, "body", str)
    _check_texts(pull.title if title is None else title, body or "")
    state = _field(given, "state", str)
    if state not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    pull.title = pull.title if title is None else title
    pull.body = pull.body if body is None else body
    if state == "closed" and pull.state == "open":
        close(pull)
    if state == "open" and pull.state == "closed":
        if pull.merged:
            raise failed("PullRequest", "state cannot be changed. It was merged.")
        pull.state, pull.closed = "open", None
    pull.updated = now()


def add_labels(pull: Pull, given: Any) -> None:
    """Add labels to those that are there; raise `Refusal`."""
    names = given if isinstance(given, list) else _field(given, "labels", list)
    if not isinstance(names, list):
        raise Refusal(422, 'Invalid request.\n\n"labels" wasn\'t supplied.')
    given_names = [name.get("name") if isinstance(name, dict) else name for name in names]
    wanted = [name for name in given_names if isinstance(name, str) and name.strip()]
    if len(wanted) < len(names):
        raise invalid("Label", "name")
    pull.labels = _union(pull.labels, wanted)


def request_review(repository: Repository, pull: Pull, given: Any) -> None:
    """Ask people and teams for a review; raise `Refusal` where one of them cannot be."""
    people = _field(given, "reviewers", list) or []
    teams = _field(given, "team_reviewers", list) or []
    if pull.author in people:
        raise Refusal(422, "Review cannot be requested from pull request author.")
    if not {*people, *teams} <= set(repository.collaborators):
        raise Refusal(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams "
            f"you specified is not a collaborator of the {repository.full_name} repository.",
        )
    pull.reviewers, pull.teams = _union(pull.reviewers, people), _union(pull.teams, teams)


def _union(old: list[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def pull_of(repository: Repository, number: str) -> Pull:
    """Return a pull request; raise `Refusal` where there is none."""
    found = repository.pulls.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise not_found()
    return found


async def span(repository: Repository, pull: Pull) -> tuple[str, str]:
    """Return the two commits between which a pull request's own changes lie."""
    common = await repository.bare.merge_base(pull.base_sha, pull.head_sha)
    return common or pull.base_sha, pull.head_sha


async def diff_stat(repository: Repository, pull: Pull) -> DiffStat:
    """Return how large a pull request is."""
    base, head = await span(repository, pull)
    changes = await repository.bare.changes(base, head)
    commits = await repository.bare.commits(base, head)
    return DiffStat(
        commits=len(commits),
        files=len(changes),
        additions=sum(change.additions for change in changes),
        deletions=sum(change.deletions for change in changes),
    )
