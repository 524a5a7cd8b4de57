"""CustomResourceDefinitions from models; the models are the source, `make crds` writes the files."""

import pathlib
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from deputy.api.agentrun import (
    AGENT_RUN,
    ATTEMPT_GROWS,
    BLANK_TASK,
    INBOX_GROWS,
    NO_TASK,
    STAYS_STOPPED,
    AgentRun,
    AgentRunSpec,
    AgentRunStatus,
)
from deputy.api.blueprint import BLUEPRINT, Blueprint, BlueprintSpec, BlueprintStatus
from deputy.api.meta import GROUP, VERSION, Column, Kind, cel

#: What the structural schemas of Kubernetes do not know, or use for something else.
_DROPPED = ("title", "default", "discriminator", "examples", "const")

_SAYS_SOMETHING = (
    "has(self.linear) || !has(self.prompt) || self.prompt == '' || self.prompt.trim() != ''"
)
_STAYS_STOPPED = (
    "!has(oldSelf.desiredState) || oldSelf.desiredState != 'Stopped' || "
    "(has(self.desiredState) && self.desiredState == 'Stopped')"
)
_SPEC_RULES: dict[str, dict[str, Any]] = {
    "Blueprint": {},
    "AgentRun": cel(
        ("has(self.linear) || (has(self.prompt) && size(self.prompt) > 0)", NO_TASK),
        (_SAYS_SOMETHING, BLANK_TASK),
        ("has(self.prompt) == has(oldSelf.prompt)", "spec.prompt cannot be changed"),
        ("has(self.linear) == has(oldSelf.linear)", "spec.linear cannot be changed"),
        ("has(self.inbox) || !has(oldSelf.inbox) || size(oldSelf.inbox) == 0", INBOX_GROWS),
        ("has(self.attempt) || !has(oldSelf.attempt) || oldSelf.attempt == 1", ATTEMPT_GROWS),
        (_STAYS_STOPPED, STAYS_STOPPED),
    ),
}


class _Structural(GenerateJsonSchema):
    """JSON schema in the dialect of CustomResourceDefinitions."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Absent is the only nothing there is."""
        return self.generate_inner(schema["schema"])

    @override
    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """A choice is an enumeration even where it has one value."""
        return {"type": "string", "enum": list(schema["expected"])}


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of `model`: no references, no defaults, no titles."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Structural)
    defs = schema.pop("$defs", {})
    cleaned: dict[str, Any] = _clean(schema, defs)
    return cleaned


def _clean(node: Any, defs: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_clean(item, defs) for item in node]
    if not isinstance(node, dict):
        return node
    node = _inlined(node, defs)
    cleaned = {
        key: {name: _clean(sub, defs) for name, sub in value.items()}
        if key == "properties"
        else _clean(value, defs)
        for key, value in node.items()
        if key not in _DROPPED
    }
    if cleaned.get("additionalProperties") in (True, False):
        del cleaned["additionalProperties"]
    return cleaned


def _inlined(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Return `node` with the definition that it refers to; its own words win."""
    if "allOf" in node and len(node["allOf"]) == 1:
        node = {**node["allOf"][0], **{k: v for k, v in node.items() if k != "allOf"}}
    if "$ref" in node:
        target = defs[node["$ref"].rsplit("/", 1)[1]]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def definition(
    kind: Kind, model: type[BaseModel], spec: type[BaseModel], status: type[BaseModel]
) -> dict[str, Any]:
    """Return the CustomResourceDefinition of one kind."""
    schema = {
        "type": "object",
        "description": model.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": kind.kind},
            # The API server describes it, and takes no other description.
            "metadata": {"type": "object"},
            "spec": structural(spec) | _SPEC_RULES[kind.kind],
            "status": structural(status),
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {
                "app.kubernetes.io/name": "deputy",
                "app.kubernetes.io/part-of": "deputy",
            },
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": _names(kind),
            "versions": [_version(kind, schema)],
        },
    }


def _names(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": list(kind.short_names),
        "categories": ["agents"],
    }


def _version(kind: Kind, schema: dict[str, Any]) -> dict[str, Any]:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version


def _column(column: Column) -> dict[str, Any]:
    printed = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return printed | ({"priority": column.priority} if column.priority else {})


def files() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every file in `crds/`; the same models give the same bytes."""
    for kind, model, spec, status in (
        (AGENT_RUN, AgentRun, AgentRunSpec, AgentRunStatus),
        (BLUEPRINT, Blueprint, BlueprintSpec, BlueprintStatus),
    ):
        crd = definition(kind, model, spec, status)
        yield (
            f"{GROUP}_{kind.plural}.yaml",
            yaml.dump(crd, Dumper=_Plain, sort_keys=True, width=100),
        )


class _Plain(yaml.SafeDumper):
    """YAML without anchors: equal parts are written out."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(*folders: pathlib.Path) -> None:
    """Write every definition into each of `folders`."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files():
            (folder / name).write_text(text)
