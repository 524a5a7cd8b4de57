"""Which place on the machine a checkout's cluster has."""

from __future__ import annotations

from pathlib import Path

from dev.cluster import slot

OURS, THEIRS = Path("/ours/.cluster"), Path("/theirs/.cluster")


def test_the_first_checkout_has_the_first_place() -> None:
    assert slot.choose({0: None, 1: None}, OURS) == 0


def test_a_second_checkout_has_the_next_place() -> None:
    assert slot.choose({0: THEIRS, 1: None}, OURS) == 1


def test_a_checkout_keeps_its_place_when_one_before_it_is_freed() -> None:
    assert slot.choose({0: None, 1: OURS}, OURS) == 1


def test_there_is_no_place_where_others_have_them_all() -> None:
    assert slot.choose({0: THEIRS, 1: THEIRS}, OURS) is None
