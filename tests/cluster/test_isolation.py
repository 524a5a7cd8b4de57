"""What the agent's container does not have: any credential of ours."""

import base64
import json
import re

import pytest

from dev.demo.fixtures import CLIENT_SECRET, FORGE_TOKEN, WEBHOOK_SECRET
from tests.cluster.blueprints import SHELL, brought
from tests.cluster.conftest import Place

pytestmark = pytest.mark.cluster

DECOY = "a-decoy-that-has-to-be-found"
API_SERVER = "https://kubernetes.default.svc/api/v1/namespaces/{}/secrets"
METADATA = "http://169.254.169.254/latest/meta-data/"
RELAY = "https://deputy-relay.{}.svc:8443/v1/inbox?after=&wait=0"

#: It lays out decoys, one in each kind of place, then searches.
SCRIPT = """\
echo "$DECOY" >/workspace/decoy
sleep 60 &
exec python3 /scripted/searcher.py "$0" "$@"
"""


async def test_an_agent_that_searches_everything_finds_no_credential(place: Place) -> None:
    needles = (FORGE_TOKEN, CLIENT_SECRET, WEBHOOK_SECRET, "lin_oauth_", DECOY)
    encoded = ",".join(base64.b64encode(one.encode()).decode() for one in needles)
    urls = [url.format(place.deputy.namespace) for url in (API_SERVER, METADATA, RELAY)]
    agent = {
        "image": SHELL,
        "command": ["sh", "-c", SCRIPT, encoded, *urls],
        "protocol": "Exec",
        "env": [{"name": "DECOY", "value": DECOY}],
    }
    await place.blueprint({"agent": agent}, brought(), repository=True)

    session = await place.linear.until_over(
        await place.linear.delegate(await place.issue()), within=120
    )

    ((kind, text),) = session.closing
    looked, report = text.splitlines()[:2]
    assert kind == "response"
    assert int(re.sub(r"\D", "", looked)) > 1000
    report_read = json.loads(report)
    answers = [report_read["answers"][url] for url in urls]
    assert report_read["found"] == ["/proc/PID/environ", "/workspace/decoy", "environment"]
    assert report_read["listening"] == []
    # Where the network enforces policies the API server does not even answer.
    assert answers in (["403", "nobody", "401"], ["nobody", "nobody", "401"])
