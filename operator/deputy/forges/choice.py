"""Which forge an address belongs to."""

import httpx

from deputy.forges.base import Forge
from deputy.forges.github import GitHub
from deputy.forges.repository import Repository


def forge_for(url: str, *, http: httpx.AsyncClient, token: str) -> Forge:
    """Return the forge of a clone address; raise `RepositoryUrlWrong`.

    GitHub and GitHub Enterprise Server are all there is so far, so the address decides nothing
    beyond being one.
    """
    Repository.parse(url)
    return GitHub(http, token)
