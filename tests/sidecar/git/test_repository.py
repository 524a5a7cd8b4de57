"""Commits leave the workspace, whatever the workspace does about it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from deputy.wire import Workspace
from deputy_sidecar.errors import GitFailed, SecretInWork
from deputy_sidecar.git.repository import OutboxRepository, Snapshot
from deputy_sidecar.paths import Paths

BRANCH = "deputy/eng-1"
MakeRepository: TypeAlias = Callable[..., OutboxRepository]

_ME = {
    "GIT_AUTHOR_NAME": "Agent", "GIT_AUTHOR_EMAIL": "agent@example.com",
    "GIT_COMMITTER_NAME": "Agent", "GIT_COMMITTER_EMAIL": "agent@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **_ME},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def replace_by_link(folder: Path, target: Path) -> None:
    folder.rename(target / "away")
    folder.symlink_to(target)


def commit(repository: Path, name: str, text: str = "text\n") -> str:
    (repository / name).write_text(text)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", f"Add {name}")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    remote, first = tmp_path / "remote.git", tmp_path / "first"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(tmp_path, "clone", "--quiet", str(remote), str(first))
    commit(first, "README", "hello\n")
    git(first, "push", "--quiet", "origin", "HEAD:main")
    return remote


@pytest.fixture
def clone(tmp_path: Path, remote: Path) -> Path:
    clone = tmp_path / "workspace" / "repo"
    git(tmp_path, "clone", "--quiet", str(remote), str(clone))
    git(clone, "checkout", "--quiet", "-b", BRANCH)
    return clone


@pytest.fixture
def make(tmp_path: Path, remote: Path, clone: Path) -> MakeRepository:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (tmp_path / "token").write_text("relay-token-of-the-pod")
    paths = Paths(root=clone.parent, outbox=outbox, token_file=tmp_path / "token")
    facts: dict[str, Any] = {
        "run_name": "linear-abc-1", "run_uid": "0b6e", "attempt": 1, "protocol": "ACP",
        "profile": "", "relay_url": "", "relay_ca": "", "repository_url": str(remote),
        "branch": BRANCH,
    }  # fmt: skip

    def make(**more: Any) -> OutboxRepository:
        return OutboxRepository(Workspace(**{**facts, **more}), paths)

    return make


async def push(repository: OutboxRepository, job: int = 1, subject: str = "Save it") -> Snapshot:
    work = await repository.snapshot(job, subject)
    await repository.push(work, None)
    return work


def log(remote: Path) -> list[str]:
    return git(remote, "log", "--reverse", "--format=%s", f"main..{BRANCH}").splitlines()


def names(remote: Path) -> list[str]:
    return git(remote, "ls-tree", "-r", "--name-only", BRANCH).splitlines()


async def test_commits_are_counted_from_the_base_and_pushed(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    commit(clone, "one")
    head = commit(clone, "two")

    work = await push(repository)

    assert work == Snapshot(head, 2, is_pushed=False)
    assert log(remote) == ["Add one", "Add two"]


async def test_a_run_without_changes_has_no_commits(make: MakeRepository, clone: Path) -> None:
    repository = make()
    await repository.remember_start()

    work = await repository.snapshot(1, "Save it")

    assert work == Snapshot(git(clone, "rev-parse", "HEAD"), 0, is_pushed=False)


async def test_uncommitted_work_is_saved_without_what_git_ignores(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    commit(clone, ".gitignore", "*.log\nbuild/\n")
    await repository.remember_start()
    (clone / "new file\nwith a newline").write_text("x")
    (clone / "README").write_text("changed\n")
    (clone / "noise.log").write_text("x")
    (clone / "build").mkdir()
    (clone / "build" / "out").write_text("x")

    work = await push(repository, subject="Save uncommitted work")

    assert work.commits == 2
    assert log(remote) == ["Add .gitignore", "Save uncommitted work"]
    assert names(remote) == [".gitignore", "README", '"new file\\nwith a newline"']
    assert git(remote, "show", f"{BRANCH}:README") == "changed"


async def test_the_agents_own_commits_and_what_it_forgot_travel_together(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    commit(clone, "one")
    (clone / "README").unlink()

    work = await push(repository, subject="Remove the README")

    assert work.commits == 2
    assert log(remote) == ["Add one", "Remove the README"]
    assert names(remote) == ["one"]


async def test_a_job_that_is_done_again_makes_the_same_commit(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "new").write_text("x")
    first = await repository.snapshot(7, "Save it")
    (clone / "later").write_text("x")

    again = await make().snapshot(7, "Save it")
    await repository.push(again, None)
    await repository.push(again, None)

    assert again == first
    assert names(remote) == ["README", "new"]


async def test_a_push_that_came_through_though_it_was_broken_off_is_built_upon(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "new").write_text("x")
    broken_off = await repository.snapshot(1, "Save it")
    git(repository._own, "push", "--quiet", str(remote), f"{broken_off.commit}:refs/heads/{BRANCH}")
    (clone / "later").write_text("x")

    await push(repository, 2, "Save it at the stop")

    assert log(remote) == ["Save it", "Save it at the stop"]


async def test_turns_after_a_save_go_on_from_it_without_force(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "forgotten").write_text("x")
    await push(repository, 1, "Save it")
    commit(clone, "second")

    work = await push(repository, 2)

    assert names(remote) == ["README", "forgotten", "second"]
    assert git(remote, "rev-parse", BRANCH) == work.commit


async def test_a_rewritten_history_is_pushed_without_force(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    commit(clone, "one")
    await push(repository, 1)
    (clone / "one").write_text("better\n")
    git(clone, "commit", "--quiet", "--all", "--amend", "--message", "Add one, better")

    await push(repository, 2)

    assert git(remote, "show", f"{BRANCH}:one") == "better"


async def test_what_was_pushed_already_is_known(make: MakeRepository, clone: Path) -> None:
    repository = make()
    await repository.remember_start()
    head = commit(clone, "one")
    await push(repository, 1)

    assert await repository.snapshot(2, "Save it") == Snapshot(head, 1, is_pushed=True)


async def test_the_branch_that_the_agent_is_on_counts(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    git(clone, "checkout", "--quiet", "-b", "agents/own/idea")
    head = commit(clone, "one")

    await push(repository)

    assert git(remote, "rev-parse", BRANCH) == head
    assert git(remote, "branch", "--format=%(refname:short)").split() == [BRANCH, "main"]


async def test_a_branch_that_somebody_else_moved_is_not_overwritten(
    make: MakeRepository, clone: Path, remote: Path, tmp_path: Path
) -> None:
    repository = make()
    await repository.remember_start()
    git(tmp_path / "first", "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    theirs = commit(tmp_path / "first", "theirs")
    git(tmp_path / "first", "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    commit(clone, "ours")

    with pytest.raises(GitFailed, match="rejected"):
        await push(repository)

    assert git(remote, "rev-parse", BRANCH) == theirs


async def test_a_follow_up_counts_what_the_branch_had(make: MakeRepository, clone: Path) -> None:
    commit(clone, "before")
    git(clone, "push", "--quiet", "origin", BRANCH)
    repository = make(base_branch="main")
    await repository.remember_start()

    assert await repository.snapshot(1, "Save it") == Snapshot(
        git(clone, "rev-parse", "HEAD"), 1, is_pushed=True
    )


async def test_hooks_settings_and_attributes_of_the_workspace_do_nothing(
    make: MakeRepository, clone: Path, remote: Path, tmp_path: Path
) -> None:
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >>{sprung}\ncat\n')
    trap.chmod(0o755)
    repository = make()
    await repository.remember_start()
    (clone / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (clone / "sub").mkdir()
    git(clone / "sub", "init", "--quiet")
    commit(clone / "sub", "inside")
    head = commit(clone, "one")
    hooks = clone / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("pre-commit", "pre-push", "post-update", "reference-transaction", "post-checkout"):
        (hooks / hook).symlink_to(trap)
    for folder in (clone, clone / "sub"):
        for key in (
            "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass",
            "core.alternateRefsCommand", "filter.evil.clean", "filter.evil.process",
            "diff.evil.textconv", "diff.external", "credential.helper", "gpg.program",
            "uploadpack.packObjectsHook", "remote.origin.uploadpack", "remote.origin.receivepack",
        ):  # fmt: skip
            git(folder, "config", key, str(trap))
        git(folder, "config", "core.hooksPath", str(hooks))
        git(folder, "config", "commit.gpgSign", "true")
        git(folder, "config", f"url.{tmp_path}/elsewhere.insteadOf", str(remote))
    (clone / "sub" / "inside").write_text("changed")
    (clone / "uncommitted").write_text("x")
    sprung.unlink(missing_ok=True)

    work = await push(repository)

    assert not sprung.exists()
    assert git(remote, "rev-parse", f"{BRANCH}~1") == head
    assert git(remote, "rev-parse", BRANCH) == work.commit
    assert "uncommitted" in names(remote)


async def test_a_link_to_what_only_the_sidecar_reads_is_kept_as_a_link(
    make: MakeRepository, clone: Path, remote: Path, tmp_path: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "link").symlink_to(tmp_path / "token")

    await push(repository)

    assert git(remote, "show", f"{BRANCH}:link") == str(tmp_path / "token")


async def test_work_that_holds_the_workspaces_own_credential_is_not_pushed(
    make: MakeRepository, clone: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "stolen").write_text("so: relay-token-of-the-pod\n")

    with pytest.raises(SecretInWork):
        await repository.snapshot(1, "Save it")


async def test_a_clone_that_was_replaced_by_a_link_is_not_read(
    make: MakeRepository, clone: Path, tmp_path: Path
) -> None:
    repository = make()
    await repository.remember_start()
    replace_by_link(clone, tmp_path)

    with pytest.raises(GitFailed, match="cannot be read any more"):
        await repository.snapshot(1, "Save it")


async def test_a_file_that_cannot_be_read_or_is_too_large_is_left_out(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    with (clone / "large").open("wb") as large:
        large.truncate(51 * 1024 * 1024)
    (clone / "small").write_text("x")

    await push(repository)

    assert names(remote) == ["README", "small"]


async def test_a_pipe_in_the_place_of_a_file_does_not_keep_the_rest_from_being_saved(
    make: MakeRepository, clone: Path, remote: Path
) -> None:
    repository = make()
    await repository.remember_start()
    (clone / "README").unlink()
    os.mkfifo(clone / "README")
    (clone / "made").write_text("x")

    await push(repository)

    assert names(remote) == ["README", "made"]
