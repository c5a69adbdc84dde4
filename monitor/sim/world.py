"""The answers of the API: a pure function of (scenario, seed, epoch, commands, t).

`World.answer` serves HTTP, the demo and the stories; the caller passes the time. Two things are remembered, both with
their times: commands by PATCH (so that an answer about any t does not change), and, for an account with a rate limit,
the requests of its last window.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec

from monitor.sim.api_clock import ApiClock
from monitor.sim.api_enums import Endpoint
from monitor.sim.faults import Fault, RetryAfter, Shape, Trouble
from monitor.sim.instances import Overlay
from monitor.sim.json_bodies import error
from monitor.sim.request_limit import RequestLimit
from monitor.sim.resources import Resources, endpoint
from monitor.sim.responses import (
    Broken,
    RefusalError,
    SimResponse,
    encode,
    forbidden,
    json_answer,
    not_allowed,
    page,
    throttled,
    unauthorized,
)
from monitor.sim.scenario import Account, Scenario
from monitor.sim.seeded import fraction
from monitor.sim.timestamps import TICKS, http_date
from monitor.sim.traffic_index import TrafficIndex

EPOCH = datetime(2026, 1, 5, 10, tzinfo=UTC)
_PREFIX = ["", "api", "v1", "accounts"]
_GATEWAY = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class World:
    def __init__(self, scenario: Scenario, seed: int = 0, epoch: datetime = EPOCH) -> None:
        self.scenario = scenario
        self.seed = seed
        self.epoch = epoch
        """The moment of t = 0."""
        self.overlay: Overlay = {}
        self._doors = {account.id: _AccountApi(self, account) for account in scenario.accounts}
        self._nowhere = _AccountApi(self, None)

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        bearer: str | None,
        t: float,
        *,
        body: bytes | None = None,
    ) -> SimResponse:
        """The answer at t, seconds since the epoch. `path` may be percent-encoded; `bearer` is the token alone."""
        parts = [unquote(part) for part in path.split("/")]
        account = parts[4] if parts[:4] == _PREFIX and len(parts) > 5 else ""  # noqa: PLR2004 - prefix, account, rest
        door = self._doors.get(account, self._nowhere)
        return door.answer(_Request(method, path, parts[5:], endpoint(parts[5:]), query, bearer, t, body))

    def traffic(self, account: str) -> TrafficIndex:
        """The account's traffic, without changes by PATCH and deletions. Raises KeyError if it has none."""
        found = self._doors[account].traffic
        if found is None:
            raise KeyError(account)
        return found


class _Request(msgspec.Struct, frozen=True, gc=False):
    method: str
    path: str
    parts: list[str]
    """Of the path, after the account."""
    endpoint: Endpoint | None
    query: Mapping[str, str]
    bearer: str | None
    t: float
    body: bytes | None


class _Effects(msgspec.Struct):
    """The effects of active faults that do not prevent an answer."""

    delay: float = 0.0
    lag: float = 0.0
    shape: Shape | None = None
    rows: tuple[Fault, ...] = ()


class _AccountApi:
    """The API of one account: faults of the world, then key, rate limit and resources."""

    def __init__(self, world: World, account: Account | None) -> None:
        self._seed = world.seed
        self._account = account
        name = account.id if account else ""
        faults = [fault for fault in world.scenario.faults if fault.concerns(name)]
        self._faults = [fault for fault in faults if fault.trouble is not Trouble.SKEW]
        self._clock = ApiClock(world.epoch, [fault for fault in faults if fault.trouble is Trouble.SKEW])
        self._keys = {other.key for other in world.scenario.accounts}
        self._limit = _limit(account, account.limit_rps) if account else None
        self._list_limit = _limit(account, account.list_limit_rps) if account else None
        self._resources = Resources(world.scenario, world.seed, name, world.overlay, self._clock)

    @property
    def traffic(self) -> TrafficIndex | None:
        return self._resources.instances.traffic

    def answer(self, request: _Request) -> SimResponse:
        weather = _Effects()
        for fault in self._faults:
            if self._hits(fault, request) and (met := self._meet(fault, request, weather)):
                return msgspec.structs.replace(met, delay=weather.delay)
        try:
            answer = self._serve(request, weather)
        except RefusalError as refusal:
            answer = self._refuse(request, refusal)
        if weather.shape is not None and answer.status == 200:  # noqa: PLR2004 - HTTP's OK
            answer = _misshape(answer, weather.shape)
        return msgspec.structs.replace(answer, delay=weather.delay) if weather.delay else answer

    def _hits(self, fault: Fault, request: _Request) -> bool:
        if not fault.active(request.t) or not fault.meets(request.endpoint):
            return False
        return fault.share >= 1.0 or fraction(self._seed, "share", request.path, request.t) < fault.share

    def _meet(self, fault: Fault, request: _Request, weather: _Effects) -> SimResponse | None:
        """The fault's answer instead of the API's; None: it only adds an effect."""
        match fault.trouble:
            case Trouble.RESET:
                return SimResponse(0, {}, b"", broken=Broken.RESET)
            case Trouble.HANG:
                return SimResponse(0, {}, b"", broken=Broken.HANG)
            case Trouble.STATUS:
                headers = {"Content-Type": "text/html", **self._date(request.t)}
                return SimResponse(fault.status, headers, page(fault.status, _GATEWAY.get(fault.status, "Error")))
            case Trouble.THROTTLED:
                return self._refuse(request, throttled(self._retry_after(fault, request.t)))
            case Trouble.UNAUTHORIZED:
                return self._refuse(request, unauthorized())
            case _:
                _affect(weather, fault)
        return None

    def _serve(self, request: _Request, weather: _Effects) -> SimResponse:
        self._admit(request)
        if request.method == "GET":
            value = self._resources.get(request.parts, request.query, request.t - weather.lag, weather.rows)
            if value is None:
                headers = {"Content-Type": "text/plain", **self._date(request.t)}
                return SimResponse(404, headers, b"404 page not found")
            return json_answer(200, value, self._date(request.t))
        if request.method == "PATCH":
            self._resources.patch(request.parts, request.body, request.t)
            return SimResponse(200, self._date(request.t), b"")
        raise not_allowed("GET", "PATCH")

    def _admit(self, request: _Request) -> None:
        if self._account is None or request.bearer not in self._keys:
            raise unauthorized()
        if request.bearer != self._account.key:
            raise forbidden()
        limits = (self._limit, self._list_limit if request.endpoint is Endpoint.LIST else None)
        for limit in limits:
            if limit is not None and (wait := limit.wait(request.t)):
                raise throttled(str(math.ceil(wait)))

    def _refuse(self, request: _Request, refusal: RefusalError) -> SimResponse:
        about = (self._seed, request.path, request.t)
        value = error(refusal.code, refusal.message, at=self._clock.ticks(request.t), about=about)
        return json_answer(refusal.status, value, {**refusal.headers, **self._date(request.t)})

    def _retry_after(self, fault: Fault, t: float) -> str | None:
        match fault.retry_form:
            case RetryAfter.SECONDS:
                return f"{fault.retry_after:g}"
            case RetryAfter.DATE:
                # A date has whole seconds: rounded up, so that it is never too early.
                return http_date(self._clock.ticks(t + fault.retry_after) + TICKS - 1)
            case RetryAfter.ABSENT:
                return None

    def _date(self, t: float) -> dict[str, str]:
        return {"Date": http_date(self._clock.ticks(t))}


def _affect(effects: _Effects, fault: Fault) -> None:
    match fault.trouble:
        case Trouble.SLOW:
            effects.delay += fault.seconds
        case Trouble.STALE:
            effects.lag += fault.seconds
        case Trouble.MALFORMED:
            effects.shape = fault.shape
        case Trouble.STALE_ROWS | Trouble.LOST_ROWS | Trouble.REPEATED_ROWS:
            effects.rows = (*effects.rows, fault)
        case _:
            raise AssertionError(fault.trouble)


def _limit(account: Account, rps: float | None) -> RequestLimit | None:
    return None if rps is None else RequestLimit(int(rps * account.limit_window), account.limit_window)


def _misshape(answer: SimResponse, shape: Shape) -> SimResponse:
    match shape:
        case Shape.TRUNCATED:
            return msgspec.structs.replace(answer, body=answer.body[: len(answer.body) * 3 // 5])
        case Shape.HTML:
            headers = {**answer.headers, "Content-Type": "text/html"}
            return msgspec.structs.replace(answer, headers=headers, body=page(200, "Maintenance"))
        case Shape.EMPTY:
            return msgspec.structs.replace(answer, body=b"")
        case Shape.WRONG_TYPES:
            body = encode({"workflowId": 1, "status": 7, "version": "one", "startedAt": [], "logs": "none"})
            return msgspec.structs.replace(answer, body=body)
