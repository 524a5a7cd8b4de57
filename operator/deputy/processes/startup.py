"""How every process of ours begins: with everything listed once."""

import tenacity

from deputy.kube.errors import KubeError
from deputy.kube.resync import Resync


async def seed(resync: Resync, errors: type[KubeError]) -> None:
    """Fill the stores as soon as the API server is up to it: `errors` are waited out."""
    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(errors),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    )
    await retrying(resync.seed)
