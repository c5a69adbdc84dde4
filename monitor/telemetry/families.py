"""Every metric with its name, labels, buckets and help; `collectors.py` has those that are computed at each scrape."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from monitor.telemetry.histogram import FastHistograms

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""From the milliseconds of a near API to the timeout, 10 s by default."""
_SCHEDULE = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, _MINUTE, 5 * _MINUTE)
"""From milliseconds, if the budget suffices, to several intervals, if it does not."""
_DETECTION = (0.1, 0.5, 1, 2.5, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR)
"""Around the usual intervals (10 s, 30 s), up to an outage of an hour."""
_QUEUE = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY)
"""From an API that starts at once, to a queue that stands."""
_DELIVERY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR)
"""From the milliseconds of a working receiver to the hours of one that was down."""
_RUN = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR),
    *(_DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY),
)
"""From a workflow that only sends, to one that waits for people."""


class Families:
    """The metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        def tallies(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> FastHistograms:
            made = FastHistograms(name, text, buckets, *labels)
            registry.register(made)
            return made

        self.transitions = counter(
            "workflow_transitions_total",
            "Changes of what is believed of a workflow; Unknown is the belief before the first answer.",
            *("account", "definition", "from_status", "to_status"),
        )
        self.events = counter(
            "workflow_events_total",
            "Events that were told; those about an account have an empty definition.",
            *("account", "definition", "event", "severity"),
        )
        self.step_failures = counter(
            "workflow_step_failures_total",
            "Failed executions of a step; a step is there with 0 once it was seen in a log.",
            *("account", "definition", "step"),
        )
        self.run_duration = histogram(
            "workflow_run_duration_seconds",
            "Seconds from the start to the end of workflows that ended, as the API tells them.",
            _RUN,
            *("account", "definition", "status"),
        )
        self.started = counter(
            "workflow_started_total",
            "Workflows that began while lists of their definition were looked at.",
            *("account", "definition"),
        )
        self.queue_delay = tallies(
            "workflow_queue_delay_seconds",
            "Seconds from the trigger of a workflow to its start, as the API tells them.",
            _QUEUE,
            *("account", "definition"),
        )
        self.detection_delay = histogram(
            "workflow_detection_delay_seconds",
            "Seconds from when it occurred, in the monitor's clock, to when it was observed; without what had "
            "happened before the first look.",
            _DETECTION,
            *("account", "kind"),
        )
        self.requests = counter(
            "workflow_monitor_requests_total",
            "Requests to the API by how they ended.",
            *("account", "endpoint", "outcome"),
        )
        self.looks = counter(
            "workflow_monitor_looks_total",
            "Requests to the API by what they were for; confirm: a status that a list called for.",
            *("account", "purpose"),
        )
        self.request_duration = tallies(
            "workflow_monitor_request_duration_seconds",
            "Seconds from sending a request to its last byte, or to its failure.",
            _REQUEST,
            *("account", "endpoint"),
        )
        self.schedule_delay = tallies(
            "workflow_monitor_schedule_delay_seconds",
            "Seconds from when a poll was due to when it was sent.",
            _SCHEDULE,
            "account",
        )
        self.lane_open = gauge(
            "workflow_monitor_lane_open", "1 while requests may be sent, 0 while the API asked to wait.", "account"
        )
        self.lane_rate = gauge(
            "workflow_monitor_lane_requests_per_second",
            "Requests per second that the lane allows now; climbs back to its ceiling after throttling.",
            "account",
        )
        self.last_success = gauge(
            "workflow_monitor_last_success_timestamp_seconds",
            "When a request last succeeded, in seconds since the epoch; 0 before the first.",
            "account",
        )
        self.clock_skew = gauge(
            "workflow_monitor_clock_skew_seconds",
            "Seconds that the API's clock is ahead of the monitor's, as far as its Date header proves.",
            "account",
        )
        self.oldest_look = gauge(
            "workflow_monitor_oldest_look_timestamp_seconds",
            "When the oldest of the last looks was made: at the lists that are needed (end), and at the status of an "
            "instance that runs (step), in seconds since the epoch.",
            *("account", "kind"),
        )
        self.workflows_allowed = gauge(
            "workflow_account_workflows_allowed",
            "Workflows that the account may start in a month, as the API tells it.",
            "account",
        )
        self.workflows_executed = gauge(
            "workflow_account_workflows_executed",
            "Workflows that the account has started in this month, as the API tells it.",
            "account",
        )
        self.deliveries = counter(
            "workflow_monitor_deliveries_total",
            "Tries to deliver an event by what came of them; dead: given up, the receiver refused it.",
            *("receiver", "outcome"),
        )
        self.delivery_delay = histogram(
            "workflow_monitor_delivery_delay_seconds",
            "Seconds from an event's observation to its receiver's acknowledgement.",
            _DELIVERY,
            "receiver",
        )
        self.reload_successful = gauge(
            "workflow_monitor_config_last_reload_successful", "1 if the last (re)load of the configuration was applied."
        )
        self.reload_success_at = gauge(
            "workflow_monitor_config_last_reload_success_timestamp_seconds",
            "When a configuration was last applied, in seconds since the epoch.",
        )
        self.store_available = gauge(
            "workflow_monitor_store_available",
            "1 while the store takes commits, 0 from the first one that failed until one succeeds.",
        )
        self.heartbeat_success_at = gauge(
            "workflow_monitor_heartbeat_last_success_timestamp_seconds",
            "When a ping of the heartbeat was last acknowledged, in seconds since the epoch; 0 before the first.",
        )
        self.alerts_open = gauge("workflow_monitor_alerts_open", "Alerts that are open now.", "severity")
        self.leaving = gauge(
            "workflow_monitor_targets_leaving", "Targets with open alerts that are gone from the watchlist."
        )
        self.halved = counter(
            "workflow_monitor_watchlist_halved_total", "Reloads that lost more than half of the watchlist's targets."
        )
        self.faults = counter(
            "workflow_monitor_faults_total", "Faults of the monitor itself that one of its loops survived.", "loop"
        )
        self.build = Info(
            "workflow_monitor_build", "The version that runs, and the Python it runs on.", registry=registry
        )
