"""Faults, the log, and the pages for people."""

import pytest

from deputy_simulator.forge.cli import run
from tests.simulator.forge.served import API, TOKEN, Served, git


async def test_fault_breaks_as_many_requests_as_it_says(forge: Served) -> None:
    await forge.control("faults", {"count": 2, "status": 502})

    statuses = [(await forge.ask("GET", API))[0] for _ in range(3)]

    assert statuses == [502, 502, 200]


async def test_fault_waits_for_the_request_that_it_is_for(forge: Served) -> None:
    await forge.control("faults", {"method": "POST", "path": "/pulls"})

    assert (await forge.ask("GET", f"{API}/pulls"))[0] == 200
    assert (await forge.ask("POST", f"{API}/pulls", {}))[0] == 503


async def test_late_fault_loses_the_answer_and_not_the_effect(forge: Served) -> None:
    await forge.commit("topic", note="x")
    await forge.push("topic")
    await forge.control("faults", {"method": "POST", "late": True})
    wish = {"title": "Change", "head": "topic", "base": "main"}

    status, _ = await forge.ask("POST", f"{API}/pulls", wish)

    pulls = (await forge.seen("/control/repos/acme/demo"))["pulls"]
    assert status == 503
    assert [pull["head"] for pull in pulls] == ["topic"]


async def test_unknown_kinds_of_fault_and_token_are_refused(forge: Served) -> None:
    for path, given in (("faults", {"often": 3}), ("tokens", {"login": "ada"})):
        async with forge.http.post(f"/control/{path}", json=given) as answer:
            assert answer.status == 400


async def test_log_shows_requests_and_no_token(forge: Served) -> None:
    async with forge.http.delete("/control/requests"):
        await forge.ask("POST", f"{API}/pulls", {"title": "x"})
    await git(forge.work, "ls-remote", forge.remote())

    async with forge.http.get("/control/requests") as answer:
        text, entries = await answer.text(), await answer.json()

    assert TOKEN not in text
    assert entries[0] | {"time": 0} == {
        "time": 0,
        "method": "POST",
        "path": f"{API}/pulls",
        "query": "",
        "scheme": "bearer",
        "login": "deputy[bot]",
        "status": 422,
        "body": {"title": "x"},
    }
    assert {(entry["scheme"], entry["login"]) for entry in entries[1:]} <= {
        ("", ""),
        ("basic", "deputy[bot]"),
    }


async def test_pages_show_the_pull_request_and_escape_what_others_wrote(forge: Served) -> None:
    script = "<script>alert(1)</script>"
    await forge.commit("topic", note=f"{script}\n")
    await forge.push("topic")
    await forge.open("topic", title=f"Say {script}", body=f"```text\n{script}\n```\n\n{script}")

    pages = []
    for path in ("/", "/acme/demo", "/acme/demo/pull/1"):
        async with forge.http.get(path) as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert "<script" not in text
            assert "Say &lt;script&gt;" in text
            pages.append(text)
    assert "<span class='add'>+&lt;script&gt;alert(1)&lt;/script&gt;</span>" in pages[-1]


async def test_diff_is_given_as_text_too(forge: Served) -> None:
    await forge.commit("topic", note="x\n")
    await forge.push("topic")
    await forge.open("topic")

    async with forge.http.get("/acme/demo/pull/1.diff") as answer:
        assert answer.content_type == "text/plain"
        assert (await answer.text()).endswith("+++ b/note\n@@ -0,0 +1 @@\n+x\n")


async def test_page_that_is_not_there_is_not_found(forge: Served) -> None:
    for path in ("/acme/nothing", "/acme/demo/pull/9", "/api/v3/nothing", "/control/nothing"):
        async with forge.http.get(path) as answer:
            assert answer.status == 404


async def test_repository_is_made_with_its_files_once(forge: Served) -> None:
    wish = {"owner": "acme", "name": "other", "files": {"a/b.txt": "x"}, "defaultBranch": "trunk"}

    made = await forge.control("repos", wish)
    async with forge.http.post("/control/repos", json=wish) as again:
        assert again.status == 422
    async with forge.http.get("/control/repos/acme/other/file?path=a/b.txt") as file:
        assert await file.text() == "x"

    assert (made["defaultBranch"], list(made["branches"])) == ("trunk", ["trunk"])
    assert await forge.seen("/control/repos") == ["acme/demo", "acme/other"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no token; give --token-file or SIMULATOR_FORGE_TOKEN"),
        (["--token", "x", "--seed-repo", "demo"], "'demo' is not of the form owner/name"),
        (["--token-file", "/nowhere"], "No such file"),
    ],
)
def test_process_says_what_it_lacks(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert says in capsys.readouterr().err
