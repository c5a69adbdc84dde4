"""The ping of a dead man's switch, against real servers."""

import logging

import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.notify.ping import Ping
from tests.edges.notifier_kit import ANSWERS, NOW, TIMEOUT, http, receiver


async def pinged(url: str) -> Verdict:
    ping = Ping(url, now=lambda: NOW, timeout=TIMEOUT)
    try:
        return await ping()
    finally:
        await ping.close()


async def test_it_is_one_post_without_a_body() -> None:
    async with receiver(http(200, "OK")) as answering:
        assert await pinged(f"{answering.url}/ping/t0ken?k=v") == Delivered("HTTP 200")
    (request,) = answering.requests
    assert request.line == "POST /ping/t0ken?k=v HTTP/1.1"
    assert request.body == b""


@pytest.mark.parametrize(("answer", "after", "expected"), ANSWERS)
async def test_every_answer_has_a_verdict(answer: bytes, after: str, expected: Verdict | None) -> None:
    async with receiver(answer, after) as answering:
        verdict = await pinged(answering.url)
    if expected is None:
        assert isinstance(verdict, Retry | Refused)
    else:
        assert verdict == expected


async def test_the_token_of_the_url_is_in_no_verdict_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiver(http(404, "no such check: s3cret-token")) as answering:
        url = f"{answering.url}/s3cret-token"
        said = [str(await pinged(url)), repr(Ping(url, now=lambda: NOW))]
    said.append(str(await pinged(url)))
    assert "HTTP 404" in said[0]
    assert "cannot connect" in said[2]
    assert "s3cret" not in " ".join([*said, caplog.text])
