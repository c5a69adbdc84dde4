"""Chat and the rest, through the library: with its plugin for JSON, which posts to whatever answers here."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.event_types import Severity
from monitor.notify.apprise import Apprise, fitted, harmless
from monitor.notify.incident_notifier import page
from tests.edges.notifier_kit import INCIDENT, NOW, TIMEOUT, Answering, http, receiver
from tests.edges.scripted import answering_in_turn, serving
from tests.inline import InlineExecutor

LINK = "http://localhost:8808/targets/acme/orders/w1"
PAGE = msgspec.structs.replace(
    page(INCIDENT, tolls=(), external_url="http://localhost:8808"), body=f"It failed: <b> & why.\n\n{LINK}"
)


def chats(*urls: str, timeout: float = TIMEOUT, threads: Executor | None = None) -> Apprise:
    listed = [url.replace("http:", "json:") for url in urls]
    return Apprise(lambda: listed, now=lambda: NOW, timeout=timeout, threads=threads or ThreadPoolExecutor(4))


@asynccontextmanager
async def chatting(*urls: str) -> AsyncIterator[Apprise]:
    notifier = chats(*urls)
    try:
        yield notifier
    finally:
        await notifier.close()


async def verdict_on(answer: bytes, after: str = "keep") -> Verdict:
    async with receiver(answer, after) as answering, chatting(answering.url) as chat:
        return await chat.trigger(PAGE)


def posted(answering: Answering) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in answering.requests]


# --- what every notifier must survive ---------------------------------------------------------------------

_ENDLESS = http(200).replace(b"Content-Length: 0", b"Content-Length: 99999999")


@pytest.mark.parametrize(
    ("answer", "after", "expected"),
    [
        *(pytest.param(http(n, "{}"), "keep", Delivered("sent to 1"), id=f"{n}") for n in (200, 201, 204)),
        *(pytest.param(http(n), "keep", Refused(f"JSON: HTTP {n}"), id=f"{n}") for n in (400, 401, 403, 404, 410)),
        *(
            pytest.param(
                http(n, Location="http://127.0.0.1:1/?key=s3cret"),
                "keep",
                Refused(f"JSON: HTTP {n}: a redirect, which is not followed"),
                id=f"{n} is not followed",
            )
            for n in (301, 302, 303, 307, 308)
        ),
        pytest.param(http(408), "keep", Retry("JSON: HTTP 408"), id="408"),
        pytest.param(http(429), "keep", Retry("JSON: HTTP 429", receiver_down=True), id="429"),
        *(pytest.param(http(n), "keep", Retry(f"JSON: HTTP {n}"), id=f"{n}") for n in (500, 502, 503, 504)),
        pytest.param(b"", "close", Retry("JSON: not sent", receiver_down=True), id="closed"),
        pytest.param(b"", "reset", Retry("JSON: not sent", receiver_down=True), id="reset"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", "close", Retry("JSON: not sent", receiver_down=True), id="not HTTP"),
        pytest.param(
            http(200, X=200_000 * "x"), "close", Retry("JSON: not sent", receiver_down=True), id="huge headers"
        ),
    ],
)
async def test_every_answer_has_a_verdict(answer: bytes, after: str, expected: Verdict) -> None:
    assert await verdict_on(answer, after) == expected


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", _ENDLESS], ids=["nothing", "half", "endless"])
async def test_what_hangs_is_given_up_in_time(answer: bytes) -> None:
    verdict = await verdict_on(answer, "hang")

    assert isinstance(verdict, Retry)
    assert verdict.receiver_down


async def test_a_service_that_is_not_there_is_unwell() -> None:
    async with receiver(b"") as gone:
        pass
    async with chatting(gone.url) as chat:
        assert await chat.trigger(PAGE) == Retry("JSON: not sent", receiver_down=True)


# --- what is said -----------------------------------------------------------------------------------------


async def test_an_incident_is_told_with_its_cause_and_link_and_its_end_in_short() -> None:
    async with receiver(http(200, "{}")) as answering, chatting(answering.url) as chat:
        await chat.trigger(PAGE)
        await chat.resolve(PAGE)

    opened, ended = posted(answering)
    assert (opened["title"], opened["message"], opened["type"]) == (f"CRITICAL: {PAGE.title}", PAGE.body, "failure")
    assert (ended["title"], ended["type"]) == (f"Over (critical): {PAGE.title}", "success")
    assert ended["message"] == f"Severity: critical.\n\n{LINK}"


@pytest.mark.parametrize(
    ("severity", "type"), [(Severity.CRITICAL, "failure"), (Severity.WARNING, "warning"), (Severity.INFO, "info")]
)
async def test_the_severity_is_the_librarys_type(severity: Severity, type: str) -> None:
    async with receiver(http(200, "{}")) as answering, chatting(answering.url) as chat:
        await chat.trigger(msgspec.structs.replace(PAGE, severity=severity))

    assert posted(answering)[0]["type"] == type


@pytest.mark.parametrize(
    "call", ["@everyone", "@Here", "@channel", "@room", "<!channel>", "<@U123>", "<@&4711>", "@4711"]
)
async def test_what_a_customer_wrote_rings_nobody_in_a_chat(call: str) -> None:
    async with receiver(http(200, "{}")) as answering, chatting(answering.url) as chat:
        await chat.trigger(msgspec.structs.replace(PAGE, title=f"{call} look", body=f"It said {call}.\n\n{LINK}"))

    (told,) = posted(answering)
    assert call not in told["title"] + told["message"]
    assert told["message"].replace("\u200b", "") == f"It said {call}.\n\n{LINK}"


@pytest.mark.parametrize("text", ["on-call@acme.example", "a < b", "<b>", LINK])
def test_a_text_that_calls_nobody_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("Resolved: what was wrong has ended. It lasted 5m.", "Resolved"),
        ("Closed by a person.", "Closed"),
        ("Expired: it was held open for 4h.", "Expired"),
    ],
)
async def test_the_subject_of_an_end_says_how_it_ended(said: str, subject: str) -> None:
    async with receiver(http(200, "{}")) as answering, chatting(answering.url) as chat:
        await chat.resolve(msgspec.structs.replace(PAGE, ended=said, title="It broke"))

    (told,) = posted(answering)
    assert told["title"] == f"{subject} (critical): It broke"
    assert told["message"] == f"{said}\n\nSeverity: critical.\n\n{LINK}"


async def test_a_long_body_is_cut_and_keeps_its_link() -> None:
    async with receiver(http(200, "{}")) as answering, chatting(answering.url) as chat:
        await chat.trigger(msgspec.structs.replace(PAGE, body=f"{'why ' * 1000}\n\n{LINK}"))

    (message,) = (each["message"] for each in posted(answering))
    assert len(message) <= 2000
    assert message.endswith(f"…\n\n{LINK}")


@pytest.mark.parametrize(
    ("body", "limit", "expected"),
    [
        pytest.param("short\n\nlink", 100, "short\n\nlink", id="fits"),
        pytest.param("0123456789\n\nlink", 12, "01234…\n\nlink", id="cut"),
        pytest.param("0123456789\n\nlink", 5, "link", id="room for the link only"),
        pytest.param("0123456789\n\nlink", 2, "li", id="no room for the link"),
        pytest.param("0123456789\n\nlink", -3, "", id="no room"),
    ],
)
def test_a_body_fits_its_service(body: str, limit: int, expected: str) -> None:
    assert fitted(body, limit) == expected


# --- several services -------------------------------------------------------------------------------------


async def test_a_service_that_has_it_does_not_get_it_again_when_another_one_is_tried_again() -> None:
    async with receiver(http(200, "{}")) as well, receiver(http(500)) as ill, chatting(well.url, ill.url) as chat:
        assert [await chat.trigger(PAGE) for _ in range(2)] == [Retry("JSON: HTTP 500")] * 2

    assert (len(well.requests), len(ill.requests)) == (1, 2)


async def test_a_retry_by_hand_after_a_refusal_tells_nobody_twice() -> None:
    async with (
        receiver(http(404)) as refuses,
        receiver(http(200, "{}")) as well,
        chatting(refuses.url, well.url) as chat,
    ):
        assert [await chat.trigger(PAGE) for _ in range(2)] == [Refused("JSON: HTTP 404")] * 2
        grown = msgspec.structs.replace(PAGE, title="more of it")
        await chat.trigger(grown)

    assert (len(refuses.requests), len(well.requests)) == (3, 2)


async def test_what_all_of_them_had_is_told_anew_when_it_has_grown() -> None:
    async with receiver(http(200, "{}")) as one, receiver(http(200, "{}")) as two, chatting(one.url, two.url) as chat:
        assert [await chat.trigger(PAGE) for _ in range(2)] == [Delivered("sent to 2")] * 2

    assert (len(one.requests), len(two.requests)) == (2, 2)


async def test_a_refusal_of_one_is_final_only_when_no_other_one_is_to_be_tried_again() -> None:
    async with receiver(http(404)) as refuses, receiver(http(500)) as ill, receiver(http(200, "{}")) as well:
        async with chatting(refuses.url, well.url) as chat:
            assert await chat.trigger(PAGE) == Refused("JSON: HTTP 404")
        async with chatting(refuses.url, ill.url) as chat:
            assert await chat.trigger(PAGE) == Retry("JSON: HTTP 404; JSON: HTTP 500")


async def test_what_was_done_and_seen_as_a_timeout_is_not_done_again() -> None:
    answered = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await answered.wait()
        writer.write(http(200, "{}"))
        await writer.drain()
        writer.close()

    heads: list[bytes] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    threads = ThreadPoolExecutor(1)
    chat = chats(url, timeout=5.0, threads=threads)
    chat._timeout = 0.05
    assert await chat.trigger(PAGE) == Retry("no answer within 50ms", receiver_down=True)
    answered.set()
    chat._timeout = 5.0
    assert await chat.trigger(PAGE) == Delivered("sent to 1")
    await chat.close()
    server.close()

    assert len(heads) == 1


async def test_what_never_ends_is_left_and_tried_by_another_thread() -> None:
    async with serving(answering_in_turn(b"", http(200, "{}"))) as server:
        urls = [server.url.replace("http:", "json:")]
        chat = Apprise(lambda: urls, now=lambda: NOW, timeout=TIMEOUT, threads=ThreadPoolExecutor(2), lost_after=0.0)
        chat._timeout = 0.05
        assert await chat.trigger(PAGE) == Retry("no answer within 50ms", receiver_down=True)
        chat._timeout = TIMEOUT
        assert await chat.trigger(PAGE) == Delivered("sent to 1")
        await chat.close()

    assert server.connections == 2


async def test_an_executor_that_runs_each_call_at_once_does_as_well() -> None:
    async with receiver(b"") as gone:
        pass
    chat = chats(gone.url, threads=InlineExecutor())

    assert await chat.trigger(PAGE) == Retry("JSON: not sent", receiver_down=True)


# --- its URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        pytest.param([], "at least one", id="none"),
        pytest.param(["# nothing", "  "], "at least one", id="comments only"),
        pytest.param(["json://localhost", "hunter2"], "number 2 is none", id="no URL"),
        pytest.param(["slack://hunter2"], "number 1 is none", id="a token that is none"),
        pytest.param(["hunter2://hunter2/"], "number 1 is none", id="a scheme that nobody knows"),
    ],
)
def test_without_usable_urls_there_is_none_and_no_secret_is_told(
    urls: Sequence[str], message: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        chats(*urls)

    output = capfd.readouterr()
    assert "hunter2" not in f"{caught.value}{caplog.text}{output.out}{output.err}"


async def test_urls_that_change_are_used_at_once_and_those_that_vanish_or_are_spoilt_go_on() -> None:
    async with receiver(http(200, "{}")) as old, receiver(http(200, "{}")) as new:
        listed: list[list[str] | None] = [[old.url], [old.url], [new.url], None, ["nonsense"], []]

        def read() -> list[str]:
            urls = listed.pop(0)
            if urls is None:
                raise OSError("gone")
            return [url.replace("http:", "json:") for url in urls]

        chat = Apprise(read, now=lambda: NOW, timeout=TIMEOUT, threads=ThreadPoolExecutor(1))
        verdicts = [await chat.trigger(PAGE) for _ in range(5)]
        await chat.close()

    assert verdicts == [Delivered("sent to 1")] * 5
    assert (len(old.requests), len(new.requests)) == (1, 4)


# --- privacy, and what it costs others --------------------------------------------------------------------


async def test_no_secret_gets_into_reprs_details_or_logs(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for answer, after in [(http(400, "no hunter2"), "keep"), (http(500, "t0ps3cret"), "keep"), (b"", "reset")]:
        async with receiver(answer, after) as answering:
            url = answering.url.replace("//", "//bob:hunter2@") + "/T024/t0ps3cret?+X-Key=s3same"
            async with chatting(url) as chat:
                said += [(await chat.trigger(PAGE)).detail, repr(chat)]

    output = capfd.readouterr()
    text = " ".join([*said, caplog.text, output.out, output.err]).casefold()
    assert [secret for secret in ("hunter2", "t0ps3cret", "s3same", "t024") if secret in text] == []
    assert said[1] == "Apprise(JSON)"


def test_who_does_not_chat_does_not_pay_for_the_library() -> None:
    code = "import sys, monitor.notify.apprise; print('apprise' in sys.modules, 'requests' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert ran.stdout.split() == ["False", "False"]
