import asyncio
import base64
import hashlib
import hmac
import json
import logging
from pathlib import Path

import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.notify.webhook import Webhook, key_of, sign
from tests.edges.notifier_kit import ANSWERS, DELIVERY, NOW, TIMEOUT, Request, http, receiver, verdict_of, verdict_on


def webhook(url: str) -> Webhook:
    return Webhook(url, now=lambda: NOW, timeout=TIMEOUT)


async def one_request(notifier_url_suffix: str = "/hook", secret: str | None = None) -> Request:
    async with receiver(http(204)) as answering:
        read = None if secret is None else lambda: secret
        url = answering.url + notifier_url_suffix
        assert await verdict_of(lambda url: Webhook(url, now=lambda: NOW, secret=read), url) == Delivered("HTTP 204")
    (request,) = answering.requests
    return request


# --- what every notifier must survive ---------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "after", "expected"), ANSWERS)
async def test_every_answer_has_a_verdict(answer: bytes, after: str, expected: Verdict | None) -> None:
    verdict = await verdict_on(webhook, answer, after)

    if expected is None:
        assert isinstance(verdict, Retry | Refused)
    else:
        assert verdict == expected


async def test_a_receiver_that_is_not_there_is_unwell() -> None:
    async with receiver(b"") as gone:
        pass

    verdict = await verdict_of(webhook, gone.url)

    assert verdict == Retry(
        f"cannot connect to {gone.url.removeprefix('http://')}: Connection refused", receiver_down=True
    )


async def test_a_name_that_does_not_resolve_is_unwell() -> None:
    verdict = await verdict_of(webhook, "http://nowhere.invalid/hook")

    assert isinstance(verdict, Retry)
    assert verdict.receiver_down


async def test_a_receiver_that_speaks_no_tls_is_unwell() -> None:
    async with receiver(http(200)) as answering:
        verdict = await verdict_of(webhook, answering.url.replace("http:", "https:"))

    assert isinstance(verdict, Retry)
    assert verdict.receiver_down


async def test_connections_are_kept() -> None:
    async with receiver(http(200, "thanks")) as answering:
        notifier = webhook(answering.url)
        for _ in range(3):
            await notifier.send(DELIVERY)
        await notifier.close()

    assert answering.connections == 1
    assert len(answering.requests) == 3


async def test_what_is_cancelled_ends_at_once() -> None:
    async with receiver(b"", "hang") as answering:
        notifier = Webhook(answering.url, now=lambda: NOW, timeout=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await notifier.send(DELIVERY)
        await notifier.close()


@pytest.mark.parametrize("url", ["", "oncall", "ftp://127.0.0.1/", "http://", "/hook"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="expected the receiver's URL"):
        webhook(url)


# --- what a webhook sends ---------------------------------------------------------------------------------


async def test_the_event_is_posted_as_it_is() -> None:
    request = await one_request("/hook?team=a%20b")

    assert request.line == "POST /hook?team=a%20b HTTP/1.1"
    assert request.body == DELIVERY.body
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["user-agent"].startswith("workflow-monitor/")


async def test_the_event_is_named_for_receivers_that_read_no_bodies() -> None:
    request = await one_request()

    assert request.headers["webhook-id"] == DELIVERY.event_id
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["workflow-monitor-attempt"] == "3"
    assert "webhook-signature" not in request.headers


async def test_a_user_in_the_url_is_sent_as_basic_authorization() -> None:
    async with receiver(http(200)) as answering:
        await verdict_of(webhook, answering.url.replace("//", "//bob:p%40ss@"))

    assert answering.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"bob:p@ss").decode()


async def test_cookies_are_not_kept() -> None:
    async with receiver(http(200, Set_Cookie="a=b")) as answering:
        notifier = webhook(answering.url.replace("127.0.0.1", "localhost"))
        for _ in range(2):
            await notifier.send(DELIVERY)
        await notifier.close()

    assert "cookie" not in answering.requests[1].headers


# --- signatures -------------------------------------------------------------------------------------------


def verifies(request: Request, key: bytes) -> bool:
    """By the letter of Standard Webhooks, not by our code."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.{request.body.decode()}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", one) for one in request.headers["webhook-signature"].split(" "))


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        pytest.param("correct horse", b"correct horse", id="as it is"),
        pytest.param("whsec_" + base64.b64encode(b"\x00\xffkey").decode(), b"\x00\xffkey", id="in base64"),
        pytest.param("whsec_" + base64.b64encode(b"\x00key").decode().rstrip("="), b"\x00key", id="without padding"),
    ],
)
async def test_a_receiver_with_the_secret_can_verify(secret: str, key: bytes) -> None:
    request = await one_request(secret=secret)

    assert verifies(request, key)
    assert not verifies(request, b"another")


async def test_the_signature_of_the_specification_is_ours() -> None:
    """The example of the Standard Webhooks reference libraries."""
    delivery_id, timestamp, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert sign(key, delivery_id, timestamp, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_secret_that_changes_is_used_at_once_and_one_that_vanishes_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    async with receiver(http(200)) as answering:
        notifier = Webhook(answering.url, now=lambda: NOW, secret=file.read_text)
        for secret in ("old", "new", None):
            if secret:
                file.write_text(secret)
            else:
                file.unlink()
            assert isinstance(await notifier.send(DELIVERY), Delivered)
        await notifier.close()

    assert [verifies(request, key) for request, key in zip(answering.requests, [b"old", b"new", b"new"], strict=True)]


@pytest.mark.parametrize("secret", [None, "whsec_not base64!"])
async def test_without_a_usable_secret_nothing_is_sent_and_nothing_is_lost(tmp_path: Path, secret: str | None) -> None:
    file = tmp_path / "secret"
    if secret:
        file.write_text(secret)
    async with receiver(http(200)) as answering:
        notifier = Webhook(answering.url, now=lambda: NOW, secret=file.read_text)
        assert await notifier.send(DELIVERY) == Retry("the signature's secret cannot be read", receiver_down=True)

    assert answering.requests == []


# --- privacy ----------------------------------------------------------------------------------------------

SECRETS = ["hunter2", "t0ps3cret", "T024/B8X/path", "signing-key"]


async def test_no_secret_gets_into_reprs_details_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    details = []
    for answer in [
        "{}",
        "bad token t0ps3cret",
        "no /T024/B8X/path",
        "bob:HUNTER2",
        "not signing-key",
        "T024%2FB8X%2Fpath",
    ]:
        async with receiver(http(400, answer)) as answering:
            url = answering.url.replace("//", "//bob:hunter2@") + "/T024/B8X/path?key=t0ps3cret"
            notifier = Webhook(url, now=lambda: NOW, secret=lambda: "signing-key")
            details.append((await notifier.send(DELIVERY)).detail)
            details.append(repr(notifier))
            await notifier.close()
        details.append((await verdict_of(webhook, url)).detail)

    said = " ".join([*details, caplog.text]).casefold()
    assert [secret for secret in SECRETS if secret.casefold() in said] == []
    assert details[0] == "HTTP 400: {}"
    assert details[3] == "HTTP 400: (withheld: the answer repeats a secret)"


async def test_a_receiver_that_repeats_what_it_got_cannot_leak_the_signature() -> None:
    request = await one_request(secret="signing-key")
    echo = json.dumps(request.headers)

    async with receiver(http(400, echo)) as answering:
        notifier = Webhook(answering.url, now=lambda: NOW, secret=lambda: "signing-key")
        verdict = await notifier.send(DELIVERY)
        await notifier.close()

    assert verdict == Refused("HTTP 400: (withheld: the answer repeats a secret)")
