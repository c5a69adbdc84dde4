"""The client of the API: one request for one permit, and every answer or failure as a value."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from yarl import URL

from monitor.core.detection.clock_skew import skew
from monitor.core.formats.http_dates import parse_http_date
from monitor.core.listing import DefinitionList, ListPage, ListRequest, Usage
from monitor.core.model import Endpoint, Outcome, PollFailed, Seen, TargetKey, WorkflowError
from monitor.core.offset_paging import OffsetPaging
from monitor.core.records import RequestRecord
from monitor.upstream.credentials import Credential
from monitor.upstream.paths import (
    check_base_url,
    definition_path,
    definitions_path,
    list_path,
    usage_path,
    workflow_path,
)
from monitor.upstream.rate_limiter import GateDismissedError, Permit, RateLimiter
from monitor.upstream.response_cache import MOST_KEPT, ResponseCache
from monitor.upstream.transport import (
    Response,
    ResponseTooLarge,
    Transport,
    TransportError,
    TransportTimeout,
)
from monitor.upstream.wire import read_errors
from monitor.upstream.wire_accounts import DefinitionsBody, joined, read_active, read_usage
from monitor.upstream.wire_definitions import VersionHistory, read_definitions
from monitor.upstream.wire_lists import read_page

_Q = TypeVar("_Q")
_T = TypeVar("_T")
_URLS_KEPT = 8_192
"""Some 7 MB at most; building a URL takes 5 µs, a lookup a tenth of that."""
_FINAL = (Outcome.NOT_FOUND, Outcome.BAD_REQUEST, Outcome.UNAUTHORIZED)
"""Outcomes that an immediate retry would repeat."""

_DEFINITION_LIMITS: Final = (100, 20, 4)
"""Definitions on a page: since a definition may hold long texts, a page that is too large is requested with fewer."""
_MOST_PAGES: Final = 50
"""Of one account's definitions."""

_http_date = lru_cache(maxsize=64)(parse_http_date)
"""`Date` changes once a second, and thousands of answers share it."""


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str
    user_agent: str
    """E.g. `workflow-monitor/1.0.0`."""
    timeout: float = 10.0
    """Seconds for a whole request."""
    max_response_bytes: int = 8 * 2**20
    allow_http: bool = False
    """Allow plain http to other hosts than the loopback."""


class Client:
    """The client for all accounts. GET and nothing else."""

    def __init__(
        self,
        config: ClientConfig,
        credentials: Mapping[str, Credential],
        gates: Mapping[str, RateLimiter],
        transport: Transport,
        *,
        now: Callable[[], datetime],
        report: Callable[[RequestRecord], None],
        kept: Callable[[], int] = lambda: MOST_KEPT,
    ) -> None:
        """`kept`: answers about targets that are remembered, as configured now.

        `credentials` and `gates` by account; each request looks them up, so that accounts may be added.

        Raises ValueError for a base_url to which keys must not be sent. The caller closes the transport.
        """
        check_base_url(config.base_url, config.allow_http)
        self._site = str(URL(config.base_url)).rstrip("/")
        self._credentials = credentials
        self._gates = gates
        self._transport = transport
        self._now = now
        self._report = report
        self._plain_headers = {"Accept": "application/json", "User-Agent": config.user_agent}
        self._headers: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._recall = ResponseCache(kept)
        self._status_url = lru_cache(maxsize=_URLS_KEPT)(self._make_status_url)

    def status(
        self, key: TargetKey, permit: Permit, *, confirms: bool = False
    ) -> Coroutine[Any, Any, Seen | PollFailed]:
        """The present state of the instance, with its step log. `permit` is consumed.

        `confirms`, for the record: a list called for it.
        """
        return self._ask(key, Endpoint.STATUS, self._status_url, permit, self._read_status, confirms=confirms)

    def forgo(self, permit: Permit) -> None:
        """Make no request for this permit; it is spent all the same."""
        self._gates[permit.account].record(permit, Outcome.CONNECTION, None)

    def instances(self, request: ListRequest, permit: Permit) -> Coroutine[Any, Any, ListPage | PollFailed]:
        """One page of a list. `permit` is consumed."""
        return self._ask(request, Endpoint.LIST, self._list_url, permit, self._read_page)

    async def errors(self, key: TargetKey, patience: float = 10.0) -> tuple[WorkflowError, ...] | PollFailed:
        """The runtime errors of the instance, within `patience` seconds.

        It goes before any poll, with one retry if that may help; it does not wait for a closed lane.
        """
        result = await self._ask_errors(key, patience / 2)
        if isinstance(result, PollFailed) and result.outcome not in _FINAL:
            return await self._ask_errors(key, patience / 2)
        return result

    async def _ask_errors(self, key: TargetKey, seconds: float) -> tuple[WorkflowError, ...] | PollFailed:
        gate = self._gates[key.account]
        if not gate.open:
            return PollFailed(Outcome.THROTTLED, "the lane is closed")
        try:
            async with asyncio.timeout(seconds):
                permit = await gate.acquire_urgent()
                return await self._ask(key, Endpoint.ERRORS, self._errors_url, permit, self._read_errors)
        except TimeoutError:
            return PollFailed(Outcome.TIMEOUT, f"no answer within {seconds:g}s")

    async def declared(self, account: str, definition: str, patience: float) -> VersionHistory | PollFailed:
        """The name of the definition, and the limits that its versions declare for their steps.

        Of the last hundred versions; empty if the API knows none. It waits with the polls, and goes before the next one
        after `patience` seconds with an open lane; 0: at once.
        """
        permit = await self._background(account, patience)
        if isinstance(permit, PollFailed):
            return permit
        key = TargetKey(account, definition, "")
        return await self._ask(key, Endpoint.DEFINITIONS, self._definition_url, permit, self._read_history)

    async def definitions(self, account: str, patience: float = 30.0) -> DefinitionList | PollFailed:
        """The active definitions of the account, from all pages. `patience` as in `declared`, for each page.

        A definition that changes meanwhile may be missing from one result and present in the next.
        """
        for limit in _DEFINITION_LIMITS:
            found = await self._all_definitions(account, limit, patience)
            if not (isinstance(found, PollFailed) and found.too_large):
                break
        return found

    async def _all_definitions(self, account: str, limit: int, patience: float) -> DefinitionList | PollFailed:
        pages, paging = list[DefinitionsBody](), OffsetPaging(limit=limit)
        while not paging.done and len(pages) < _MOST_PAGES:
            permit = await self._background(account, patience, probes=True)
            if isinstance(permit, PollFailed):
                return permit
            question = _AskedPage(account, limit, paging.offset)
            page = await self._ask(
                question, Endpoint.DEFINITIONS, self._definitions_url, permit, self._read_definitions
            )
            if isinstance(page, PollFailed):
                return page
            pages.append(page)
            paging = paging.read([each.definition for each in page.definitions], page.received)
        return joined(pages, complete=paging.complete)

    async def usage(self, account: str, patience: float = 30.0) -> Usage | PollFailed:
        """How many workflows the account may start in a month, and has started. `patience` as in `declared`."""
        permit = await self._background(account, patience)
        if isinstance(permit, PollFailed):
            return permit
        return await self._ask(account, Endpoint.USAGE, self._usage_url, permit, self._read_usage)

    async def _background(self, account: str, patience: float, *, probes: bool = False) -> Permit | PollFailed:
        """A permit for a request that can wait."""
        gate = self._gates.get(account)
        try:
            if gate is not None:
                return await gate.acquire_background(patience, probes=probes)
        except GateDismissedError:
            pass
        return PollFailed(Outcome.CONNECTION, "the account is not configured any more")

    # --- one request ---

    async def _ask(
        self,
        question: _Q,
        endpoint: Endpoint,
        url: Callable[[_Q], URL],
        permit: Permit,
        read: Callable[[_Q, Response, str], _T | PollFailed],
        *,
        confirms: bool = False,
    ) -> _T | PollFailed:
        """In any case the rate limiter records the permit once, and one record is reported."""
        loop, account, gate = asyncio.get_running_loop(), permit.account, self._gates[permit.account]
        started, sent_at = loop.time(), self._now()
        outcome, retry_after, date = Outcome.CONNECTION, None, None  # if it is cancelled, its outcome is unknown
        detail, cancelled = "", False
        try:
            credential = self._credentials[account]
            secret, headers = self._authorized(account, credential)
            result: _T | PollFailed
            try:
                response = await self._transport.get(url(question), headers)
            except TransportError as error:
                result = _failed(error)
            else:
                date = response.headers.get("Date")
                result = read(question, response, secret)
            if isinstance(result, PollFailed):
                outcome, retry_after, detail = result.outcome, result.retry_after, result.detail
                if outcome is Outcome.UNAUTHORIZED:
                    credential.refresh()
            else:
                outcome = Outcome.OK
        except asyncio.CancelledError:
            cancelled = True
            raise
        else:
            return result
        finally:
            gate.record(permit, outcome, retry_after)
            duration, ended_at = loop.time() - started, self._now()
            ahead = _ahead(date, sent_at, ended_at)
            self._report(
                RequestRecord(account, endpoint, outcome, duration, ended_at, ahead, detail, cancelled, confirms)
            )

    def _read_status(self, key: TargetKey, response: Response, secret: str) -> Seen | PollFailed:
        return self._recall.read(key, response, now=self._now, secret=secret)

    def _read_errors(self, _key: TargetKey, response: Response, secret: str) -> tuple[WorkflowError, ...] | PollFailed:
        return read_errors(response.status, response.headers, response.body, now=self._now(), secret=secret)

    def _read_history(self, key: TargetKey, response: Response, secret: str) -> VersionHistory | PollFailed:
        status, headers, body = response.status, response.headers, response.body
        return read_definitions(status, headers, body, definition=key.definition, now=self._now(), secret=secret)

    def _read_page(self, request: ListRequest, response: Response, secret: str) -> ListPage | PollFailed:
        status, headers, body = response.status, response.headers, response.body
        return read_page(status, headers, body, definition=request.definition, now=self._now(), secret=secret)

    def _read_definitions(self, _page: "_AskedPage", response: Response, secret: str) -> DefinitionsBody | PollFailed:
        return read_active(response.status, response.headers, response.body, now=self._now(), secret=secret)

    def _read_usage(self, account: str, response: Response, secret: str) -> Usage | PollFailed:
        status, headers, body = response.status, response.headers, response.body
        return read_usage(status, headers, body, account=account, now=self._now(), secret=secret)

    def _authorized(self, account: str, credential: Credential) -> tuple[str, Mapping[str, str]]:
        """The account's key, and the headers, which are built once per key."""
        secret = credential.bearer()
        made = self._headers.get(account)
        if made is None or made[0] is not secret:
            made = secret, self._plain_headers | {"Authorization": f"Bearer {secret}"}
            self._headers[account] = made
        return made

    # --- addresses ---

    def _make_status_url(self, key: TargetKey) -> URL:
        return URL(f"{self._site}{workflow_path(key)}?includeLogs=true", encoded=True)

    def _errors_url(self, key: TargetKey) -> URL:
        return URL(f"{self._site}{workflow_path(key)}/errors", encoded=True)

    def _definition_url(self, key: TargetKey) -> URL:
        return URL(f"{self._site}{definition_path(key.account, key.definition)}", encoded=True)

    def _list_url(self, request: ListRequest) -> URL:
        return URL(f"{self._site}{list_path(request)}", encoded=True)

    def _definitions_url(self, page: "_AskedPage") -> URL:
        path = definitions_path(page.account)
        return URL(f"{self._site}{path}?limit={page.limit}&offset={page.offset}", encoded=True)

    def _usage_url(self, account: str) -> URL:
        return URL(f"{self._site}{usage_path(account)}", encoded=True)


class _AskedPage(NamedTuple):
    """A page of an account's definitions."""

    account: str
    limit: int
    offset: int


def _failed(error: TransportError) -> PollFailed:
    if isinstance(error, TransportTimeout):
        return PollFailed(Outcome.TIMEOUT, str(error))
    if isinstance(error, ResponseTooLarge):
        return PollFailed(Outcome.MALFORMED, str(error), too_large=True)
    return PollFailed(Outcome.CONNECTION, str(error))


def _ahead(date: str | None, sent_at: datetime, received_at: datetime) -> float | None:
    moment = _http_date(date) if date is not None else None
    try:
        return skew(moment, sent_at, received_at) if moment is not None else None
    except OverflowError:  # the end of the range of `datetime`
        return None
