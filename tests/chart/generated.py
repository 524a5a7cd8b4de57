"""What is written from the chart and compared with it: `python -m tests.chart.generated`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from tests.chart.rendering import CHART, PROJECT, Object, render

GOLDEN = PROJECT / "tests" / "chart" / "golden" / "default.yaml"
README = CHART / "README.md"
COMMAND = "look at the difference, then run `python -m tests.chart.generated`"

_BEGIN, _END = "<!-- values -->\n", "<!-- /values -->\n"


def golden(objects: dict[str, Object]) -> str:
    """Return the objects of a rendering as one file."""
    return "---\n".join(yaml.safe_dump(made, sort_keys=True) for made in objects.values())


def values() -> dict[str, Any]:
    """Return the chart's default values."""
    document: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return document


def schema() -> dict[str, Any]:
    """Return the schema of the chart's values."""
    document: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return document


def settings(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value that a schema knows, with what it means."""
    for name, inner in node.get("properties", {}).items():
        here = f"{path}{name}"
        if "properties" in inner:
            yield from settings(inner, f"{here}.")
        else:
            yield here, inner["description"]


def default_of(path: str) -> Any:
    """Return a value's default."""
    node: Any = values()
    for name in path.split("."):
        node = node[name]
    return node


def table() -> str:
    """Return the table of values for the README."""
    rows = [
        f"| `{path}` | {meaning} | `{json.dumps(default_of(path))}` |"
        for path, meaning in settings(schema())
        if path != "global"
    ]
    return "\n".join(["| value | meaning | default |", "|---|---|---|", *rows]) + "\n"


def readme() -> str:
    """Return the README with the table of the values as they are now."""
    before, _, rest = README.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{table()}{_END}{after}"


def main() -> int:
    """Write the golden rendering and the README's table."""
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(golden(render()))
    README.write_text(readme())
    return 0


if __name__ == "__main__":
    sys.exit(main())
