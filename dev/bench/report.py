"""Show what was measured: one table for people, one object for programs. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dev.bench.figures import Figure, Group, Unit

#: The table shows no smaller value.
_LEAST = 0.01
_HEAD = ("", "Deputy", "bare client", "aim")


def as_table(groups: Iterable[Group]) -> str:
    """Return all figures as one Markdown table, which is readable as it is."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for group in groups:
        rows.append((f"**{group.title}**", "", "", ""))
        rows += [_row(figure) for figure in group.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    rows.insert(1, ("-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])))
    return "\n".join(_line(row, widths) for row in rows)


def as_notes(groups: Iterable[Group]) -> str:
    """Return what the bare client did in each group, and what else one should know."""
    return "\n".join(
        f"- {group.title}: {' '.join([group.beside, *group.notes])}" for group in groups
    )


def as_json(system: Mapping[str, str], groups: Sequence[Group]) -> dict[str, Any]:
    """Return everything for a program."""
    return {
        "facts": dict(system),
        "groups": [
            {
                "name": group.name,
                "title": group.title,
                "beside": group.beside,
                "notes": list(group.notes),
                "figures": [
                    dataclasses.asdict(figure) | {"unit": figure.unit.value, "met": figure.met}
                    for figure in group.figures
                ],
            }
            for group in groups
        ],
    }


def missed(groups: Iterable[Group]) -> list[Figure]:
    """Return the figures that do not reach their aim."""
    return [figure for group in groups for figure in group.figures if figure.met is False]


def shown(value: float | None, unit: Unit) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "not measured"
    is_whole = unit is Unit.COUNT and value == int(value)
    digits = 0 if is_whole or value >= 100 else 1 if value >= 1 else 2
    number = f"{value:,.{digits}f}" if not 0 < value < _LEAST else f"< {_LEAST}"
    space = "" if unit in (Unit.PER_SECOND, Unit.COUNT) else " "
    return f"{number}{space}{unit.value}"


def _row(figure: Figure) -> tuple[str, ...]:
    aim = ""
    if figure.aim is not None:
        verdict = {True: "met", False: "**missed**", None: ""}[figure.met]
        aim = f"≤ {shown(figure.aim, figure.unit)}: {verdict}"
    bare = "" if figure.bare is None else shown(figure.bare, figure.unit)
    return (figure.what, shown(figure.deputy, figure.unit), bare, aim)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if column == 0 or set(text) <= {"-", ":"} else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"
