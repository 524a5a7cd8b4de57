"""The reference names everything that a user can meet, and says what the code says."""

import re
from pathlib import Path

import pytest
import yaml

from deputy.core.conditions import ConditionType
from deputy.core.phase import TRANSITIONS, Phase
from deputy.core.reason import BlueprintReason, RunReason
from tests.docs.generated import COMMAND, PARTS, PROJECT, REFERENCE, fields, written

TEXT = REFERENCE.read_text()
VARIABLE = re.compile(r'"(DEPUTY_[A-Z_]+)"')


def rows_of(section: str) -> set[str]:
    """Return the first words in backticks of the table rows below a heading."""
    text = TEXT.split(f"\n{section}\n", 1)[1]
    text = re.split(r"\n#{2,3} ", text, maxsplit=1)[0]
    return set(re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE))


@pytest.mark.parametrize("document", PARTS, ids=lambda path: path.name)
def test_generated_parts_are_up_to_date(document: Path) -> None:
    assert written(document) == document.read_text(), COMMAND


def test_every_phase_has_a_row_and_no_other_does() -> None:
    assert rows_of("## Phases") == {phase.value for phase in Phase}


def test_every_reason_of_a_run_has_a_row_and_no_other_does() -> None:
    assert rows_of("### Of an AgentRun") == {reason.value for reason in RunReason}


def test_every_reason_of_a_blueprint_has_a_row_and_no_other_does() -> None:
    assert rows_of("### Of a Blueprint") == {reason.value for reason in BlueprintReason}


def test_every_condition_has_a_row_and_no_other_does() -> None:
    of_blueprints = {"Ready", "Accepted"}
    assert rows_of("## Conditions") == {one.value for one in ConditionType} | of_blueprints


def test_the_diagram_has_every_move_and_no_other() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", TEXT, flags=re.MULTILINE))

    assert drawn == {(old.value, new.value) for old, moves in TRANSITIONS.items() for new in moves}


def test_every_setting_of_the_processes_has_a_row_and_no_other_does() -> None:
    source = (PROJECT / "operator" / "deputy" / "settings.py").read_text()
    of_agents = {"DEPUTY_PROMPT_FILE", "DEPUTY_LINK"}
    named = {row for row in rows_of("## Settings") if row.startswith("DEPUTY_")}

    assert named == set(VARIABLE.findall(source)) | of_agents


def test_every_setting_that_the_chart_makes_is_named() -> None:
    templates = (PROJECT / "charts" / "deputy" / "templates").rglob("*.*")
    made = {name for file in templates for name in re.findall(r"DEPUTY_[A-Z_]+", file.read_text())}

    assert made <= rows_of("## Settings")


def test_every_key_of_the_credentials_is_named() -> None:
    source = (PROJECT / "operator/deputy/trackers/linear/secret.py").read_text()
    keys = set(re.findall(r'^[A-Z_]+ = "(\w+)"', source, flags=re.MULTILINE))

    assert keys == {"webhookSecret", "clientId", "clientSecret", "accessToken"}
    assert {key for key in keys if f"`{key}`" in TEXT} == keys


@pytest.mark.parametrize("kind", ["blueprints", "agentruns"])
def test_every_field_has_a_meaning(kind: str) -> None:
    silent = [path for path, _, meaning in fields(kind) if not meaning]

    assert [path for path in silent if ".conditions[]." not in path] == []


def test_every_metric_that_the_code_names_has_a_row() -> None:
    sources = (PROJECT / "operator" / "deputy").rglob("*.py")
    quoted = re.compile(r'(?:Gauge|Counter|Histogram|MetricFamily)\(\s*"(deputy_\w+)"')
    named = {name for file in sources for name in quoted.findall(file.read_text())}
    rows = rows_of("## Metrics")

    assert named
    assert {name for name in named if not {name, f"{name}_total"} & rows} == set()


def test_ports_and_names_are_those_of_the_chart() -> None:
    golden = (PROJECT / "tests" / "chart" / "golden" / "default.yaml").read_text()
    services = {
        made["metadata"]["name"]: {port["port"] for port in made["spec"]["ports"]}
        for made in yaml.safe_load_all(golden)
        if made["kind"] == "Service"
    }

    assert services == {
        "deputy-operator-metrics": {8081},
        "deputy-relay": {8443},
        "deputy-webhook": {8080},
    }
    assert all(f"`{name}`" in TEXT for name in services)
