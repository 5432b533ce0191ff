"""A notification as a mail with a text and an HTML part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

from watcher.model import Notification
from watcher.notify.escaping import single_line


class _Policy(EmailPolicy):
    """Folds subjects by the older rules: the newer ones lose a blank where they break between encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """Write one header."""
        if name.lower() != "subject":
            return super().fold_binary(name, value)
        charset = "us-ascii" if value.isascii() else "utf-8"
        folded = Header(str(value), charset=charset, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {folded}{self.linesep}".encode("ascii")


_POLICY = _Policy(
    linesep=SMTP.linesep,
    cte_type="7bit",  # every server takes it, whatever the event's text holds
)
_UTF8_POLICY = _POLICY.clone(utf8=True)  # headers as they are: for addresses that have no other form


_IMPORTANCE = {"critical": "high", "high": "high", "low": "low", "informational": "low"}


def mail_message(
    notification: Notification, sender: Address, recipients: Sequence[Address], *, now: datetime, utf8: bool
) -> EmailMessage:
    """Return the mail of a notification; `utf8` where an address has no ASCII form."""
    message = EmailMessage(policy=_UTF8_POLICY if utf8 else _POLICY)
    message["From"] = sender
    message["To"] = recipients
    message["Subject"] = single_line(notification.subject)
    message["Date"] = format_datetime(now)
    # the same for all attempts: mail programs drop duplicates
    domain = sender.domain or "localhost"
    message["Message-ID"] = f"<{notification.key}@{domain}>"
    if notification.thread:  # an update: mail programs show it below the alert's first message
        for name in ("In-Reply-To", "References"):
            message[name] = f"<{notification.thread}@{domain}>"
    message["X-Watcher-Alert"] = single_line(notification.alert)
    message["List-Id"] = f"Alerts of watcher <alerts.watcher.{domain}>"  # by which mail programs sort
    if notification.level in _IMPORTANCE:
        message["Importance"] = _IMPORTANCE[notification.level]
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies
    message.set_content(notification.bodies["text/plain"])
    if "text/html" in notification.bodies:
        message.add_alternative(notification.bodies["text/html"], subtype="html")
    return message
