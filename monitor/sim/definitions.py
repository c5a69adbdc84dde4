"""The workflow definitions of the simulated accounts, as a customer of the API would write them."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Any

import msgspec

from monitor.sim.api_enums import StepType
from monitor.sim.seeded import uuid_text


class Step(msgspec.Struct, frozen=True):
    id: str
    type: StepType
    fields: Mapping[str, Any]
    """The fields of the type besides `id` and `stepType`: `inputs`, `outputs`, `selectNextStep`."""


class Definition(msgspec.Struct, frozen=True):
    name: str
    trigger: str
    versions: tuple[tuple[Step, ...], ...]
    """Oldest first; version n is at n - 1."""

    @property
    def latest(self) -> int:
        return len(self.versions)

    def steps(self, version: int | None = None) -> tuple[Step, ...]:
        return self.versions[(version or self.latest) - 1]


class Publication(msgspec.Struct, frozen=True):
    """A definition with the times of its versions."""

    definition: Definition
    deployed: tuple[float, ...]
    """World time of each version, oldest first; `-inf`: it always existed."""
    deleted: float = inf

    def latest(self, t: float) -> int:
        """The version of instances that are triggered at t; 0: the definition does not exist."""
        return 0 if t >= self.deleted else bisect_right(self.deployed, t)

    def deployed_at(self, version: int) -> float | None:
        """World time; None: it always existed."""
        at = self.deployed[version - 1]
        return None if at == -inf else at


@lru_cache(maxsize=1024)
def definition_id(account: str, name: str) -> str:
    """A UUID that depends on these names only, so that a watchlist can contain it."""
    return uuid_text("definition", account, name)


def _sms(id: str, text: str) -> Step:
    inputs = {"subAccountId": "acme_sms", "destination": "{{data.payload.user.msisdn}}", "text": text}
    return Step(id, StepType.SMS, {"inputs": inputs})


def _chat(id: str, text: str) -> Step:
    user = {"msisdn": "{{data.payload.user.msisdn}}"}
    inputs = {"subAccountId": "acme_chat", "user": user, "type": "text", "content": {"text": text}}
    return Step(id, StepType.CHAT, {"inputs": inputs})


def _http(id: str, url: str) -> Step:
    return Step(id, StepType.HTTP, {"inputs": {"url": url, "method": "POST", "timeoutSeconds": 5}})


def _wait(id: str, duration: str) -> Step:
    return Step(id, StepType.WAIT, {"inputs": {"duration": duration}})


def _reply(id: str, timeout: str) -> Step:
    inputs = {"from": "{{data.payload.user.channelUserId}}", "channel": "whatsapp", "timeout": timeout}
    outputs = {"reply": {"text": "{{step.reply.payload.content.text}}"}}
    return Step(id, StepType.WAIT_FOR_REPLY, {"inputs": inputs, "outputs": outputs})


def _branch(id: str, **ways: str | None) -> Step:
    return Step(id, StepType.BRANCH, {"selectNextStep": ways})


def _voice(id: str, text: str) -> Step:
    inputs = {"subAccountId": "globex_voice", "action": "say&capture", "params": {"text": text, "repetition": 2}}
    return Step(id, StepType.VOICE, {"inputs": inputs, "outputs": {"response": {"uid": "{{step.response.uid}}"}}})


def _dtmf(id: str, timeout: str) -> Step:
    inputs = {"dtmfRequestId": "{{data.call_id}}", "timeout": timeout}
    return Step(id, StepType.WAIT_FOR_DTMF, {"inputs": inputs, "outputs": {"dtmfData": {"code": "{{step.dtmfData}}"}}})


def journey(name: str, *, wait: float, patience: float, versions: int) -> Definition:
    """Fetch, wait, wait for a reply, confirm; every second version has one more step. Declared limits in seconds."""
    plain = (
        _http("fetch_order", "https://orders.example/api/orders"),
        _wait("wait_until_due", _span(wait)),
        _reply("wait_for_reply", _span(patience)),
        _http("confirm_order", "https://orders.example/api/confirmations"),
    )
    longer = (*plain, _http("notify_shop", "https://shops.example/api/orders"))
    return Definition(name, "http_request", tuple(longer if order % 2 else plain for order in range(versions)))


def _span(seconds: float) -> str:
    """As `d.HH:mm:ss`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours // 24}.{hours % 24:02d}:{minute:02d}:{second:02d}"


_REMIND = (
    _http("fetch_order", "https://orders.example/api/orders"),
    _wait("wait_until_due", "00:30:00"),
    _sms("send_reminder", "Your order is ready, {{data.payload.user.name}}."),
)
_REMIND_AND_CONFIRM = (
    *_REMIND,
    _reply("wait_for_reply", "00:15:00"),
    _http("confirm_order", "https://orders.example/api/confirmations"),
)
_ONBOARD = (
    _chat("step1", "Welcome, {{data.payload.user.name}}!"),
    _wait("step2", "00:02:00"),
    _chat("step3", "Shall we begin?"),
    _reply("wait_for_reply", "1"),
    _http("create_customer", "https://crm.example/api/customers"),
)
_SURVEY = (
    _chat("ask", "How did we do, from 1 to 5?"),
    _reply("wait_for_reply", "{{data.patience}}"),
    _branch("decide", ask_more="{{data.reply != null}}", thank=None),
    _chat("ask_more", "What could be better?"),
    _reply("wait_for_more", "0.12:00:00"),
    _sms("thank", "Thank you!"),
)
_CALL = (
    _voice("call", "Press 1 to keep your appointment, 2 to move it."),
    _dtmf("wait_for_digit", "00:05:00"),
    _branch("decide", notify="{{data.dtmf == '1'}}", call=None),
    _http("notify", "https://calendar.example/api/appointments"),
)
_NOTICE = (
    _http("locate_parcel", "https://parcels.example/api/parcels"),
    _sms("send_notice", "Your parcel is on its way."),
    _wait("wait_for_delivery", "1.06:30:15"),
    _http("close_case", "https://parcels.example/api/cases"),
)

CATALOGUE: Mapping[str, Definition] = {
    definition.name: definition
    for definition in (
        Definition("order-reminder", "http_request", (_REMIND, _REMIND_AND_CONFIRM[:-1], _REMIND_AND_CONFIRM)),
        Definition("onboarding-reply", "inbound_chat_apps", (_ONBOARD,)),
        Definition("two-way-survey", "http_request", (_SURVEY[:3], _SURVEY)),
        Definition("appointment-call", "http_request", (_CALL,)),
        Definition("delivery-notice", "inbound_sms", (_NOTICE[:2], _NOTICE)),
    )
}
