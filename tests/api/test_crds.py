"""The CustomResourceDefinitions say what the models say, in a dialect that Kubernetes takes."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes.client import V1JSONSchemaProps

from deputy.api import crd
from deputy.core.phase import Phase

PROJECT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("crds", "charts/deputy/crds")
FILES = dict(crd.files())
DEFINITIONS = {name: yaml.safe_load(text) for name, text in FILES.items()}
KNOWN_KEYS = frozenset(vars(V1JSONSchemaProps)["attribute_map"].values())


def schemas(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema of a definition with its path."""
    version = DEFINITIONS[name]["spec"]["versions"][0]
    yield from below("", version["schema"]["openAPIV3Schema"])


def below(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `schema` and every schema in it."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from below(f"{path}.{name}", inner)
    if "items" in schema:
        yield from below(f"{path}[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        yield from below(f"{path}{{}}", schema["additionalProperties"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_what_the_models_say_to_the_byte(folder: str) -> None:
    written = {path.name: path.read_text() for path in (PROJECT / folder).iterdir()}

    assert written == FILES, "run `make crds`"


@pytest.mark.parametrize("name", FILES)
def test_every_key_of_a_schema_is_one_that_kubernetes_knows(name: str) -> None:
    unknown = {
        (path, key) for path, schema in schemas(name) for key in schema if key not in KNOWN_KEYS
    }

    assert unknown == set()


@pytest.mark.parametrize("name", FILES)
def test_every_field_has_a_text_for_kubectl_explain(name: str) -> None:
    silent = [
        path
        for path, schema in schemas(name)
        if not schema.get("description") and path != ".metadata" and not path.endswith(("[]", "{}"))
    ]

    assert silent == []


@pytest.mark.parametrize("name", FILES)
def test_every_schema_has_one_type(name: str) -> None:
    types = {type(schema.get("type")) for _, schema in schemas(name)}

    assert types == {str}


@pytest.mark.parametrize("name", FILES)
def test_every_text_and_list_of_a_spec_is_bounded(name: str) -> None:
    bounds = {"string": ("maxLength", "enum", "format"), "array": ("maxItems",)}
    boundless = [
        path
        for path, schema in schemas(name)
        if path.startswith((".spec", ".status"))
        and not any(bound in schema for bound in bounds.get(schema["type"], ("type",)))
    ]

    assert boundless == []


@pytest.mark.parametrize("name", FILES)
def test_what_may_hold_anything_is_bounded_too(name: str) -> None:
    open_ends = [
        path
        for path, schema in schemas(name)
        if schema.get("x-kubernetes-preserve-unknown-fields") and "maxProperties" not in schema
    ]

    assert open_ends == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_defaulted_into_stored_objects(name: str) -> None:
    assert [path for path, schema in schemas(name) if "default" in schema] == []


def test_conditions_are_a_map_by_type() -> None:
    keyed = {
        (name, schema["x-kubernetes-list-type"], *schema["x-kubernetes-list-map-keys"])
        for name in FILES
        for path, schema in schemas(name)
        if path == ".status.conditions"
    }

    assert keyed == {(name, "map", "type") for name in FILES}


def test_the_phase_of_a_run_is_one_of_the_table() -> None:
    phase = dict(schemas("deputy.dev_agentruns.yaml"))[".status.phase"]

    assert phase["enum"] == [phase.value for phase in Phase]


@pytest.mark.parametrize(
    ("name", "wide", "narrow"),
    [
        (
            "deputy.dev_agentruns.yaml",
            ["Blueprint", "Issue", "Phase", "Reason", "PR", "Age"],
            ["Pod", "Branch", "Attempt", "Position"],
        ),
        (
            "deputy.dev_blueprints.yaml",
            ["Team", "Ready", "Active", "Queued", "Max", "Age"],
            ["Reason"],
        ),
    ],
    ids=["AgentRun", "Blueprint"],
)
def test_columns_of_kubectl_get(name: str, wide: list[str], narrow: list[str]) -> None:
    columns = DEFINITIONS[name]["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [column["name"] for column in columns if "priority" not in column] == wide
    assert [column["name"] for column in columns if column.get("priority") == 1] == narrow


def test_names_are_short_and_share_a_category() -> None:
    names = {
        definition["spec"]["names"]["kind"]: (
            definition["spec"]["names"]["shortNames"],
            definition["spec"]["names"]["categories"],
        )
        for definition in DEFINITIONS.values()
    }

    assert names == {"AgentRun": (["run"], ["agents"]), "Blueprint": (["bp"], ["agents"])}


def test_runs_can_be_selected_by_blueprint_and_phase() -> None:
    version = DEFINITIONS["deputy.dev_agentruns.yaml"]["spec"]["versions"][0]

    assert version["selectableFields"] == [
        {"jsonPath": ".spec.blueprintRef.name"},
        {"jsonPath": ".status.phase"},
    ]


def test_writing_twice_gives_the_same_files(tmp_path: pathlib.Path) -> None:
    crd.write(tmp_path)
    once = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    crd.write(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == once
