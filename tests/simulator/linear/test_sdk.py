"""Linear's own client, `@linear/sdk` from npm, with the simulator instead of Linear."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from dev.cluster import packages
from dev.cluster.errors import CommandError
from dev.testtools import SDK, npm_packages
from tests.simulator.linear.conftest import TOKEN

if TYPE_CHECKING:
    import pathlib

    from tests.simulator.linear.conftest import Json, Linear


@pytest.fixture(scope="module")
def sdk() -> pathlib.Path:
    """A folder in which scripts find the client."""
    try:
        return npm_packages(SDK)
    except CommandError as refusal:
        pytest.fail(f"{refusal} (On Debian: apt-get install nodejs npm.)", pytrace=False)


async def run(script: str, folder: pathlib.Path, **variables: str) -> Any:
    """Run a script and return the JSON that it prints."""
    node = packages.path_of("node")
    process = await asyncio.create_subprocess_exec(
        str(node),
        *("--input-type=module", "--eval", (SDK / script).read_text()),
        cwd=folder,
        env={"PATH": os.environ["PATH"], **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            printed, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complained.decode()
    return json.loads(printed)


async def test_what_the_documentation_of_the_client_shows_works(
    linear: Linear, sdk: pathlib.Path
) -> None:
    session = await linear.delegated("ENG-5")
    url = str(linear.http.make_url("/graphql"))

    seen = await run("use.mjs", sdk, LINEAR_URL=url, LINEAR_TOKEN=TOKEN, LINEAR_SESSION=session)

    issues = {"ENG-1", "ENG-2", "ENG-3", "ENG-4", "ENG-5", "OPS-1"}
    pages = seen.pop("pages")
    assert seen.pop("firstPage") == pages[:4]
    assert (pages[0], len(pages), set(pages)) == ("ENG-5", 6, issues)
    assert seen == EXPECTED


EXPECTED: Json = {
    "viewer": {"name": "deputy", "app": True, "createdAt": True},
    "organization": {"name": "Acme", "urlKey": "acme"},
    "teams": ["ENG", "OPS"],
    "states": [
        "Backlog",
        "Blocked",
        "Canceled",
        "Done",
        "In Progress",
        "In Review",
        "Todo",
        "Triage",
    ],
    "cycles": 0,
    "issue": {
        "identifier": "ENG-1",
        "state": "Todo",
        "team": "ENG",
        "creator": "jane",
        "labels": ["bug"],
        "project": None,
        "history": 0,
    },
    "sorted": [
        "Explain in the README how to run the tests",
        "Export invoices as CSV",
        "Fix accessibility on the checkout page",
        "Retry a payment once after a time-out",
        "Say which field is wrong in a 422 answer",
    ],
    "comment": {"success": True, "body": "Hello"},
    "updated": "Done",
    "activity": True,
    "session": {
        "status": "active",
        "plan": [{"content": "Read", "status": "inProgress"}],
        "contents": ["Looking."],
    },
    "projects": 0,
    "refusals": [
        [True, "InvalidInput", "Could not find referenced Issue."],
        [True, "InvalidInput", "Could not find referenced Project."],
        [True, "FeatureNotAccessible", "The simulator does not model the mutation projectCreate."],
    ],
}


async def test_every_document_of_the_client_fits(linear: Linear, sdk: pathlib.Path) -> None:
    documents = await run("documents.mjs", sdk)

    refused = {}
    for name, text in documents.items():
        told = await linear.ask(text)
        codes = {error["extensions"]["code"] for error in told.get("errors", ())}
        if codes & {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "INTERNAL_SERVER_ERROR"}:
            refused[name] = told["errors"]

    assert len(documents) > 600
    assert refused == {}
