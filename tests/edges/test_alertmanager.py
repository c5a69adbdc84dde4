"""The receiver of the kind `alertmanager` as every notifier is tested, and how it batches, halves and proves itself."""

import asyncio
import base64
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.alerts import Alert
from monitor.core.event_types import EventType
from monitor.notify.alertmanager import Alertmanager, Auth
from monitor.notify.http_sender import HttpResult
from tests.edges.alertmanager_kit import (
    Instance,
    alertmanager,
    delivery_of,
    ended,
    numbered,
    one_round,
    with_labels,
    workflow_alert,
)
from tests.edges.notifier_kit import (
    ANSWERS,
    CASES,
    DELIVERY,
    NOW,
    OPENED,
    TIMEOUT,
    Cases,
    http,
    receiver,
    verdict_of,
    verdict_on,
)


def making(url: str) -> Alertmanager:
    return alertmanager([url], CASES, timeout=TIMEOUT)


# --- what every notifier must survive ---------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "after", "expected"), ANSWERS)
async def test_every_answer_has_a_verdict(answer: bytes, after: str, expected: Verdict | None) -> None:
    verdict = await verdict_on(making, answer, after, OPENED)

    if expected is None:
        assert isinstance(verdict, Retry | Refused)
    else:
        assert verdict == expected


async def test_a_receiver_that_is_not_there_is_unwell() -> None:
    async with receiver(b"") as gone:
        pass

    verdict = await verdict_of(making, gone.url, OPENED)

    assert verdict == Retry(
        f"cannot connect to {gone.url.removeprefix('http://')}: Connection refused", receiver_down=True
    )


async def test_what_is_cancelled_ends_at_once() -> None:
    async with receiver(b"", "hang") as answering:
        notifier = alertmanager([answering.url], CASES, timeout=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await notifier.send(OPENED)
        await notifier.close()


@pytest.mark.parametrize("url", ["", "oncall", "ftp://127.0.0.1/", "http://", "/prefix"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="expected the receiver's URL"):
        making(url)


def test_two_sets_of_credentials_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not both"):
        alertmanager(["http://bob:secret@127.0.0.1:9093"], CASES, access=Auth(bearer=lambda: "token"))


@pytest.mark.parametrize("answer", ["bad token bearer-t0ken", "no /pr3fix", "t0ps3cret", "HUNTER2"])
@pytest.mark.parametrize("way", ["url", "basic", "bearer"])
async def test_no_secret_gets_into_reprs_details_or_logs(
    caplog: pytest.LogCaptureFixture, answer: str, way: str
) -> None:
    caplog.set_level(logging.DEBUG)
    access = {
        "url": None,
        "basic": Auth(username="t0ps3cret", password=lambda: "hunter2"),
        "bearer": Auth(bearer=lambda: "bearer-t0ken"),
    }[way]
    mine = {"url": ["hunter2", "pr3fix"], "basic": ["t0ps3cret", "hunter2"], "bearer": ["bearer-t0ken"]}[way]
    async with receiver(http(400, answer)) as answering:
        url = answering.url.replace("//", "//bob:hunter2@") if way == "url" else answering.url
        notifier = alertmanager([f"{url}/pr3fix"], CASES, access=access)
        verdict = await notifier.send(OPENED)
        said = " ".join([verdict.detail, repr(notifier), repr(access), repr(verdict), caplog.text]).casefold()
        await notifier.close()

    assert [secret for secret in mine if secret in said] == []


# --- how it is asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("", "/api/v2/alerts"),
        ("/", "/api/v2/alerts"),
        ("/am", "/am/api/v2/alerts"),
        ("/am/?tenant=a", "/am/api/v2/alerts?tenant=a"),
    ],
)
async def test_the_api_stands_below_the_url(suffix: str, path: str) -> None:
    async with receiver(http(200)) as answering:
        assert await verdict_of(making, answering.url + suffix, OPENED) == Delivered("HTTP 200")

    (request,) = answering.requests
    assert request.line == f"POST {path} HTTP/1.1"
    assert request.headers["content-type"] == "application/json"


async def test_secrets_are_read_at_each_use_and_the_last_one_goes_on_being_used(tmp_path: Path) -> None:
    file = tmp_path / "password"
    async with receiver(http(200)) as answering:
        notifier = alertmanager([answering.url], CASES, access=Auth(username="bob", password=file.read_text))
        for secret in ("old", "new", None):
            if secret:
                file.write_text(secret)
            else:
                file.unlink()
            assert isinstance(await notifier.send(OPENED), Delivered)
        await notifier.close()

    sent = [base64.b64decode(one.headers["authorization"].removeprefix("Basic ")) for one in answering.requests]
    assert sent == [b"bob:old", b"bob:new", b"bob:new"]


async def test_a_bearer_token_is_shown() -> None:
    async with receiver(http(200)) as answering:
        await verdict_of(
            lambda url: alertmanager([url], CASES, access=Auth(bearer=lambda: "token")), answering.url, OPENED
        )

    assert answering.requests[0].headers["authorization"] == "Bearer token"


@pytest.mark.parametrize("token", [None, "two\nlines"])
async def test_without_usable_credentials_nothing_is_sent_and_nothing_is_lost(
    tmp_path: Path, token: str | None
) -> None:
    file = tmp_path / "token"
    if token:
        file.write_text(token)
    async with receiver(http(200)) as answering:
        notifier = alertmanager([answering.url], CASES, access=Auth(bearer=file.read_text))
        assert await notifier.send(OPENED) == Retry("the credentials cannot be read", receiver_down=True)
        await notifier.close()

    assert answering.requests == []


async def test_what_is_not_known_any_more_is_not_told() -> None:
    async with receiver(http(200)) as answering:
        verdict = await verdict_of(lambda url: alertmanager([url], Cases()), answering.url, OPENED)

    assert verdict == Delivered("nothing to tell any more", sent=False)
    assert answering.requests == []


# --- batches ------------------------------------------------------------------------------------------------


def workflows(posts: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    return [[alert["labels"]["workflow"] for alert in post] for post in posts]


async def test_what_comes_while_a_post_is_under_way_goes_into_the_next_one() -> None:
    alerts = numbered(5)
    instance = Instance()
    instance.hold()
    notifier = alertmanager(["http://a"], Cases(alerts), connect=lambda _: instance)

    first = asyncio.create_task(notifier.send(delivery_of(alerts[0])))
    await instance.asked.wait()
    others = [asyncio.create_task(notifier.send(delivery_of(alert))) for alert in alerts[1:]]
    await asyncio.sleep(0)
    instance.release()
    verdicts = await asyncio.gather(first, *others)
    await notifier.close()

    assert verdicts == [Delivered("HTTP 200")] * 5
    assert workflows(instance.posts) == [["w000"], ["w001", "w002", "w003", "w004"]]


def step_of(end: Alert, id: str = "failed") -> Alert:
    failed = msgspec.structs.replace(end.event, id=id, type=EventType.STEP_FAILED)
    return msgspec.structs.replace(end, id=id, event=failed)


def names(post: Sequence[Mapping[str, Any]]) -> list[str]:
    return [alert["labels"]["alertname"] for alert in post]


@pytest.mark.looptime
async def test_what_one_look_saw_goes_in_one_post_and_the_end_of_a_workflow_first() -> None:
    end = workflow_alert("w1")
    alerts = [step_of(end), end]
    instance, cases = Instance(), Cases(alerts)
    notifier = alertmanager(["http://a"], cases, connect=lambda _url: instance)

    await asyncio.gather(*(notifier.send(delivery_of(alert)) for alert in alerts))
    await notifier.close()

    (post,) = instance.posts
    assert names(post) == ["WorkflowTerminated", "WorkflowStepFailed"]


@pytest.mark.looptime
async def test_a_step_that_is_sent_before_the_end_of_its_workflow_brings_it() -> None:
    end = workflow_alert("w1")
    instance, cases = Instance(), Cases([step_of(end), end, workflow_alert("w2")])
    notifier = alertmanager(["http://a"], cases, connect=lambda _url: instance)

    assert await notifier.send(delivery_of(step_of(end))) == Delivered("HTTP 200")
    await notifier.close()

    (post,) = instance.posts
    assert names(post) == ["WorkflowTerminated", "WorkflowStepFailed"]


@pytest.mark.looptime
async def test_what_is_old_is_posted_a_moment_after_the_ends() -> None:
    ends = [workflow_alert(f"w{n:03}", at=NOW - timedelta(hours=1)) for n in range(150)]
    instance = Timed()
    await posts_of([*(step_of(end, f"{n:03}") for n, end in enumerate(ends)), *ends], instance)

    told: dict[str, float] = {}
    for at, post in zip(instance.times, instance.posts, strict=True):
        for alert in post:
            workflow = alert["labels"].get("workflow", "")
            if alert["labels"]["alertname"] == "WorkflowTerminated":
                told.setdefault(workflow, at)
            else:
                assert at >= told.get(workflow, 0.0) + 0.2
    assert len(told) == 150


class Timed(Instance):
    """Notes the loop's time of each POST."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    async def ask(self, body: bytes, headers: Mapping[str, str], secrets: Collection[str] = ()) -> HttpResult:
        self.times.append(asyncio.get_running_loop().time())
        return await super().ask(body, headers, secrets)


@pytest.mark.looptime
async def test_an_end_that_is_over_goes_after_its_steps() -> None:
    end = workflow_alert("w1")
    posts = await posts_of([ended(end, NOW), ended(step_of(end), NOW)])

    assert names(posts[0]) == ["WorkflowStepFailed", "WorkflowTerminated"]


@pytest.mark.looptime
async def test_no_step_is_posted_in_a_round_before_the_end_of_its_workflow() -> None:
    ends = numbered(450)
    posts = await posts_of([*(step_of(end, f"{n:03}") for n, end in enumerate(ends)), *ends])

    told: set[str] = set()
    for post in posts:
        for alert in post:
            workflow = alert["labels"].get("workflow", "")
            assert alert["labels"]["alertname"] != "WorkflowStepFailed" or workflow in told
            told.add(workflow)
    assert max(map(len, posts)) == 200


@pytest.mark.looptime
async def test_batches_are_bounded_in_number() -> None:
    posts = await posts_of(numbered(450))
    assert [len(post) for post in posts if post[0]["labels"]["alertname"] != "Watchdog"] == [200, 200, 50]


@pytest.mark.looptime
async def test_batches_are_bounded_in_size() -> None:
    alerts = [with_labels(alert, note="x" * 20_000) for alert in numbered(100)]

    posts = await posts_of(alerts)

    sizes = [len(json.dumps(post)) for post in posts]
    assert max(sizes) < 1.05 * 1024 * 1024
    assert sum(len(post) for post in posts) == 101
    assert len(posts) == 4, "the last one is the Watchdog"


async def posts_of(alerts: Sequence[Alert], instance: Instance | None = None) -> list[list[dict[str, Any]]]:
    """What one round posts."""
    instance = instance or Instance()
    notifier = alertmanager(["http://a"], Cases(alerts), connect=lambda _: instance)
    await one_round(notifier)
    await notifier.close()
    return instance.posts


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_bad_alert_does_not_lose_the_batch(status: int) -> None:
    alerts = numbered(40)
    instance = Instance(bad=lambda alert: status if alert["labels"].get("workflow") == "w017" else None)
    instance.hold()
    notifier = alertmanager(["http://a"], Cases(alerts), connect=lambda _: instance)

    sending = [asyncio.create_task(notifier.send(delivery_of(alert))) for alert in alerts]
    await instance.asked.wait()
    instance.release()
    verdicts = await asyncio.gather(*sending)
    await notifier.close()

    assert [place for place, verdict in enumerate(verdicts) if verdict != Delivered("HTTP 200")] == [17]
    assert verdicts[17] == Refused(f"HTTP {status}: because of w017")
    assert len(instance.open) == 39


@pytest.mark.looptime
async def test_a_bad_alert_is_alone_in_later_rounds() -> None:
    instance = Instance(bad=lambda alert: 400 if alert["labels"].get("workflow") == "w017" else None)
    notifier = alertmanager(["http://a"], Cases(numbered(40)), connect=lambda _: instance)
    await one_round(notifier)
    instance.posts.clear()

    await one_round(notifier)
    await notifier.close()

    assert [len(post) for post in instance.posts] == [17, 1, 22, 1]


@pytest.mark.looptime
async def test_what_the_receiver_has_no_say_in_is_not_halved() -> None:
    instance = Instance(bad=lambda _: 401)
    assert await posts_of(numbered(40), instance) == instance.posts
    assert [len(post) for post in instance.posts] == [40]


async def test_a_cancelled_delivery_takes_nobody_with_it() -> None:
    alerts = numbered(3)
    instance = Instance()
    instance.hold()
    notifier = alertmanager(["http://a"], Cases(alerts), connect=lambda _: instance)
    sending = [asyncio.create_task(notifier.send(delivery_of(alert))) for alert in alerts]
    await instance.asked.wait()

    sending[0].cancel()
    instance.release()
    verdicts = await asyncio.gather(*sending, return_exceptions=True)
    await notifier.close()

    assert isinstance(verdicts[0], asyncio.CancelledError)
    assert verdicts[1:] == [Delivered("HTTP 200")] * 2


@pytest.mark.looptime
async def test_who_waits_behind_a_post_that_fails_waits_for_no_other() -> None:
    alerts = numbered(4)
    instance = Instance()
    instance.hold()
    notifier = alertmanager(["http://a"], Cases(alerts), connect=lambda _: instance)
    sending = [asyncio.create_task(notifier.send(delivery_of(alerts[0])))]
    await instance.asked.wait()
    sending += [asyncio.create_task(notifier.send(delivery_of(alert))) for alert in alerts[1:]]
    await asyncio.sleep(0.01)

    instance.down = True
    instance.release()
    verdicts = await asyncio.gather(*sending)
    await notifier.close()

    assert verdicts == [Retry("cannot connect", receiver_down=True)] * 4
    assert instance.tries == 1


async def test_closing_ends_what_is_under_way() -> None:
    instance = Instance()
    instance.hold()
    notifier = alertmanager(["http://a"], CASES, connect=lambda _: instance)
    sending = asyncio.create_task(notifier.send(OPENED))
    await instance.asked.wait()

    await notifier.close()

    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_delivery_about_an_event_is_an_error_of_ours() -> None:
    notifier = making("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="about an event"):
        await notifier.send(DELIVERY)
    await notifier.close()
