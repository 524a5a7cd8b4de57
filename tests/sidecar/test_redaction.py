"""What looks like a credential is masked, and what does not stays."""

import pytest

from deputy_sidecar.redaction import redact


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "a1B2" * 9,
        "ghs_" + "a1B2" * 9,
        "github_pat_" + "a1B2_" * 9,
        "glpat-" + "a1B2" * 5,
        "lin_api_" + "a1B2" * 10,
        "lin_oauth_" + "a1B2" * 10,
        "sk-ant-api03-" + "a1B2" * 10,
        "sk-proj-" + "a1B2" * 10,
        "xoxb-123456789012-abcdef",
        "AKIA" + "A1B2" * 4,
        "AIza" + "a1B2" * 9,
        "npm_" + "a1B2" * 9,
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIE, and then it was cut",
    ],
    ids=lambda secret: secret[:10],
)
def test_a_credential_of_a_known_shape_is_masked(secret: str) -> None:
    assert redact(f"before {secret}") == "before [secret]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [secret]"),
        ("https://user:hunter2hunter2@host/x", "https://user:[secret]@host/x"),
        ("DB_PASSWORD=correcthorse ./run", "DB_PASSWORD=[secret] ./run"),
        ("export API_KEY='abcdefgh'", "export API_KEY='[secret]'"),
    ],
)
def test_what_stands_where_credentials_stand_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "git commit -m 'Rotate the token'",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "task-skip-this-one and sk-short",
        "https://example.com/a:b/c@d",
        "http://localhost:8080/docs/index.html",
        "see http://a.example:8080/path, then mail jane@example.com",
        "password = input()",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert redact(text) == text
