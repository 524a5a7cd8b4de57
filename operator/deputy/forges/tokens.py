"""The token that a Blueprint's Secret holds for its forge."""

import base64

from deputy.forges.errors import TokenMissing
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound


async def read_token(kube: Kube, namespace: str, name: str) -> str:
    """Return the key `token` of a Secret; raise `TokenMissing` naming what to create."""
    try:
        secret = await kube.get(resources.secrets(namespace, name))
        token = base64.b64decode(secret["data"]["token"]).decode("ascii").strip()
    except NotFound:
        raise TokenMissing(
            f'Secret "{name}" does not exist in namespace {namespace}; create it with the key '
            "`token`, or change spec.repository.credentialsSecretRef of the Blueprint"
        ) from None
    except (KeyError, TypeError):
        raise TokenMissing(
            f'Secret "{name}" in namespace {namespace} has no key `token`; add it'
        ) from None
    except ValueError:
        token = ""
    if len(token.split()) != 1:
        raise TokenMissing(
            f'the key `token` of Secret "{name}" in namespace {namespace} holds no token; set it'
        )
    return token
