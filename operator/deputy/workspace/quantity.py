"""Amounts as Kubernetes writes them. Pure."""

import re

_UNITS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGT", 1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGT", 1)},
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGT]i|[kMGT])?")


def bytes_of(quantity: str) -> int:
    """Return how many bytes `quantity` stands for; raise `ValueError` where it is none."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no amount of bytes")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def mebibytes(count: int) -> str:
    """Return so many bytes as a quantity, in whole mebibytes and never less."""
    return f"{-(-count // 1024**2)}Mi"
