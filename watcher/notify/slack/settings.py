"""The settings of the Slack channel."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from watcher.settings.annotations import AnyKeyOf, InvalidValueError, Option, ValueFormat
from watcher.settings.channel_types import TIMEOUT_HELP, ChannelSettings
from watcher.settings.formats import PositiveDuration, WebAddress, secret_address
from watcher.settings.risks import Risk, clear_text_address, clear_text_credential
from watcher.settings.secret import Secret

_BOT_HELP = "token of the bot of a Slack app: messages are updated, and new values are replies in their threads"
_CONVERSATION = "id of the Slack channel (not its name), for `bot_token`"
_TOKEN = re.compile(r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+")
_ID = re.compile(r"[CDG][A-Z0-9]{2,}")


def _parse_token(text: str) -> Secret:
    if not _TOKEN.fullmatch(text):
        raise InvalidValueError("not a token", "copy the `Bot User OAuth Token` of the app, which begins with `xoxb-`")
    return Secret(text)


def _parse_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(text)
    return text


BotToken = Annotated[Secret, ValueFormat(expected="a token", parse=_parse_token, schema={"type": "string"})]
ConversationId = Annotated[
    str,
    ValueFormat(
        expected="the id of a Slack channel",
        parse=_parse_id,
        schema={"type": "string", "pattern": f"^(?:{_ID.pattern})$"},
        advice="copy it from the end of the channel's details in Slack, e.g. `C0123456789`",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel(ChannelSettings):
    """A Slack channel, by an incoming webhook or by the bot of an app."""

    checks: ClassVar[tuple[AnyKeyOf, ...]] = (
        AnyKeyOf(
            keys=("webhook_url", "webhook_url_file", "bot_token", "bot_token_file"),
            message="has neither `webhook_url` nor `bot_token`",
            fix="give one of them, or its `_file`",
            code="missing-key",
        ),
    )

    webhook_url: Annotated[
        Secret | None,
        secret_address(r"https?://[^\s/]+/\S*", "https://hooks.slack.com/services/…"),
        Option("address of an incoming webhook", example="secrets/slack", excludes=("bot_token",)),
    ] = None
    bot_token: Annotated[BotToken | None, Option(_BOT_HELP, example="secrets/slack-bot", needs=("conversation",))] = (
        None
    )
    conversation: Annotated[
        ConversationId | None, Option(_CONVERSATION, example="C0123456789", needs=("bot_token",))
    ] = None
    api_url: Annotated[WebAddress, Option("address of Slack's Web API, for `bot_token`")] = "https://slack.com/api"
    timeout: Annotated[PositiveDuration, Option(TIMEOUT_HELP)] = timedelta(seconds=20)

    def credential_risks(self) -> Iterator[Risk]:
        """Yield how others may read the address or the token."""
        if self.webhook_url is not None:
            yield from clear_text_address("webhook_url", self.webhook_url)
        if self.bot_token is not None:
            yield from clear_text_credential("api_url", self.api_url, "the token")
