"""Which branch a run works on: a follow-up goes on where the run before has been."""

from typing import Any

import pytest

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import RepositorySpec
from deputy.api.names import issue_hash, run_name
from deputy.controller.branches import branch_of
from deputy.kube.cache import Cache

REPOSITORY = RepositorySpec(url="https://github.com/acme/api.git")
LINEAR = {"organizationId": "o", "issueId": "i", "issueIdentifier": "ENG-42", "sessionId": "s"}


def body(number: int, branch: str = "", namespace: str = "agents", **linear: str) -> dict[str, Any]:
    issue = LINEAR | linear
    return {
        "metadata": {
            "name": run_name(issue_hash("o", "i"), number),
            "namespace": namespace,
            "uid": f"{namespace}-{number}",
            "resourceVersion": str(number),
        },
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": issue},
        "status": {"branch": branch},
    }


def branch(run: dict[str, Any], *earlier: dict[str, Any], prefix: str = "deputy/") -> str:
    cache = Cache()
    for one in earlier:
        assert cache.runs.put(one)
    repository = REPOSITORY.model_copy(update={"branch_prefix": prefix})
    return branch_of(AgentRun.model_validate(run), repository, cache)


def test_the_first_run_works_on_deputys_branch_for_the_issue() -> None:
    assert branch(body(1)) == "deputy/eng-42"
    assert branch(body(1), prefix="bots/") == "bots/eng-42"


@pytest.mark.parametrize("title", ["Fix login", "Fix login on Safari"])
def test_an_edited_title_changes_nothing(title: str) -> None:
    assert branch(body(2, issueTitle=title)) == "deputy/eng-42"


def test_a_follow_up_inherits_the_branch_of_the_run_before() -> None:
    earlier = body(1, "ada/eng-42-fix-login"), body(2, "deputy/eng-42-fix"), body(3)

    assert branch(body(4), *earlier) == "deputy/eng-42-fix"


def test_an_issue_that_moved_to_another_team_keeps_its_branch() -> None:
    moved = body(2, issueIdentifier="OPS-7")

    assert branch(moved, body(1, "deputy/eng-42"), prefix="bots/") == "deputy/eng-42"


def test_nothing_is_inherited_from_another_namespace_or_from_a_later_run() -> None:
    others = body(1, "deputy/alien", namespace="tenant"), body(3, "deputy/later")

    assert branch(body(2), *others) == "deputy/eng-42"


def test_an_issue_without_identifier_has_one_branch_for_all_its_runs() -> None:
    names = {branch(body(number, issueIdentifier="")) for number in (1, 2, 10)}

    assert names == {f"deputy/linear-{issue_hash('o', 'i')}"}


def test_a_run_made_by_hand_has_a_branch_of_its_own() -> None:
    run = body(1)
    run["metadata"]["name"] = "fix-the-build-2"
    del run["spec"]["linear"]

    assert branch(run) == "deputy/fix-the-build-2"


def test_without_a_repository_there_is_no_branch() -> None:
    assert branch_of(AgentRun.model_validate(body(1)), None, Cache()) == ""
