"""The API's documented answers, whole and changed, as bytes to be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.core.model import PollFailed, Seen, Snapshot
from monitor.upstream.wire import read_status

SAMPLES = Path(__file__).parent.parent / "samples"
INSTANCE = (SAMPLES / "workflow_instance.json").read_bytes()
WITH_LOGS = (SAMPLES / "workflow_instance_with_logs.json").read_bytes()
WORKFLOW = "60dbe307fe55d99fc083db61"


def read(body: bytes, **also: Any) -> Seen | PollFailed:
    return read_status(200, {}, body, **also)


def seen(body: bytes) -> Snapshot:
    result = read(body)
    assert isinstance(result, Seen), result
    assert result.errors is None
    return result.snapshot


def answer(change: Callable[[Any], object] | None = None) -> bytes:
    """The documented answer with logs, changed."""
    document = json.loads(WITH_LOGS)
    if change is not None:
        change(document)
    return json.dumps(document).encode()


def with_field(*path: str | int, value: object) -> bytes:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return answer(change)


def without(*path: str | int) -> bytes:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return answer(change)
