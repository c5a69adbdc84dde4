"""The `webhook` receiver: each event is POSTed as a CloudEvent in structured JSON.

With a secret, requests are signed by Standard Webhooks 1.0 (https://www.standardwebhooks.com), whose libraries verify
them. A receiver without such a library:

1. takes the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, and the raw body, before any parsing;
2. refuses a `webhook-timestamp` (Unix seconds of this try) more than 5 minutes away from its own clock: a replay;
3. computes HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`. The key is the secret's bytes, or, if the
   secret reads `whsec_...`, the base64 after that prefix, decoded;
4. compares its base64, in constant time, with the text after `v1,` in each signature of `webhook-signature`, which are
   separated by spaces; one match is enough.

`webhook-id` is the event's id and the same in every try: a receiver that remembers ids for a while drops repetitions.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from monitor.core.alerting.verdict import Retry, Verdict
from monitor.core.commits import Delivery
from monitor.notify.http_sender import HttpSender
from monitor.notify.last_good_secret import LastReadable

_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_PREFIX = "whsec_"


class Webhook:
    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime],
        timeout: float = 10.0,
        secret: Callable[[], str] | None = None,
    ) -> None:
        """`timeout` in seconds. Raises ValueError for an invalid URL.

        `secret` is called at every send and raises OSError or ValueError if it cannot be read; then the last readable
        one stays in use.
        """
        self._sender = HttpSender(url, timeout=timeout, now=now)
        self._now = now
        self._secret = LastReadable(secret, called="the signature's secret") if secret is not None else None

    def __repr__(self) -> str:
        return f"Webhook({self._sender!r})"

    async def send(self, delivery: Delivery) -> Verdict:
        headers = {
            "Content-Type": _CONTENT_TYPE,
            "Webhook-Id": delivery.event_id,
            "Webhook-Timestamp": str(int(self._now().timestamp())),
            "Workflow-Monitor-Attempt": str(delivery.attempts + 1),
        }
        if self._secret is None:
            return await self._sender.post(delivery.body, headers)
        try:
            secret = self._secret()
            key = key_of(secret)
        except (OSError, ValueError):
            return Retry("the signature's secret cannot be read", receiver_down=True)
        headers["Webhook-Signature"] = sign(key, delivery.event_id, headers["Webhook-Timestamp"], delivery.body)
        return await self._sender.post(delivery.body, headers, [secret, headers["Webhook-Signature"]])

    async def close(self) -> None:
        await self._sender.close()


def key_of(secret: str) -> bytes:
    """The key of the signatures; raises ValueError, whose message repeats no part of the secret."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        encoded = secret.removeprefix(_PREFIX)
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"expected base64 after {_PREFIX}") from None


def sign(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
