"""Who calls the relay: a projected, audience-bound token, reviewed by the API server."""

import dataclasses
import hashlib
import time
from collections.abc import Callable

from deputy.errors import DeputyError
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.wire import RELAY_AUDIENCE

#: How long a review is believed, in seconds; a deleted pod can call for no longer than this.
_REVIEW_SECONDS = 60.0


class NotAuthenticated(DeputyError):
    """The caller's token is missing, not for us, or not of a pod."""


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """The pod that a token belongs to."""

    namespace: str
    pod: str
    pod_uid: str


class Authenticator:
    """Asks the API server whose token it is, once a minute for each token."""

    def __init__(self, kube: Kube, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str) -> Caller:
        """Return who sent the header `authorization`; raise `NotAuthenticated` or `KubeError`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("the Authorization header holds no bearer token")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or known[0] < self._clock():
            caller = await self._review(token)
            self._remember(digest, caller)
            return caller
        return known[1]

    async def _review(self, token: str) -> Caller:
        answer = await self._kube.create(
            resources.TOKEN_REVIEWS,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token, "audiences": [RELAY_AUDIENCE]},
            },
        )
        status = answer.get("status", {})
        if not status.get("authenticated") or RELAY_AUDIENCE not in status.get("audiences", []):
            raise NotAuthenticated("the token is not valid for the relay")
        user = status.get("user", {})
        extra = user.get("extra", {})
        names = extra.get("authentication.kubernetes.io/pod-name") or []
        uids = extra.get("authentication.kubernetes.io/pod-uid") or []
        parts = str(user.get("username", "")).split(":")
        if not names or not uids or len(parts) != 4 or parts[:2] != ["system", "serviceaccount"]:
            raise NotAuthenticated("the token does not belong to a pod")
        return Caller(namespace=parts[2], pod=names[0], pod_uid=uids[0])

    def _remember(self, digest: bytes, caller: Caller) -> None:
        now = self._clock()
        if len(self._known) > 1000:
            self._known = {k: v for k, v in self._known.items() if v[0] > now}
        self._known[digest] = (now + _REVIEW_SECONDS, caller)
