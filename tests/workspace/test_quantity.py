"""Amounts as Kubernetes writes them."""

import pytest

from deputy.workspace.quantity import bytes_of, mebibytes


@pytest.mark.parametrize(
    ("quantity", "count"),
    [("512", 512), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 3 * 1024**3 // 2), ("2T", 2 * 1000**4)],
)
def test_a_quantity_is_so_many_bytes(quantity: str, count: int) -> None:
    assert bytes_of(quantity) == count


@pytest.mark.parametrize("quantity", ["", "Gi", "1KB", "-1", "1e3"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="no amount of bytes"):
        bytes_of(quantity)


def test_mebibytes_are_never_less_than_what_is_wanted() -> None:
    assert (mebibytes(1024**2), mebibytes(1024**2 + 1)) == ("1Mi", "2Mi")
