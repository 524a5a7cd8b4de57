"""Who may deliver: the signature, the time, the secrets."""

import datetime as dt
import hashlib
import hmac
import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.trackers.events import SessionCreated, TrackerEvent
from deputy.trackers.linear.errors import (
    MalformedDelivery,
    SecretUnset,
    SignatureMissing,
    SignatureWrong,
    StaleDelivery,
    WebhookRefused,
)
from deputy.trackers.linear.webhooks import from_http

SECRET = b"lin_wh_of_a_test"
OLD_SECRET = b"lin_wh_before_rotation"
PAYLOADS = sorted((pathlib.Path(__file__).parents[2] / "data/linear/webhooks").glob("*.json"))
BODY = PAYLOADS[1].read_bytes()
NOW = dt.datetime.fromtimestamp(1795165200.123, tz=dt.UTC)


def signature(body: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def delivered(
    body: bytes = BODY,
    *,
    signed: str | None = None,
    secrets: tuple[bytes, ...] = (SECRET,),
    late: float = 0.0,
) -> TrackerEvent:
    headers = {"Linear-Signature": signature(body) if signed is None else signed}
    return from_http(headers, body, secrets, NOW + dt.timedelta(seconds=late))


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_kind_of_delivery_is_taken_when_signed_now(path: pathlib.Path) -> None:
    body = path.read_bytes()

    from_http({"linear-signature": signature(body)}, body, (SECRET,), NOW)


def test_a_delivery_says_what_it_says() -> None:
    assert isinstance(delivered(), SessionCreated)


@pytest.mark.parametrize("name", ["linear-signature", "Linear-Signature", "LINEAR-SIGNATURE"])
def test_the_header_is_found_in_any_case(name: str) -> None:
    from_http({"X-Other": "1", name: signature(BODY)}, BODY, [SECRET], NOW)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_while_secrets_rotate_both_are_good(secret: bytes) -> None:
    signed = signature(BODY, secret)

    assert isinstance(delivered(signed=signed, secrets=(SECRET, OLD_SECRET)), SessionCreated)


def test_a_secret_that_was_rotated_out_is_good_no_more() -> None:
    with pytest.raises(SignatureWrong):
        delivered(signed=signature(BODY, OLD_SECRET))


@pytest.mark.parametrize("secrets", [(), (b"",)])
def test_without_a_secret_nothing_is_taken_even_signed_with_nothing(
    secrets: tuple[bytes, ...],
) -> None:
    with pytest.raises(SecretUnset):
        delivered(signed=signature(BODY, b""), secrets=secrets)


def test_an_unsigned_delivery_is_refused() -> None:
    with pytest.raises(SignatureMissing):
        from_http({"Linear-Timestamp": "1795165200123"}, BODY, (SECRET,), NOW)


@pytest.mark.parametrize(
    "signed", ["0" * 64, signature(BODY)[:-1], signature(BODY).upper(), "é", "sha256=x", "\udcff"]
)
def test_a_wrong_signature_is_refused(signed: str) -> None:
    with pytest.raises(SignatureWrong):
        delivered(signed=signed)


HOUR = 3600.0


@pytest.mark.parametrize(
    "late", [-60.0, 0.0, 60.2, HOUR + 1, 6 * HOUR + 1, 6 * HOUR + 899], ids=str
)
def test_what_linear_repeats_with_the_same_bytes_is_taken(late: float) -> None:
    assert isinstance(delivered(late=late), SessionCreated)


@pytest.mark.parametrize("late", [-HOUR, -60.2, 6 * HOUR + 901, 24 * HOUR], ids=str)
def test_what_is_older_than_any_repetition_or_from_the_future_is_stale(late: float) -> None:
    with pytest.raises(StaleDelivery):
        delivered(late=late)


def test_a_recorded_delivery_cannot_be_made_young_by_a_header() -> None:
    later = NOW + dt.timedelta(hours=7)
    headers = {
        "Linear-Signature": signature(BODY),
        "Linear-Timestamp": str(round(later.timestamp() * 1000)),
    }

    with pytest.raises(StaleDelivery):
        from_http(headers, BODY, (SECRET,), later)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'{"webhookTimestamp":"1795165200123"}',
        b'{"webhookTimestamp":true}',
        b'{"webhookTimestamp":null}',
    ],
    ids=lambda body: body[:40].decode("latin-1") or "empty",
)
def test_a_signed_body_that_is_no_delivery_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        delivered(body)


@pytest.mark.parametrize("told", ["NaN", "Infinity", "-Infinity", "1e300", "9" * 400, "0"])
def test_a_time_that_is_no_time_is_stale(told: str) -> None:
    with pytest.raises(StaleDelivery):
        delivered(f'{{"webhookTimestamp":{told}}}'.encode())


@given(at=st.integers(0, len(BODY) - 1), change=st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= change

    with pytest.raises(SignatureWrong):
        delivered(bytes(changed), signed=signature(BODY))


@given(cut=st.integers(0, len(BODY) - 1), more=st.binary(min_size=1, max_size=8))
def test_no_byte_can_be_taken_away_or_added(cut: int, more: bytes) -> None:
    for body in (BODY[:cut], BODY[:cut] + more + BODY[cut:]):
        with pytest.raises(SignatureWrong):
            delivered(body, signed=signature(BODY))


def test_refusals_tell_neither_secret_nor_signature_nor_body() -> None:
    with pytest.raises(WebhookRefused) as refused:
        delivered(signed="0123456789abcdef" * 4)

    told = str(refused.value)
    assert not any(part in told for part in (SECRET.decode(), "0123456789abcdef", "ENG-123"))


@pytest.mark.parametrize(
    ("error", "status"),
    [(SecretUnset, 503), (SignatureMissing, 401), (SignatureWrong, 401), (StaleDelivery, 400),
     (MalformedDelivery, 400)],
)  # fmt: skip
def test_each_refusal_has_its_status(error: type[WebhookRefused], status: int) -> None:
    assert error.status == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(data=st.data())
def test_whatever_stands_in_a_signed_delivery_is_read_or_refused(data: st.DataObject) -> None:
    payload = json.loads(data.draw(st.sampled_from(PAYLOADS)).read_bytes())
    place = payload
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)

    try:
        event = delivered(json.dumps(payload).encode())
    except (MalformedDelivery, StaleDelivery):
        return
    assert hash(event)
