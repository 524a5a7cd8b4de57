"""Facts of the first words."""

import uuid

from deputy.core.acknowledgements import (
    AGAIN,
    FIRST,
    Acknowledgement,
    acknowledgements_of,
    first,
    joined,
)


def test_the_first_word_has_the_same_id_whoever_posts_it() -> None:
    assert first("session") == first("session")
    assert first("session") == Acknowledgement(
        "session", "f5fe4f1d-3bba-490c-8545-624c2737dea7", FIRST
    )


def test_a_follow_up_has_a_first_word_of_its_own() -> None:
    assert first("session", "prompt").body == AGAIN
    assert first("session", "prompt").activity_id != first("session").activity_id
    assert first("session", "prompt").activity_id != first("session", "other").activity_id


def test_ids_have_the_shape_that_the_tracker_asks_for() -> None:
    assert uuid.UUID(joined("session", "uid", "run").activity_id).version == 4


def test_a_run_owes_one_word_to_each_session() -> None:
    words = acknowledgements_of("run", "uid", first("own"), ["own", "other", "", "other", "third"])

    assert words == (
        first("own"),
        joined("other", "uid", "run"),
        joined("third", "uid", "run"),
    )


def test_a_session_that_joins_is_told_which_run_it_joined() -> None:
    assert "linear-abc-1" in joined("session", "uid", "linear-abc-1").body


def test_a_run_without_a_session_speaks_only_to_those_that_joined_it() -> None:
    assert acknowledgements_of("run", "uid", first(""), ["other"]) == (
        joined("other", "uid", "run"),
    )


def test_a_run_that_waits_for_another_says_so_under_the_id_of_its_first_word() -> None:
    words = first("session", "prompt", "linear-abc-1")

    assert words.activity_id == first("session", "prompt").activity_id
    assert "linear-abc-1" in words.body
