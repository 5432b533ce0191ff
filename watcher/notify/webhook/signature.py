"""The signature of a webhook, by the specification Standard Webhooks: receivers have libraries that verify it."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: what `whsec_` introduces is Base64, any other text is the key itself."""
    if secret.startswith(_PREFIX):
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    return secret.encode()


def signature_headers(secret: str, *, key: str, body: str, moment: datetime) -> Mapping[str, str]:
    """Return the headers that sign a message with its idempotency key and the time of the attempt."""
    timestamp = str(int(moment.timestamp()))
    signed = f"{key}.{timestamp}.{body}".encode("utf-8", "replace")
    signature = base64.b64encode(hmac.digest(signing_key(secret), signed, "sha256")).decode("ascii")
    return {"webhook-id": key, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
