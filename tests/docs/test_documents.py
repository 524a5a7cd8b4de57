"""README and docs: commands exist, links lead somewhere, examples are valid."""

import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import Blueprint, BlueprintSpec
from tests.docs.generated import PROJECT

DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CHANGELOG.md",
    PROJECT / "charts" / "deputy" / "README.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODELS: dict[str, type[Blueprint | AgentRun]] = {"Blueprint": Blueprint, "AgentRun": AgentRun}


def name_of(document: Path) -> str:
    return str(document.relative_to(PROJECT))


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """Return the anchors that a forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def _has(values: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True


def examples() -> list[Any]:
    found: list[Any] = []
    for document in DOCUMENTS:
        for language, text in FENCE.findall(document.read_text()):
            if language == "yaml":
                named = f"{name_of(document)}-{len(found)}"
                found += [pytest.param(one, id=named) for one in yaml.safe_load_all(text)]
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(prose(document)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)

    assert broken == []


def test_every_command_of_the_readme_is_in_the_makefile() -> None:
    told = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", (PROJECT / "README.md").read_text()))
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))

    assert {"check", "test", "demo", "demo-down"} <= told
    assert told <= targets


def test_every_value_that_the_documents_set_is_one_of_the_chart() -> None:
    values = PROJECT / "charts" / "deputy" / "values.yaml"
    known = yaml.safe_load(values.read_text())
    told = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"--set '?([a-zA-Z.]+)=", document.read_text())
    }

    assert told
    assert [name for name in sorted(told) if not _has(known, name.split("."))] == []


def test_the_gate_runs_the_two_commands_of_the_readme() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()

    assert [line for line in lines if line.startswith("make")] == ["make check", "make test"]


def test_there_are_examples_of_both_kinds() -> None:
    assert {param.values[0]["kind"] for param in examples()} == set(MODELS)


@pytest.mark.parametrize("example", examples())
def test_examples_are_valid(example: dict[str, Any]) -> None:
    model = MODELS[example["kind"]]

    read = model.model_validate({**example, "metadata": {**example["metadata"], "name": "x"}})

    assert example["apiVersion"] == "deputy.dev/v1alpha1"
    assert read.metadata.namespace == example["metadata"]["namespace"]


def test_the_first_example_names_every_part_of_a_blueprint() -> None:
    first = examples()[0].values[0]

    assert set(first["spec"]) == {
        info.alias or name for name, info in BlueprintSpec.model_fields.items()
    }


def test_every_decision_is_listed() -> None:
    folder = PROJECT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))

    assert listed == {file.name for file in folder.glob("0*.md")}


def test_the_changelog_has_the_form_that_it_names() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text()
    sections = set(re.findall(r"^### (\w+)$", text, flags=re.MULTILINE))

    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE)[0] == "[Unreleased]"
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Upgrading"}
    assert sections <= known


def test_pictures_are_there_and_small() -> None:
    pictures = sorted((PROJECT / "docs" / "images").iterdir())

    assert [one.name for one in pictures] == ["architecture.svg", "session.png"]
    assert all(one.stat().st_size < 300_000 for one in pictures)


def test_the_drawing_names_the_parts_that_there_are() -> None:
    root = ET.parse(PROJECT / "docs" / "images" / "architecture.svg").getroot()  # noqa: S314  our own file
    names = {text.text for text in root.iter() if text.get("class") == "name"}

    assert names == {
        "Linear", "Forge", "webhook", "operator", "API server", "prepare", "status-sync", "agent"
    }  # fmt: skip


def test_no_document_tells_of_the_machine_that_it_was_written_on() -> None:
    folders = (str(PROJECT), str(Path.home()), tempfile.gettempdir() + "/")
    told = [name_of(one) for one in DOCUMENTS for folder in folders if folder in one.read_text()]

    assert told == []
