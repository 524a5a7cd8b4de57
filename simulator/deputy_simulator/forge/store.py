"""What a simulated forge holds: repositories on disk, pull requests beside them."""

import dataclasses
import datetime as dt
import json
import pathlib
import re

from deputy_simulator.forge.bare import Bare
from deputy_simulator.forge.errors import Refusal, not_found

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")

#: Who may be asked for a review, unless a repository is made with others.
COLLABORATORS = ("ada", "grace", "linus")


@dataclasses.dataclass(slots=True)
class Pull:
    """A pull request; `head_sha` is where its branch was when it was last looked at."""

    number: int
    title: str
    body: str
    head: str
    base: str
    draft: bool
    author: str
    head_sha: str
    base_sha: str
    created: str
    updated: str
    state: str = "open"
    closed: str | None = None
    merged: str | None = None
    merge_sha: str | None = None
    labels: list[str] = dataclasses.field(default_factory=list)
    reviewers: list[str] = dataclasses.field(default_factory=list)
    teams: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Repository:
    """A repository and its pull requests, by number."""

    id: int
    owner: str
    name: str
    bare: Bare
    created: str
    collaborators: tuple[str, ...] = COLLABORATORS
    pulls: dict[int, Pull] = dataclasses.field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """The name as GitHub writes it."""
        return f"{self.owner}/{self.name}"


class Store:
    """All repositories, below one folder; what is not git is in `forge.json` there."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._file = folder / "forge.json"
        self._repositories: dict[str, Repository] = {}
        self._load()

    @property
    def folder(self) -> pathlib.Path:
        """Where git finds `<owner>/<name>.git`."""
        return self._folder

    def all(self) -> list[Repository]:
        """Return the repositories, the oldest first."""
        return sorted(self._repositories.values(), key=lambda repository: repository.id)

    def find(self, owner: str, name: str) -> Repository | None:
        """Return a repository; names do not care for case, as GitHub's."""
        return self._repositories.get(f"{owner}/{name}".lower())

    def get(self, owner: str, name: str) -> Repository:
        """Return a repository; raise `Refusal` where there is none."""
        found = self.find(owner, name)
        if found is None:
            raise not_found()
        return found

    async def create(
        self, owner: str, name: str, default_branch: str = "main", *, collaborators: tuple[str, ...]
    ) -> Repository:
        """Make a repository without a commit; raise `Refusal` where that cannot be."""
        if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name) or name.endswith(".git"):
            raise Refusal(422, f"{owner}/{name} is no name for a repository")
        if self.find(owner, name) is not None:
            raise Refusal(422, f"name {owner}/{name} already exists")
        bare = Bare(self._folder / owner / f"{name}.git")
        await bare.create(default_branch)
        number = len(self._repositories) + 1
        made = Repository(number, owner, name, bare, now(), collaborators)
        self._repositories[made.full_name.lower()] = made
        self.save()
        return made

    def save(self) -> None:
        """Write down what is not git, all or nothing."""
        facts = []
        for repository in self.all():
            fact = {
                "owner": repository.owner,
                "name": repository.name,
                "created": repository.created,
                "collaborators": repository.collaborators,
                "pulls": [dataclasses.asdict(pull) for pull in repository.pulls.values()],
            }
            facts.append(fact)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(facts, indent=1), "utf-8")
        fresh.replace(self._file)

    def _load(self) -> None:
        if not self._file.exists():
            return
        for number, fact in enumerate(json.loads(self._file.read_text("utf-8")), start=1):
            owner, name = fact["owner"], fact["name"]
            bare = Bare(self._folder / owner / f"{name}.git")
            pulls = {pull["number"]: Pull(**pull) for pull in fact["pulls"]}
            collaborators = tuple(fact["collaborators"])
            found = Repository(number, owner, name, bare, fact["created"], collaborators, pulls)
            self._repositories[found.full_name.lower()] = found


def now() -> str:
    """Return the time as GitHub writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
