"""The text of a notification, for a person on call: one event, or many with one cause, in plain text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from monitor.core import step_log
from monitor.core.alerts import AlertEnd, Incident, Sample, VersionImpact
from monitor.core.event_types import EventType, Severity
from monitor.core.formats.clean import clean
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import Event, WorkflowError
from monitor.core.text import paragraphs
from monitor.core.text.advice import advice
from monitor.core.text.links import link_of, link_to
from monitor.core.text.summary import about, summary

TITLE_LIMIT: Final = 200
BODY_LIMIT: Final = 4000
"""Characters."""
_LINK: Final = 1000
_VALUE: Final = 500
_SHOWN: Final = 5
_LABELS: Final = 20


def title(event: Event) -> str:
    """One line of at most `TITLE_LIMIT` characters."""
    return clean(event.summary, TITLE_LIMIT) or clean(summary(event), TITLE_LIMIT)


def body(event: Event, *, link: str, runbook_url: str = "") -> str:
    """Some short paragraphs of plain text, at most `BODY_LIMIT` characters; the cause stands first, the link last."""
    return _bounded([*_why_and_how_bad(event), *_of_one(event, runbook_url, paragraphs.to_close(event))], link)


def ended(end: AlertEnd, *, hold: float) -> str:
    """How an alert ended, in words. `hold`: seconds that an event alert stays open."""
    match end:
        case AlertEnd.RESOLVED:
            return "Resolved: what was wrong has ended."
        case AlertEnd.EXPIRED:
            return f"Expired: it was held open for {about(hold)}; whether anybody saw to it is not known."
        case AlertEnd.CLOSED:
            return "Closed by a person."
        case AlertEnd.UNWATCHED:
            return "Closed: what it was about is not watched any more."


def ended_after(incident: Incident) -> str:
    """How an incident ended, and after how long; empty while it is open."""
    if incident.outcome is None or incident.ended_at is None:
        return ""
    lasted = max(0.0, (incident.ended_at - incident.first_at).total_seconds())
    return f"{ended(incident.outcome, hold=lasted)} It lasted {about(lasted)}."


def subject(title: str, severity: Severity, ended: str = "") -> str:
    """The title with its severity, for receivers without a field for it; `ended`: how it ended, in words."""
    how = ended.partition(" ")[0].rstrip(":.")
    return clean(f"{how} ({severity.value}): {title}" if how else f"{severity.value.upper()}: {title}", TITLE_LIMIT)


def end_body(ended: str, severity: Severity, *, link: str) -> str:
    """The text of an end."""
    return _bounded([ended, paragraphs.severity(severity)], link)


def incident_title(incident: Incident) -> str:
    """One line of at most `TITLE_LIMIT` characters: the number, the fault, the definition."""
    event, count = incident.event, incident.members
    if count < 2:  # noqa: PLR2004 - a single one
        return title(event)
    if event.type not in _MANY:
        return clean(f"{count} times: {title(event)}", TITLE_LIMIT)
    error = step_log.error_of(event)
    step = clean(event.step.step, 60) if event.step is not None else "?"
    definition = clean(event.definition_name or event.definition_label, 60)
    what = _MANY[event.type].format(count=count, of=definition, step=step)
    return clean(what + (_why(event, error) if error is not None else ""), TITLE_LIMIT)


def incident_body(
    incident: Incident, *, tolls: Sequence[VersionImpact], external_url: str, runbook_url: str = ""
) -> str:
    """As `body`; the number, the times, some members with links, the blast radius, then the text of the first."""
    event, radius = incident.event, _blast_radius(incident, tolls)
    one = _of_one(event, runbook_url, paragraphs.to_close(event, incident.id, incident.members))
    if incident.members > 1:
        many = [paragraphs.cause_of_many(event), _count(incident), _samples(incident, external_url), radius]
        first, *more = filter(None, [paragraphs.change(event), paragraphs.limit(event), *one])
        parts = [*many, _lines("The first of them:", first), *more]
    else:
        parts = [*_why_and_how_bad(event), radius, *one]
    return _bounded(parts, link_of(event, external_url))


def details(incident: Incident, tolls: Sequence[VersionImpact], runbook_url: str = "") -> dict[str, str]:
    """The same facts for programs; an absent fact has no key.

    Labels of the target are `label_NAME`; of each version `failed_in_version_N` is `3 of 40`.
    """
    event = incident.event
    error = step_log.error_of(event)
    facts = {
        "count": str(incident.members),
        "open": str(incident.open),
        "first_at": format_timestamp(incident.first_at),
        "last_at": format_timestamp(incident.last_at),
        "cause": event.cause.value if event.cause is not None else "",
        "step": event.step.step if event.step is not None else error.step if error is not None else "",
        "error": error.message if error is not None else "",
        "reason": event.reason or "",
        "detail": event.detail or "",
        "since": format_timestamp(event.since) if event.since is not None else "",
        "workflows": str(event.workflows) if event.workflows is not None else "",
        "found": str(event.found) if event.found is not None else "",
        "watched": str(event.watched) if event.watched is not None else "",
        "version": str(event.version) if event.version is not None else "",
        "runbook": paragraphs.runbook(event, runbook_url),
        **{f"label_{clean(name, 80)}": value for name, value in _labels(event.labels)},
        **{f"failed_in_version_{_version(toll)}": f"{toll.failed} of {toll.watched}" for toll in tolls[:_SHOWN]},
    }
    cleaned = {name: clean(value, _VALUE) for name, value in facts.items()}
    return {name: value for name, value in cleaned.items() if value}


def _of_one(event: Event, runbook_url: str, to_close: str) -> list[str]:
    runbook = paragraphs.runbook(event, runbook_url)
    next_step = "" if event.labels.get("runbook") else advice(event)
    return [
        _lines(*paragraphs.blindness(event), *paragraphs.times(event)),
        _lines(*paragraphs.trail(event)),
        paragraphs.labels(event),
        _lines(f"Next: {next_step}" if next_step else "", f"Runbook: {runbook}" if runbook else ""),
        _lines(f"{paragraphs.where(event)}.", to_close),
    ]


def _why_and_how_bad(event: Event) -> list[str]:
    """The cause, else the limit, else the change comes first; then the severity and the rest of these."""
    known = [_lines(*paragraphs.causes(event)), paragraphs.limit(event), paragraphs.change(event)]
    first, *others = [each for each in known if each] or [""]
    return [first, _lines(paragraphs.severity(event.severity), *others)]


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _bounded(parts: Iterable[str], link: str) -> str:
    """The non-empty paragraphs; a text that is too long is cut, but keeps its link."""
    last = clean(link, _LINK)
    room = BODY_LIMIT - len(last) - 2
    text = "\n\n".join(part for part in parts if part)
    return f"{text if len(text) <= room else text[: room - 1] + '…'}\n\n{last}".strip()


# --- many ---------------------------------------------------------------------------------------------------

_MANY: Final[Mapping[EventType, str]] = {
    EventType.TERMINATED: "{count} workflows of {of} terminated",
    EventType.STEP_FAILED: "{count} failures of step {step} of {of}",
    EventType.SUSPENDED: "{count} workflows of {of} are suspended",
    EventType.OVERDUE: "{count} workflows of {of} are overdue",
    EventType.STEP_OVERDUE: "{count} runs of step {step} of {of} are overdue",
    EventType.NOT_FOUND: "{count} workflows of {of} are not found",
    EventType.UNANSWERED: "{count} workflows of {of} have no usable answer",
}


def _why(event: Event, error: WorkflowError) -> str:
    """Without the step if the title names it."""
    named = event.type is EventType.STEP_FAILED
    said = paragraphs.said(msgspec.structs.replace(error, step="") if named else error)
    return f"{paragraphs.such_as(error) or ':'} {said}" if said else ""


def _count(incident: Incident) -> str:
    span = about((incident.last_at - incident.first_at).total_seconds())
    return _lines(
        paragraphs.severity(incident.severity),
        f"{incident.members} alerts with one cause within {span}, {incident.open} of them open.",
        paragraphs.sampled(incident),
        f"First: {paragraphs.moment(incident.first_at)}",
        f"Latest: {paragraphs.moment(incident.last_at)}",
    )


def _samples(incident: Incident, external_url: str) -> str:
    shown = [_sample(sample, external_url) for sample in incident.samples[:_SHOWN]]
    return _lines("Some of them:", *shown) if shown else ""


def _sample(sample: Sample, external_url: str) -> str:
    link = clean(link_to(sample.key, external_url), 300) if sample.key is not None else ""
    return f"- {clean(sample.label, 80)} {link}".rstrip()


def _blast_radius(incident: Incident, tolls: Sequence[VersionImpact]) -> str:
    """The event's own version first; "" if it is not about a failure, or no watched instance failed."""
    if not incident.event.type.facts.failure or not any(toll.failed for toll in tolls):
        return ""
    version = incident.event.version
    ordered = sorted(tolls, key=lambda toll: toll.version != version)[:_SHOWN]
    counts = [
        f"- version {_version(toll)}{' (this one)' if toll.version == version else ''}: "
        f"{toll.failed} of {toll.watched} failed"
        for toll in ordered
    ]
    return _lines("Of the watched instances:", *counts)


def _version(toll: VersionImpact) -> str:
    return str(toll.version) if toll.version is not None else "unknown"


def _labels(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in labels.items() if name != "runbook")[:_LABELS]
