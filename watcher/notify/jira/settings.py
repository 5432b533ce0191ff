"""The settings of the Jira channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from watcher.known_secrets import remember_credentials
from watcher.settings.annotations import Option, ValueFormat
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import ExistingFile, Line, MailAddress, PositiveDuration, SecretText, WebAddress, word
from watcher.settings.risks import Risk, clear_text_credential

_CA_CERTS = "PEM file of the certificate authorities to trust instead of those of the system"
_EMAIL = "address of the user to whom the API token belongs (Cloud); left out: the token is a personal access token"
_PRIORITIES = (
    "`standard`: the rule's level sets the priority, from `Highest` to `Lowest`; `none` where the project has no such "
    "priorities"
)
_TRANSITIONS = (
    "`standard`: closing an alert moves its ticket to a status of the category Done, and opening it again or a new hit "
    "moves it back; `none`: comments alone"
)


def _parse_project(text: str) -> str:
    if not text[:1].isalpha() or not text.isascii() or not text.replace("_", "").isalnum() or len(text) > 255:
        raise ValueError(text)
    return text


ProjectKey = Annotated[
    str,
    ValueFormat(
        expected="the key of a project",
        parse=_parse_project,
        schema={"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
        advice="write it as `SOC`, without the number of a ticket",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraChannel(ChannelSettings):
    """A project of Jira Cloud or Jira Data Center."""

    url: Annotated[WebAddress, Option("address of Jira, without `/rest`", example="https://example.atlassian.net")]
    project: Annotated[ProjectKey, Option("key of the project", example="SOC")]
    issue_type: Annotated[Line, Option("type of the tickets")] = "Task"
    edition: Annotated[
        Annotated[str, word("cloud", "data-center")], Option("`cloud` (API 3) or `data-center` (API 2)")
    ] = "cloud"
    email: Annotated[MailAddress | None, Option(_EMAIL, example="watcher@example.org")] = None
    token: Annotated[SecretText, Option("API token, or personal access token", example="secrets/jira")]
    priorities: Annotated[Annotated[str, word("standard", "none")], Option(_PRIORITIES)] = "standard"
    transitions: Annotated[Annotated[str, word("standard", "none")], Option(_TRANSITIONS)] = "standard"
    ca_certs: Annotated[ExistingFile | None, Option(_CA_CERTS, example="certs/ca.crt")] = None
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=60)

    def __post_init__(self) -> None:
        """Keep the credentials out of every text, as they are sent."""
        if self.email is not None:
            remember_credentials(self.email, self.token.value)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the token."""
        yield from clear_text_credential("url", self.url, "the token")
