"""Receivers: one frozen section per type, with the keys of that type and no others.

The rule of this folder: a type of receiver is one file here, and its name in `Receiver`. All other code uses the
section; only the documents list the types, too, and tests compare them.

To add a type:

1. Write its file: a `ReceiverSection` with `type: Literal["..."]`, its keys, and `notifier`, which makes the notifier.
   For a service of messages or pages that is a `Pager`, which turns a `Page` into a request by `HttpSender`, within
   `IncidentNotifier`. A few requests stand in the same file; a protocol that needs more has a file in `notify/`.
   `tests/edges/pigeon_receiver.py` is a complete example.
2. Import the section below, and name it in `Receiver`.
3. Show it in `config/README.md`, in the table of receivers in `deploy/REFERENCE.md`, and in the comment that
   `workflow-monitor init` writes.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, get_args

from pydantic import Field

from monitor.settings.errors import tag_of
from monitor.settings.receivers.alertmanager import AlertmanagerReceiver
from monitor.settings.receivers.apprise import AppriseReceiver
from monitor.settings.receivers.pagerduty import PagerDutyReceiver
from monitor.settings.receivers.receiver import ReceiverSection
from monitor.settings.receivers.webhook import WebhookReceiver

Receiver = Annotated[
    # One line per type of receiver.
    WebhookReceiver | AlertmanagerReceiver | PagerDutyReceiver | AppriseReceiver,
    Field(discriminator="type"),
]
_SECTIONS: Final[tuple[type[ReceiverSection], ...]] = get_args(get_args(Receiver)[0])
TYPES: Final[Mapping[str, type[ReceiverSection]]] = {str(tag_of(section)): section for section in _SECTIONS}
"""By the value of the key `type`."""


def _foreign_keys(section: type[ReceiverSection], others: Sequence[type[ReceiverSection]]) -> dict[str, str]:
    """The keys that only other types have, each with its error message."""
    reasons: dict[str, str] = {}
    for key in dict.fromkeys(key for other in others for key in other.model_fields):
        owners = " and ".join(str(tag_of(other)) for other in others if key in other.model_fields)
        near = difflib.get_close_matches(key, section.model_fields, n=1)
        advice = f"takes {near[0]!r}" if near else "has no such key"
        reasons[key] = f"{key!r} is for {owners}; {tag_of(section)} {advice}"
    return {key: reason for key, reason in reasons.items() if key not in section.model_fields}


for _section in _SECTIONS:
    _section.foreign_keys = _foreign_keys(_section, [other for other in _SECTIONS if other is not _section])

__all__ = ["TYPES", "AlertmanagerReceiver", "AppriseReceiver", "PagerDutyReceiver", "Receiver", "WebhookReceiver"]
