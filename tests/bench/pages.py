"""A page of a list as the API documents it: 500 instances, each with what a customer wrote."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from tests.bench.house import DEFINITION

ROWS = 500
_BEGAN = datetime(2026, 1, 5, 10, tzinfo=UTC)
_NAMES = ("Jane Doe", "Ann Lee", "Budi Santoso", "Maria Clara Reyes")
_STATUSES = ("Runnable", "Complete", "Complete", "Complete", "Terminated")


def page_text(rows: int = ROWS) -> str:
    """Newest first. Ids and numbers are as incompressible as real ones."""
    return json.dumps([_row(number) for number in range(rows)])


def _row(number: int) -> dict[str, object]:
    noise = hashlib.sha256(str(number).encode()).hexdigest()
    started = _BEGAN - timedelta(seconds=number, microseconds=int(noise[:5], 16))
    status = _STATUSES[number % len(_STATUSES)]
    return {
        "workflowId": noise[:24],
        "data": {
            "payload": {
                "umid": noise[24:56],
                "user": {"channelUserId": noise[40:50], "name": _NAMES[number % len(_NAMES)]},
                "content": {"text": f"I would like to change my order {int(noise[:6], 16)}, please."},
            },
            "accountId": "crowd-0",
            "subAccountId": "crowd-0_subaccount",
            "triggeredAt": _text(started - timedelta(milliseconds=105)) + "79Z",
        },
        "definitionId": DEFINITION,
        "version": 1,
        "status": status,
        "startedAt": _text(started)[:-4] + "Z",
        "completedAt": None if status == "Runnable" else _text(started + timedelta(seconds=46))[:-4] + "Z",
    }


def _text(moment: datetime) -> str:
    """Without a zone, to the microsecond."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")
