"""The API's own words, as in its documentation (fields `status` of an instance, of a step and of a command)."""

import enum


class Status(enum.StrEnum):
    """Of a workflow instance."""

    RUNNABLE = "Runnable"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    TERMINATED = "Terminated"


class StepStatus(enum.StrEnum):
    """Of one execution of a step."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETE = "Complete"
    SLEEPING = "Sleeping"
    WAITING_FOR_EVENT = "WaitingForEvent"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class Verb(enum.StrEnum):
    """The commands of PATCH."""

    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"


class Endpoint(enum.StrEnum):
    """The kinds of requests, which faults may treat differently."""

    STATUS = "status"
    """Of one instance."""
    ERRORS = "errors"
    LIST = "list"
    """Of a definition's instances."""
    DEFINITIONS = "definitions"
    USAGE = "usage"


class StepType(enum.StrEnum):
    """The step types of a definition that the scenarios use."""

    SMS = "SMS"
    CHAT = "ChatAppsMessage"
    HTTP = "HttpRequest"
    BRANCH = "Branch"
    WAIT = "Wait"
    WAIT_FOR_REPLY = "WaitForReply"
    VOICE = "VoiceMessage"
    WAIT_FOR_DTMF = "WaitForDTMF"

    @property
    def busy(self) -> StepStatus:
        """The status of such a step while it is under way."""
        return _BUSY.get(self, StepStatus.RUNNING)


_BUSY = {
    StepType.WAIT: StepStatus.SLEEPING,
    StepType.WAIT_FOR_REPLY: StepStatus.WAITING_FOR_EVENT,
    StepType.WAIT_FOR_DTMF: StepStatus.WAITING_FOR_EVENT,
}
