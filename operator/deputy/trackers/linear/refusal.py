"""Why a delivery is not taken.

WebhookRefused
├── SecretUnset        503  we cannot check anything: the tracker is to try again
├── SignatureMissing   401
├── SignatureWrong     401  no secret of ours made it
├── Stale              400  signed too long ago, or in the future
└── Malformed          400  signed, but not what the tracker's documentation describes

Messages never hold a secret, a signature or a part of the body.
"""

from typing import ClassVar


class WebhookRefused(Exception):
    """A delivery is not taken; `status` is the HTTP status that says so."""

    status: ClassVar[int] = 400


class SecretUnset(WebhookRefused):
    """There is no secret to check with."""

    status = 503


class SignatureMissing(WebhookRefused):
    """Nobody signed it."""

    status = 401


class SignatureWrong(WebhookRefused):
    """It was signed with none of our secrets, or changed since."""

    status = 401


class Stale(WebhookRefused):
    """It was signed too far from now: somebody may be sending an old delivery again."""


class Malformed(WebhookRefused):
    """It is not what Linear's documentation describes."""
