"""Facts of the store: the newest state wins, and what is deleted never returns."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deputy.kube.store import Store

Body = dict[str, Any]


def body(version: int, uid: str = "uid-1", name: str = "one", **facts: Any) -> Body:
    metadata = {
        "namespace": "agents",
        "name": name,
        "uid": uid,
        "resourceVersion": str(version),
    }
    return {"metadata": metadata} | facts


def store() -> Store[Body]:
    return Store(lambda thing: thing)


def test_what_is_put_is_got_by_namespace_and_name() -> None:
    known = store()

    assert known.put(body(1))
    assert known.get("agents", "one") == body(1)
    assert known.get("agents", "two") is None
    assert known.version("agents", "one") == 1
    assert known.version("agents", "two") == 0
    assert known.keys() == [("agents", "one")]
    assert list(known) == [body(1)]


def test_an_older_state_never_replaces_a_newer_one() -> None:
    known = store()
    known.put(body(10, phase="Running"))

    assert not known.put(body(9, phase="Queued"))
    assert known.get("agents", "one") == body(10, phase="Running")


def test_versions_are_compared_as_numbers() -> None:
    known = store()
    known.put(body(9))

    assert known.put(body(10))


def test_the_same_state_is_no_news() -> None:
    known = store()
    known.put(body(1))

    assert not known.put(body(1))


def test_an_object_is_parsed_once_a_change() -> None:
    parsed: list[Body] = []

    def parse(thing: Body) -> int:
        parsed.append(thing)
        return len(parsed)

    known = Store(parse)
    known.put(body(1))
    known.put(body(1))
    known.put(body(2))

    assert (known.get("agents", "one"), len(parsed)) == (2, 2)


def test_what_is_deleted_never_returns_however_late_a_word_of_it_comes() -> None:
    known = store()
    known.put(body(1))
    known.remove(body(3))

    assert not known.put(body(2))
    assert not known.put(body(4))
    assert known.get("agents", "one") is None


def test_a_deletion_that_is_heard_before_the_object_counts() -> None:
    known = store()
    known.remove(body(3))

    assert not known.put(body(2))


def test_a_new_object_of_the_same_name_is_another_one() -> None:
    known = store()
    known.put(body(1))
    known.remove(body(2))

    assert known.put(body(3, uid="uid-2"))
    assert known.get("agents", "one") == body(3, uid="uid-2")


def test_a_late_deletion_of_the_older_one_leaves_the_new_one() -> None:
    known = store()
    known.put(body(3, uid="uid-2"))
    known.remove(body(2, uid="uid-1"))

    assert known.get("agents", "one") == body(3, uid="uid-2")


words = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.integers(1, 6), st.sampled_from("ab")),
    max_size=30,
)


@given(words)
def test_in_whatever_order_words_come_versions_grow_and_the_deleted_stay_away(
    said: list[tuple[str, int, str]],
) -> None:
    known, gone, last = store(), set(), 0

    for what, version, uid in said:
        if what == "remove":
            known.remove(body(version, uid=uid))
            gone.add(uid)
            last = 0 if known.get("agents", "one") is None else last
        else:
            known.put(body(version, uid=uid))
        thing = known.get("agents", "one")
        if thing is not None:
            assert thing["metadata"]["uid"] not in gone
            assert known.version("agents", "one") >= last
            last = known.version("agents", "one")
