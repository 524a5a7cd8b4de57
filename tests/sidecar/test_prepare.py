"""The init container makes the clone that the agent works in, or says why it cannot."""

import subprocess
from pathlib import Path

import pytest

from tests.sidecar.conftest import Forge, MakePod
from tests.sidecar.fake_relay import FakeRelay

BRANCH = "deputy/eng-42"


def output(*command: str, at: Path) -> str:
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    return done.stdout.strip()


async def test_a_prepared_workspace_is_left_as_it_is(forge: Forge, make_pod: MakePod) -> None:
    pod = make_pod(users=True, repository_url=forge.repository, branch=BRANCH)
    await pod.prepare()
    (pod.repository / "work").write_text("precious")

    assert await pod.prepare() == (0, "")

    assert (pod.repository / "work").read_text() == "precious"


async def test_a_half_made_clone_is_made_anew(forge: Forge, make_pod: MakePod) -> None:
    pod = make_pod(repository_url=forge.repository, branch=BRANCH)
    (pod.root / ".clone").mkdir()
    (pod.root / ".clone" / "half").write_text("x")

    assert await pod.prepare() == (0, "")

    assert output("git", "symbolic-ref", "--short", "HEAD", at=pod.repository) == BRANCH
    assert not (pod.root / ".clone").exists()


async def test_a_clone_keeps_no_token(forge: Forge, make_pod: MakePod) -> None:
    pod = make_pod(users=True, repository_url=forge.repository, branch=BRANCH)

    await pod.prepare()

    assert output("grep", "-rl", "gtok", ".", at=pod.folder) == ""


@pytest.mark.parametrize(
    ("workspace", "sentence"),
    [
        ({"base_branch": "trunk"}, "has no branch `trunk`: correct spec.repository.baseBranch"),
        ({"repository_url": "{url}/acme/none.git"}, "Correct spec.repository.url"),
    ],
)
async def test_a_workspace_that_cannot_be_prepared_says_why_and_what_to_do(
    workspace: dict[str, str],
    sentence: str,
    forge: Forge,
    make_pod: MakePod,
) -> None:
    facts = {"repository_url": forge.repository, "branch": BRANCH, **workspace}
    facts["repository_url"] = facts["repository_url"].format(url=forge.url)
    pod = make_pod(**facts)

    status, said = await pod.prepare()

    assert status == 1
    assert sentence in said
    assert said.count("\n") == 1


async def test_a_missing_secret_is_named_when_the_forge_wants_a_token(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    relay.token = None
    pod = make_pod(repository_url=forge.repository, branch=BRANCH)

    status, said = await pod.prepare()

    assert status == 1
    assert said.rstrip().endswith("There is no credential: the Secret forge does not exist.")
