"""Facts of the environment."""

import dataclasses
import datetime as dt
import pathlib

import pytest

from deputy.settings import InvalidSetting, OperatorSettings, WebhookSettings

REQUIRED = {"DEPUTY_NAMESPACE": "deputy", "DEPUTY_POD_NAME": "pod-1"}
WEBHOOK = WebhookSettings(
    namespace="deputy",
    pod_name="pod-1",
    agent_namespaces=("deputy",),
    linear_api_url="https://api.linear.app",
    linear_credentials=pathlib.Path("/etc/deputy/linear"),
    kubeconfig=None,
    log_level="INFO",
    team_namespaces={},
    port=8080,
    drain=dt.timedelta(seconds=3),
)
TEAMS_WRONG = (
    'DEPUTY_TEAM_NAMESPACES is not as it has to be; give it JSON such as {"ENG": ["team-a"]}'
)
WRONG_TEAMS = ("ENG=a", "[]", '{"ENG": 1}', '{"ENG": [""]}', "null")


def test_what_is_not_set_has_a_default() -> None:
    assert WebhookSettings.from_environment(REQUIRED) == WEBHOOK


def test_everything_can_be_set() -> None:
    settings = WebhookSettings.from_environment(
        REQUIRED
        | {
            "DEPUTY_AGENT_NAMESPACES": "a, b,a,",
            "DEPUTY_LINEAR_API_URL": "http://linear:8080/",
            "DEPUTY_LINEAR_CREDENTIALS": "/secret",
            "DEPUTY_KUBECONFIG": "/kubeconfig",
            "DEPUTY_LOG_LEVEL": "debug",
            "DEPUTY_TEAM_NAMESPACES": '{"ENG": ["a"], "OPS": ["a", "b"]}',
            "DEPUTY_EXTRA_CA": "/ca.crt",
            "DEPUTY_WEBHOOK_PORT": "9",
            "DEPUTY_DRAIN_SECONDS": "0",
        }
    )

    assert settings == dataclasses.replace(
        WEBHOOK,
        agent_namespaces=("a", "b"),
        linear_api_url="http://linear:8080",
        linear_credentials=pathlib.Path("/secret"),
        kubeconfig=pathlib.Path("/kubeconfig"),
        log_level="DEBUG",
        team_namespaces={"ENG": ("a",), "OPS": ("a", "b")},
        extra_ca=pathlib.Path("/ca.crt"),
        port=9,
        drain=dt.timedelta(),
    )


def test_the_operator_needs_to_know_its_relay_and_its_image() -> None:
    settings = OperatorSettings.from_environment(
        REQUIRED | {"DEPUTY_RELAY_URL": "https://relay:8443", "DEPUTY_SIDECAR_IMAGE": "image"}
    )

    assert (
        settings.relay_url,
        settings.relay_port,
        settings.health_port,
        settings.sidecar_image,
    ) == (
        "https://relay:8443",
        8443,
        8081,
        "image",
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEPUTY_NAMESPACE", "", "DEPUTY_NAMESPACE is not set; the Helm chart sets it"),
        (
            "DEPUTY_AGENT_NAMESPACES",
            ",",
            "DEPUTY_AGENT_NAMESPACES names nothing; give it names, separated by commas",
        ),
        (
            "DEPUTY_WEBHOOK_PORT",
            "http",
            "DEPUTY_WEBHOOK_PORT is 'http'; give it a number from 1 to 65535",
        ),
        (
            "DEPUTY_WEBHOOK_PORT",
            "0",
            "DEPUTY_WEBHOOK_PORT is '0'; give it a number from 1 to 65535",
        ),
        (
            "DEPUTY_LINEAR_API_URL",
            "linear",
            "DEPUTY_LINEAR_API_URL is 'linear'; give it an address such as https://example.com",
        ),
        *(("DEPUTY_TEAM_NAMESPACES", wrong, TEAMS_WRONG) for wrong in WRONG_TEAMS),
        (
            "DEPUTY_LOG_LEVEL",
            "loud",
            "DEPUTY_LOG_LEVEL is 'LOUD'; give it DEBUG, INFO, WARNING or ERROR",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_has_to_be(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        WebhookSettings.from_environment(REQUIRED | {name: value})

    assert str(caught.value) == message
    assert caught.value.variable == name
