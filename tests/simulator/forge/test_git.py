"""Git over HTTP, by real git: who may read and who may write."""

import asyncio
import hashlib
import pathlib

from tests.simulator.forge.conftest import Serve
from tests.simulator.forge.served import TOKEN, Served, git


async def test_seeded_repository_holds_a_program_with_a_mistake_and_passing_tests(
    forge: Served,
) -> None:
    process = await asyncio.create_subprocess_exec(
        "python3", "-m", "unittest", cwd=forge.work, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()

    assert said.decode().strip().endswith("OK")
    assert "discount_percent // 10\n" in (forge.work / "shop" / "basket.py").read_text()


async def test_every_forge_begins_with_the_same_commit(serve: Serve) -> None:
    async with serve() as served:
        first = (await served.seen("/control/repos/acme/demo"))["branches"]
        made = await served.control("repos", {"owner": "acme", "name": "empty", "files": {}})

    assert list(first) == ["main"]
    assert first["main"] == "a875461e6213ed266b6f7726ad0b2f0ec115dfbf"
    assert made["branches"] == {}


async def test_pushed_branch_is_there(forge: Served) -> None:
    sha = await forge.commit("topic", note="x")

    done = await forge.push("topic")

    assert done.status == 0
    assert (await forge.seen("/control/repos/acme/demo"))["branches"]["topic"] == sha


async def test_megabytes_go_up_and_down_unharmed(forge: Served, tmp_path: pathlib.Path) -> None:
    noise = hashlib.shake_256(b"noise").digest(6 * 1024 * 1024)
    (forge.work / "noise").write_bytes(noise)
    await forge.commit("large")

    pushed = await forge.push("large")
    await git(tmp_path, "clone", "-q", "-b", "large", forge.remote(), "again")

    back = (tmp_path / "again" / "noise").read_bytes()
    assert pushed.status == 0
    assert hashlib.sha256(back).digest() == hashlib.sha256(noise).digest()


async def test_ten_branches_pushed_at_once_all_arrive(forge: Served) -> None:
    names = [f"topic-{number}" for number in range(10)]
    for name in names:
        await git(forge.work, "branch", name)

    done = await asyncio.gather(*(forge.push(name) for name in names))

    branches = (await forge.seen("/control/repos/acme/demo"))["branches"]
    assert {one.status for one in done} == {0}
    assert set(branches) == {"main", *names}


async def test_push_without_a_token_is_refused(forge: Served) -> None:
    await forge.commit("topic")

    done = await git(forge.work, "push", "-q", f"{forge.url}/acme/demo.git", "topic")

    assert done.status != 0
    assert "could not read Username" in done.err


async def test_push_with_a_wrong_token_is_refused(forge: Served) -> None:
    await forge.commit("topic")

    done = await forge.push("topic", token="wrong")

    assert done.status != 0
    assert "Authentication failed" in done.err


async def test_push_with_a_token_that_may_only_read_is_refused(forge: Served) -> None:
    await forge.control("tokens", {"token": "reader", "push": False})
    await forge.commit("topic")

    done = await forge.push("topic", token="reader")

    assert done.status != 0
    assert "Write access to repository not granted" in done.err


async def test_token_of_another_repository_sees_nothing(
    serve: Serve, tmp_path: pathlib.Path
) -> None:
    async with serve(private=True) as served:
        await served.control("tokens", {"token": "elsewhere", "repositories": ["acme/other"]})
        done = await git(tmp_path, "ls-remote", served.remote("elsewhere"))

    assert done.status != 0
    assert "not found" in done.err


async def test_public_repository_is_read_without_a_token(forge: Served) -> None:
    done = await git(forge.work, "ls-remote", f"{forge.url}/acme/demo.git", "main")

    assert done.status == 0
    assert done.out.endswith("refs/heads/main")


async def test_private_forge_wants_a_token_for_reading(
    serve: Serve, tmp_path: pathlib.Path
) -> None:
    async with serve(private=True) as served:
        without = await git(tmp_path, "ls-remote", f"{served.url}/acme/demo.git")
        with_one = await git(tmp_path, "ls-remote", served.remote())

    assert without.status != 0
    assert with_one.status == 0


async def test_bearer_token_is_as_good_as_a_password(forge: Served) -> None:
    header = f"http.extraHeader=Authorization: Bearer {TOKEN}"
    await forge.commit("topic")

    done = await git(forge.work, "-c", header, "push", "-q", f"{forge.url}/acme/demo.git", "topic")

    assert done.status == 0


async def test_path_outside_of_the_repositories_is_not_found(forge: Served) -> None:
    for path in ("/acme/..%2f..%2fetc.git/HEAD", "/acme/other.git/info/refs"):
        async with forge.http.get(path) as answer:
            assert answer.status in (400, 404)


async def test_what_was_pushed_and_opened_outlives_the_process(serve: Serve) -> None:
    async with serve() as first:
        await first.clone()
        sha = await first.commit("topic", note="x")
        await first.push("topic")
        await first.open("topic", title="Remember me")

    async with serve() as second:
        found = await second.seen("/control/repos/acme/demo")

    assert found["branches"]["topic"] == sha
    assert [(pull["title"], pull["head_sha"]) for pull in found["pulls"]] == [("Remember me", sha)]
