"""What every custom resource of ours is made of."""

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "deputy.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

#: A name of a Kubernetes object.
Name = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
#: An id, key or name in another system.
Reference = Annotated[str, Field(min_length=1, max_length=256)]
#: The same where nothing is known yet.
MaybeReference = Annotated[str, Field(max_length=256)]
Address = Annotated[str, Field(max_length=2048)]
#: Strict, because the API server takes neither "3" nor true nor 3.0 for a 3.
Int32 = Annotated[int, Field(strict=True, json_schema_extra={"format": "int32"})]


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Return the schema extension for CEL `rules`, each a pair of expression and message."""
    return {
        "x-kubernetes-validations": [{"rule": rule, "message": text} for rule, text in rules],
    }


def unique(values: Iterable[str]) -> None:
    """Raise `ValueError` where a value is there twice, as the API server does for sets and maps."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"Duplicate value: {value}")
        seen.add(value)


def timestamp(moment: dt.datetime) -> str:
    """Return `moment` as Kubernetes writes a Time."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: dt.datetime) -> str:
    """Return `moment` as Kubernetes writes a MicroTime, for durations that are measured later."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class StrictModel(BaseModel):
    """A part of an object that users write: it refuses what it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        extra="forbid",
        frozen=True,
    )


class LenientModel(StrictModel):
    """A part of an object that we wrote: an older operator survives a newer field."""

    model_config = ConfigDict(extra="ignore")


class Condition(LenientModel):
    """One condition, as Kubernetes defines them for every kind."""

    type: Annotated[str, Field(max_length=316)]
    """The name of the condition."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the object that this was said of."""
    last_transition_time: dt.datetime
    """When the status last changed."""
    reason: Annotated[str, Field(max_length=1024)]
    """One CamelCase word that says why."""
    message: Annotated[str, Field(max_length=32768)]
    """A sentence that says why and what to do."""


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class ObjectMeta(LenientModel):
    """What we read of an object's metadata."""

    name: str
    """The object's name."""
    namespace: str = ""
    """The object's namespace."""
    uid: str = ""
    """The identity of this very object."""
    resource_version: str = ""
    """The version of this very state of the object."""
    generation: int = 1
    """Counts the changes of the spec."""
    creation_timestamp: dt.datetime | None = None
    """When it was created."""
    deletion_timestamp: dt.datetime | None = None
    """When its deletion was asked for."""
    labels: dict[str, str] = {}
    """Its labels."""
    annotations: dict[str, str] = {}
    """Its annotations."""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name: what stores and work queues go by."""
        return self.namespace, self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """How a custom resource is named and listed."""

    kind: str
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]

    @property
    def singular(self) -> str:
        """The kind in lower case, as `kubectl` takes it."""
        return self.kind.lower()
