"""What of the docs is written from the code: `python -m tests.docs.generated`."""

import ast
import inspect
import itertools
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from deputy.controller import metrics as operator_metrics
from deputy.controller.gauges import RunGauges
from deputy.controller.slots import Slots
from deputy.core import phase as phases
from deputy.core.phase import ACTIVE, TERMINAL, TRANSITIONS, Phase
from deputy.kube import metrics as kube_metrics
from deputy.kube.cache import Cache
from deputy.relay import metrics as relay_metrics
from deputy.trackers.linear import metrics as linear_metrics
from deputy.webhook import metrics as webhook_metrics

PROJECT = Path(__file__).resolve().parents[2]
REFERENCE = PROJECT / "docs" / "reference.md"
DEVELOPMENT = PROJECT / "docs" / "development.md"
COMMAND = "look at the difference, then run `python -m tests.docs.generated`"


def phase_table() -> str:
    """Return a row for each phase: what it means, and where it leads."""
    texts = _docstrings_of_members(phases)
    rows = [
        f"| `{one}` | {texts[one.name]} | {'yes' if one in ACTIVE else ''} | {_leads_to(one)} |"
        for one in Phase
    ]
    return "\n".join(
        ["| phase | meaning | takes a slot | may become |", "|---|---|---|---|", *rows]
    )


def phase_diagram() -> str:
    """Return the transition table as a diagram in Mermaid's words."""
    moves = [f"    {old} --> {new}" for old in Phase for new in Phase if new in TRANSITIONS[old]]
    ends = [f"    {one} --> [*]" for one in Phase if one in TERMINAL]
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> Queued", *moves, *ends, "```"]
    return "\n".join(lines)


def metrics_table() -> str:
    """Return a row for each metric of each process."""
    rows = [
        *_gauges(),
        *_metrics(vars(operator_metrics), "operator"),
        *_metrics(vars(relay_metrics), "operator"),
        *_metrics(vars(kube_metrics), "both"),
        *_metrics(vars(linear_metrics), "both"),
        *_metrics(vars(webhook_metrics), "webhook"),
    ]
    head = ["| metric | type | labels | process | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def fields_table(kind: str) -> Callable[[], str]:
    """Return a function that gives a row for each field of a custom resource."""
    return lambda: "\n".join(
        [
            "| field | type | meaning |",
            "|---|---|---|",
            *(f"| `{path}` | {what} | {text} |" for path, what, text in fields(kind)),
        ]
    )


def fields(kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and meaning of every field that the CustomResourceDefinition knows."""
    crd = yaml.safe_load((PROJECT / "crds" / f"deputy.dev_{kind}.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        yield from _fields(schema["properties"][part], part)


def layers_picture(package: str) -> Callable[[], str]:
    """Return a function that draws the layers that the import contracts hold a package to."""

    def draw() -> str:
        contract = next(one for one in _contracts() if one.get("containers") == [package])
        layers = [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]
        lines = [line for number, layer in enumerate(layers) for line in _layer(number, layer)]
        arrows = [f"    layer{below - 1} --> layer{below}" for below in range(1, len(layers))]
        return "\n".join(["```mermaid", "flowchart TB", *lines, *arrows, "```"])

    return draw


def _contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return contracts


def _layer(number: int, rooms: list[str]) -> list[str]:
    """Return the rooms of one layer side by side, in a frame without a title."""
    names = [f'room{number}_{at}["{room}"]' for at, room in enumerate(rooms)]
    return [f'    subgraph layer{number}[" "]', f"        {' ~~~ '.join(names)}", "    end"]


#: The parts of each document between `<!-- name -->` and `<!-- /name -->`.
PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    REFERENCE: {
        "phases": phase_table,
        "phase-diagram": phase_diagram,
        "metrics": metrics_table,
        "blueprint-fields": fields_table("blueprints"),
        "agentrun-fields": fields_table("agentruns"),
    },
    DEVELOPMENT: {
        "layers": layers_picture("deputy"),
        "sidecar-layers": layers_picture("deputy_sidecar"),
    },
}


def written(document: Path) -> str:
    """Return a document with its generated parts as they are now."""
    text = document.read_text()
    for name, make in PARTS[document].items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            raise ValueError(f"{document} has no part <!-- {name} -->")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


def main() -> int:
    """Write the generated parts."""
    for document in PARTS:
        document.write_text(written(document))
    return 0


def _leads_to(old: Phase) -> str:
    moves = [f"`{new}`" for new in Phase if new in TRANSITIONS[old]]
    return ", ".join(moves) or "nothing: it is over"


def _docstrings_of_members(module: Any) -> dict[str, str]:
    """Return the text below each assignment of the module's classes, which Python forgets."""
    found = {}
    for cls in ast.parse(inspect.getsource(module)).body:
        if not isinstance(cls, ast.ClassDef):
            continue
        for member, text in itertools.pairwise(cls.body):
            if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
                name = member.targets[0]
                if isinstance(name, ast.Name) and isinstance(text.value, ast.Constant):
                    found[name.id] = str(text.value.value)
    return found


def _gauges() -> Iterator[str]:
    for one in RunGauges(Cache(), Slots(Cache())).collect():
        # Only the class for gauges knows its labels before there is a sample.
        yield _row(one, getattr(one, "_labelnames", ()), "operator")


def _metrics(names: dict[str, Any], process: str) -> Iterator[str]:
    for thing in names.values():
        if not isinstance(thing, MetricWrapperBase):
            continue
        for one in thing.describe():
            yield _row(one, thing._labelnames, process)


def _row(metric: Metric, names: Iterable[str], process: str) -> str:
    labels = ", ".join(f"`{label}`" for label in names)
    meaning = metric.documentation.rstrip(".")
    return f"| `{_name(metric)}` | {metric.type} | {labels} | {process} | {meaning} |"


def _name(metric: Metric) -> str:
    """Return a metric's name as Prometheus shows it."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        what = _type_of(inner) + (", required" if name in required else "")
        yield here, what, inner.get("description", "").replace("|", "\\|")
        yield from _fields(inner, here)
        yield from _fields(inner.get("items", {}), f"{here}[]")


def _type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(str(one) for one in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type_of(schema['items'])}"
    bounds = [
        f"{word} {schema[key]}"
        for word, key in (("from", "minimum"), ("to", "maximum"))
        if key in schema
    ]
    return " ".join([schema["type"], *bounds])


if __name__ == "__main__":
    sys.exit(main())
