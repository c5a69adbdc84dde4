"""The id of a fact, derived from the fact alone.

The same fact gets the same id after a crash, on another replica and in a replay. So an id depends neither on the time
of detection, nor on the configuration, nor on the process. After a change of this file every receiver takes old facts
for new ones.
"""

import json
import uuid

from monitor.core.event_types import EventType

_NAMESPACE = uuid.UUID("8d0a6c1e-5f43-5a0b-9c58-2f5f1c0f7e11")


def event_id(type: EventType, account: str, definition: str = "", workflow: str = "", what: str = "") -> str:
    """A UUID (version 5, RFC 9562) of the fact.

    `what` distinguishes facts of one type and target: the id of a step execution, `anchor#ordinal` of an episode, a
    kind of drift; empty for a fact that happens once (the end).
    """
    # A JSON list is unambiguous and ASCII for any ids.
    return str(uuid.uuid5(_NAMESPACE, json.dumps((type.value, account, definition, workflow, what))))
