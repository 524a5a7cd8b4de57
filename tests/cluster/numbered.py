"""Runs whose agent numbers what it says and does, so that nothing is lost or doubled unseen."""

import dataclasses
from typing import Any

from deputy.core.acknowledgements import FIRST
from tests.cluster.blueprints import scripted
from tests.cluster.conftest import Place
from tests.cluster.linear import PATIENCE, Session

STEPS = range(1, 11)
#: Seconds from the delegation to the end of a run that nobody disturbs, about.
LIFE = 5.0
#: Seconds that its agent works, at least: the sum of its pauses.
WORK = 0.25 * len(STEPS)

SCRIPT = "\n".join(
    [
        *(f"say step {n}\nrun echo {n} >> steps\nsleep 0.25" for n in STEPS),
        "run git add steps && git commit -qm Steps",
        "say all done",
    ]
)

Told = list[tuple[str, str]]

#: What a session is told before the closing words.
TOLD: Told = [
    ("thought", FIRST),
    *(
        one
        for n in STEPS
        for one in (("thought", f"step {n}"), ("action", f"Ran echo {n} >> steps"))
    ),
    ("action", "Ran git add steps && git commit -qm Steps"),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run, for people who look at Linear, the forge and the cluster."""

    told: Told
    steps: list[str]
    """The numbers of the steps that the run's branch has."""
    phase: str
    reason: str
    pull_requests: int
    """How many the forge has for the run's branch."""


def undisturbed(session: Session) -> Outcome:
    """Return what comes of a run that nobody disturbs."""
    ((_, url),) = session.links
    told = [*TOLD, ("response", f"all done\n\nPull request: {url}")]
    return Outcome(told, [str(n) for n in STEPS], "Succeeded", "PullRequestOpened", 1)


def assert_told_as_far_as_it_came(outcome: Outcome) -> None:
    """Everything that was done is on the branch and was told, but perhaps the last step."""
    told = outcome.told[:-1]
    done = [text for kind, text in told if kind == "action"]
    assert told == TOLD[: len(told)]
    assert outcome.steps == [str(n) for n in STEPS[: len(outcome.steps)]]
    assert len(outcome.steps) - len(done) in (0, 1)
    assert outcome.pull_requests == 0


async def prepare(place: Place) -> None:
    """Make a Blueprint whose agent numbers what it does."""
    await place.blueprint(scripted(), {"maxConcurrentRuns": 10}, repository=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Started:
    """A run that has begun."""

    place: Place
    session: str
    run: dict[str, Any]

    async def over(self, within: float = PATIENCE) -> Session:
        """Return the session once it has ended."""
        return await self.place.linear.until_over(self.session, within)

    async def outcome(self, session: Session) -> Outcome:
        """Return what came of the run once it is over."""
        run = await self.place.objects.run_until_over(self.run["metadata"]["name"])
        repository = await self.place.forge.repository(self.place.repository)
        branch = run["status"]["branch"]
        steps = ""
        if branch in repository["branches"]:
            steps = await self.place.forge.file(self.place.repository, "steps", branch)
        heads = [one["head"] for one in repository["pulls"]]
        status = run["status"]
        return Outcome(
            session.told(), steps.split(), status["phase"], status["reason"], heads.count(branch)
        )


async def start(place: Place, script: str = SCRIPT) -> Started:
    """Delegate an issue; return once it has a run."""
    identifier = await place.issue(script)
    session = await place.linear.delegate(identifier)
    run = await place.objects.run_of_soon(await place.linear.issue(identifier))
    return Started(place, session, run)
