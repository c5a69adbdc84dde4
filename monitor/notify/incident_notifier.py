"""The notifier for receivers of incidents: it sends pages, and skips deliveries that are outdated.

A page shows the incident at the time of sending, not at the time of its delivery. So one page may cover several
deliveries, and the others end without a request.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Self, assert_never

from monitor.core.alerting.incidents import is_resolved
from monitor.core.alerting.verdict import Delivered, Refused, Verdict
from monitor.core.alerts import Incident, Sample, VersionImpact
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.text import alert_text
from monitor.core.text.links import link_of, link_to
from monitor.notify.context import NotifierContext
from monitor.notify.notifier import AlertReader, Page, Pager, Tolls

_REMEMBERED: Final = 10_000
"""Incidents whose last sent size is remembered. A forgotten one sends its growth once more, under its key."""
_OVER: Final = -1


class IncidentNotifier:
    def __init__(
        self, pager: Pager, *, casebook: AlertReader, tolls: Tolls, external_url: str, runbook_url: str = ""
    ) -> None:
        self._pager = pager
        self._casebook = casebook
        self._tolls = tolls
        self._external_url = external_url
        self._runbook_url = runbook_url
        self._told: OrderedDict[str, int] = OrderedDict()
        """How many members the receiver knows; `_OVER`: it knows the end. The most recently sent one is last."""

    @classmethod
    def within(cls, context: NotifierContext, pager: Pager) -> Self:
        """With the parts of a daemon."""
        return cls(
            pager,
            casebook=context.casebook,
            tolls=context.tolls,
            external_url=context.external_url,
            runbook_url=context.runbook_url,
        )

    def __repr__(self) -> str:
        return f"Incidents({self._pager!r})"

    async def send(self, delivery: Delivery) -> Verdict:
        incident = await self._casebook.incident(delivery.event_id)
        if incident is None:
            return Delivered("nothing to tell any more", sent=False)
        match delivery.about:
            case DeliveryKind.INCIDENT_OPENED:
                return await self._opened(incident, delivery.receiver)
            case DeliveryKind.INCIDENT_GREW:
                return await self._grew(incident, delivery.members)
            case DeliveryKind.INCIDENT_CLOSED:
                return await self._closed(incident)
            case DeliveryKind.EVENT | DeliveryKind.ALERT_OPENED | DeliveryKind.ALERT_CLOSED:
                return Refused("this receiver is told of incidents only")
            case _:
                assert_never(delivery.about)

    async def close(self) -> None:
        await self._pager.close()

    async def _opened(self, incident: Incident, receiver: str) -> Verdict:
        """Also for an incident that has ended meanwhile, if its end is still to be sent.

        An incident whose end was sent, by this process or an earlier one, is skipped: a pager would open it for ever.
        """
        if is_resolved(incident) and not await self._casebook.end_is_pending(incident.id, receiver):
            return Delivered("over, and told so", sent=False)
        return await self._trigger(incident)

    async def _grew(self, incident: Incident, members: int) -> Verdict:
        if incident.ended_at is not None:
            return Delivered("it is over", sent=False)
        if self._told.get(incident.id, 0) >= members:
            return Delivered("told already", sent=False)
        return await self._trigger(incident)

    async def _trigger(self, incident: Incident) -> Verdict:
        verdict = await self._pager.trigger(self._page(incident))
        return self._remember(incident.id, incident.members, verdict)

    async def _closed(self, incident: Incident) -> Verdict:
        if not is_resolved(incident):
            return Delivered("not known to be over", sent=False)
        if self._told.get(incident.id) == _OVER:
            return Delivered("told already", sent=False)
        verdict = await self._pager.resolve(self._page(incident))
        return self._remember(incident.id, _OVER, verdict)

    def _remember(self, id: str, told: int, verdict: Verdict) -> Verdict:
        if isinstance(verdict, Delivered):
            self._told[id] = told
            self._told.move_to_end(id)
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        return verdict

    def _page(self, incident: Incident) -> Page:
        definition = incident.event.definition
        tolls = self._tolls(incident.event.account, definition) if definition else ()
        return page(incident, tolls=tolls, external_url=self._external_url, runbook_url=self._runbook_url)


def page(incident: Incident, *, tolls: Sequence[VersionImpact], external_url: str, runbook_url: str = "") -> Page:
    """The page of the incident; links lead to the monitor's own pages under `external_url`."""
    event = incident.event
    return Page(
        key=incident.id,
        title=alert_text.incident_title(incident),
        body=alert_text.incident_body(incident, tolls=tolls, external_url=external_url, runbook_url=runbook_url),
        severity=incident.severity,
        at=incident.first_at,
        account=event.account,
        definition=event.definition_label,
        step=event.step.step if event.step is not None else "",
        type=event.type.value,
        fault_group=incident.fault_group,
        link=link_of(event, external_url),
        ended=alert_text.ended_after(incident),
        samples=tuple((each.label, _where(each, external_url)) for each in incident.samples),
        details=alert_text.details(incident, tolls, runbook_url),
    )


def _where(sample: Sample, external_url: str) -> str:
    return f"{external_url.rstrip('/')}/" if sample.key is None else link_to(sample.key, external_url)
