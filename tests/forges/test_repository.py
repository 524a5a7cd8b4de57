"""Facts of repository addresses."""

import contextlib
import string

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.forges import Repository, RepositoryUrlWrong, forge_for
from deputy.forges.github import GitHub

NAMES = st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=1, max_size=20)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
PORTS = st.one_of(st.none(), st.integers(min_value=1, max_value=65535))


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/api.git", ("https://api.github.com", "acme", "api")),
        ("https://github.com/acme/api", ("https://api.github.com", "acme", "api")),
        ("https://github.com/acme/api/", ("https://api.github.com", "acme", "api")),
        ("https://www.github.com/acme/a.b.git", ("https://api.github.com", "acme", "a.b")),
        ("HTTPS://GitHub.com/acme/Api.git", ("https://api.github.com", "acme", "Api")),
        ("https://git.acme.dev/acme/api.git", ("https://git.acme.dev/api/v3", "acme", "api")),
        ("http://forge:8080/acme/demo.git", ("http://forge:8080/api/v3", "acme", "demo")),
        ("http://[::1]:8080/acme/demo", ("http://[::1]:8080/api/v3", "acme", "demo")),
    ],
)
def test_address_names_a_repository_of_a_forge(url: str, repository: tuple[str, str, str]) -> None:
    assert Repository.parse(url) == Repository(*repository)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("git@github.com:acme/api.git", "has no HTTP address"),
        ("ssh://git@github.com/acme/api.git", "has no HTTP address"),
        ("file:///srv/api.git", "has no HTTP address"),
        ("", "has no HTTP address"),
        ("https://github.com/acme", "is no <owner>/<repository>"),
        ("https://github.com/acme/api/tree/main", "is no <owner>/<repository>"),
        ("https://github.com//api", "has an impossible name"),
        ("https://github.com/acme/..", "has an impossible name"),
        ("https://github.com/acme/.git", "has an impossible name"),
        ("https://github.com/acme/a b", "has an impossible name"),
        ("https:///acme/api", "names no host"),
        ("https://ex ample/acme/api", "names no host"),
        ("https://example:99999/acme/api", "is no address"),
        ("https://[::1/acme/api", "is no address"),
        ("https://github.com/acme/api?x=1", "has a query"),
        ("https://github.com/acme/api#readme", "has a query"),
    ],
)
def test_what_is_no_repository_address_is_refused(url: str, says: str) -> None:
    with pytest.raises(RepositoryUrlWrong, match=says) as caught:
        Repository.parse(url)

    assert "spec.repository.url" in caught.value.message


def test_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(RepositoryUrlWrong, match="carries credentials") as caught:
        Repository.parse("https://x-access-token:hunter2@github.com/acme/api.git")

    assert "hunter2" not in caught.value.message


@given(
    host=HOSTS,
    port=PORTS,
    owner=NAMES,
    name=NAMES,
    suffix=st.booleans(),
    scheme=st.sampled_from(["http", "https"]),
)
def test_owner_and_name_of_every_well_formed_address_are_found(
    host: str, port: int | None, owner: str, name: str, *, suffix: bool, scheme: str
) -> None:
    place = host if port is None else f"{host}:{port}"

    repository = Repository.parse(f"{scheme}://{place}/{owner}/{name}{'.git' if suffix else ''}")

    assert (repository.owner, repository.name) == (owner, name)
    assert repository.api_url in (f"{scheme}://{place}/api/v3", "https://api.github.com")


@given(st.text(max_size=60))
def test_every_text_is_a_repository_or_is_refused_in_words(text: str) -> None:
    with contextlib.suppress(RepositoryUrlWrong):
        repository = Repository.parse(text)

        assert repository.owner
        assert repository.name


async def test_forge_of_an_http_address_is_github() -> None:
    async with httpx.AsyncClient() as http:
        forge = forge_for("https://git.acme.dev/acme/api.git", http=http, token="t")
        with pytest.raises(RepositoryUrlWrong):
            forge_for("git@github.com:acme/api.git", http=http, token="t")

    assert isinstance(forge, GitHub)
