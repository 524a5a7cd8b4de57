"""Which place on the machine a checkout's cluster has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import slot

if TYPE_CHECKING:
    import pytest

OURS, THEIRS = Path("/ours/.cluster"), Path("/theirs/.cluster")


def test_the_first_checkout_has_the_first_slot() -> None:
    assert slot.choose({0: None, 1: None}, OURS) == 0


def test_a_second_checkout_has_the_next_slot() -> None:
    assert slot.choose({0: THEIRS, 1: None}, OURS) == 1


def test_a_checkout_keeps_its_slot_when_one_before_it_is_freed() -> None:
    assert slot.choose({0: None, 1: OURS}, OURS) == 1


def test_there_is_no_slot_where_others_have_them_all() -> None:
    assert slot.choose({0: THEIRS, 1: THEIRS}, OURS) is None


def test_an_owner_that_may_not_be_read_is_an_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", denied)

    assert None not in slot.owners().values()


def test_an_owner_whose_folder_may_not_be_looked_at_owns_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(*_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", lambda _: "/root/checkout/.cluster")
    monkeypatch.setattr(Path, "exists", denied)

    assert None not in slot.owners().values()
