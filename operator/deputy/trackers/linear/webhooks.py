"""Linear's webhooks without any I/O: is it from Linear, and what does it say.

Pure: the time and the secrets come in as arguments.
"""

import datetime as dt
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from deputy.trackers.events import TrackerEvent
from deputy.trackers.linear.errors import (
    MalformedDelivery,
    SecretUnset,
    SignatureMissing,
    SignatureWrong,
    StaleDelivery,
)
from deputy.trackers.linear.payloads import event_of

SIGNATURE_HEADER = "linear-signature"
_SIGNATURE = re.compile(r"[0-9a-f]{64}")

#: How old a delivery may be: Linear repeats the same bytes after a minute, an hour and six hours.
MAX_AGE = dt.timedelta(hours=6, minutes=15)
#: How far Linear's clock may be ahead of ours.
MAX_SKEW = dt.timedelta(seconds=60)


def from_http(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now: dt.datetime
) -> TrackerEvent:
    """Return what a delivery says, once one of `secrets` signed it, `MAX_AGE` ago at most.

    Age is judged by the time inside the signed body, never by a header, which nobody signs. Taking
    the same event again changes nothing, so nobody gains by sending again what was recorded.

    Raises:
        SecretUnset: there is no secret, or only blank ones.
        SignatureMissing: the header is not there.
        SignatureWrong: no secret made it.
        MalformedDelivery: the body is not what Linear's documentation describes.
        StaleDelivery: it is too old, or from the future.
    """
    _check_signature(headers, body, secrets)
    payload = _object(body)
    _check_time(payload, now)
    return event_of(payload)


def signature_of(headers: Mapping[str, str]) -> str:
    """Return the signature that a delivery brings, before anybody reads its body.

    Raises:
        SignatureMissing: the header is not there.
        SignatureWrong: it is no signature at all.
    """
    given = next((v for k, v in headers.items() if k.lower() == SIGNATURE_HEADER), "")
    if not given:
        raise SignatureMissing("the header Linear-Signature is missing")
    if not _SIGNATURE.fullmatch(given):
        raise SignatureWrong("Linear-Signature is not the hexadecimal SHA-256 that Linear sends")
    return given


def _check_signature(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> None:
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise SecretUnset("no webhook secret is set, so no delivery can be checked")
    given = signature_of(headers)
    # Every secret is tried, so that the time taken does not tell which one it was.
    signed = [_is_signed(given, body, secret) for secret in usable]
    if not any(signed):
        raise SignatureWrong("Linear-Signature was made with none of the webhook secrets")


def _is_signed(given: str, body: bytes, secret: bytes) -> bool:
    made = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, given)


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedDelivery(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(payload, dict):
        raise MalformedDelivery("the body is JSON, but not an object")
    return payload


def _check_time(payload: Mapping[str, Any], now: dt.datetime) -> None:
    timestamp = payload.get("webhookTimestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        raise MalformedDelivery("webhookTimestamp is missing or not a number")
    age = now.timestamp() - timestamp / 1000 if abs(timestamp) < 1e15 else math.inf
    # Written so that what is no number is refused.
    if not age >= -MAX_SKEW.total_seconds():
        raise StaleDelivery(
            f"webhookTimestamp is more than {MAX_SKEW.seconds} seconds ahead of this node's clock"
        )
    if not age <= MAX_AGE.total_seconds():
        raise StaleDelivery(f"webhookTimestamp is more than {MAX_AGE} hours old")
