import pytest

from deputy.trackers.events import is_stop_word


@pytest.mark.parametrize(
    "text", ["stop", "Stop", "/stop", " STOP!\n", "stop.", "@deputy stop", "@a @b /Stop"]
)
def test_nothing_but_the_wish_to_stop_is_a_stop_word(text: str) -> None:
    assert is_stop_word(text)


@pytest.mark.parametrize(
    "text", ["", "stop it from crashing", "please stop", "stopp", "//stop", "stop\nand go", "@stop"]
)
def test_a_sentence_with_the_word_in_it_is_not_a_stop_word(text: str) -> None:
    assert not is_stop_word(text)
