"""Every part of the daemon once, from top to bottom: each is made from parts above it."""

from collections.abc import Callable
from functools import partial
from socket import gethostname

import msgspec
from prometheus_client import CollectorRegistry

from monitor.alerting.closer import Closer
from monitor.alerting.deliverer import Deliverer
from monitor.alerting.heartbeat import Heartbeat
from monitor.alerting.publisher import Publisher
from monitor.alerting.watchlist_changes import WatchlistChanges
from monitor.app import from_settings, notifiers
from monitor.app.accounts import Accounts
from monitor.app.blast_radius import BlastRadius
from monitor.app.current_settings import CurrentSettings
from monitor.app.daemon_clock import Clock
from monitor.app.definitions import Definitions
from monitor.app.environment import Environment, StartError
from monitor.app.explainer import Explainer
from monitor.app.health import Health, Readiness
from monitor.app.housekeeping import Housekeeper
from monitor.app.loops import Loops
from monitor.app.receivers import Receivers
from monitor.app.reloader import Reloader
from monitor.app.stored_states import StoredStates
from monitor.app.summaries import Summaries
from monitor.app.view import DaemonView
from monitor.core.scheduling.hazard import Hazards
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.notify.ping import Ping
from monitor.polling.budget import LookBudget
from monitor.polling.budget_plan import BudgetPlans
from monitor.polling.explained_ends import ExplainedEnds
from monitor.polling.hazard_writer import HazardWriter
from monitor.polling.late_explainer import LateExplainer
from monitor.polling.listed_ends import ListedEnds
from monitor.polling.look_log import LookLog
from monitor.polling.oldest_looks import OldestLooks
from monitor.polling.overdue_watcher import OverdueWatcher
from monitor.polling.poller import Poller
from monitor.polling.resumption import Resumption
from monitor.polling.scheduler import Scheduler
from monitor.polling.step_limits import StepLimits
from monitor.polling.storm_teller import StormTeller
from monitor.polling.sweeper import Sweeper
from monitor.polling.truncation_watcher import TruncationWatcher
from monitor.polling.usage_watcher import UsageWatcher
from monitor.polling.watched import WatchedTargets
from monitor.settings import Receiver, Settings
from monitor.settings.secrets import reader
from monitor.store import Store, StoreLock, Writer
from monitor.store.discoveries import DiscoveryStore
from monitor.store.hazards import HazardStore
from monitor.store.step_limits import StepLimitStore
from monitor.telemetry import Telemetry, configure
from monitor.telemetry.collectors import LoopIdle, PendingDeliveries
from monitor.upstream.client import Client

_PATIENCE = 60.0
"""Seconds without a turn after which a loop counts as stuck, beside what one poll may take."""


class Wiring:
    """The parts, none of them started. Raises StartError for a receiver that cannot be used."""

    def __init__(  # noqa: PLR0915 - one straight line is easier to follow than a chain of calls
        self, settings: Settings, load: Callable[[], Settings], outside: Environment, time: Callable[[], float]
    ) -> None:
        """`time`: the event loop's clock."""
        # --- what all others use ---
        self.registry = CollectorRegistry()
        self.clock = clock = Clock(outside.now, time)
        self.around = around = msgspec.structs.replace(outside, now=clock.now)
        now, jitter = around.now, around.jitter
        self.background = around.background()
        self.logs = configure(settings.log.level.value, settings.log.format.value, around.stdout, now=now)
        clock.log = self.logs.log
        # A poll may take its timeout twice, for the status and its errors, and wait once for a permit between them.
        self.loops = loops = Loops(_PATIENCE + 3 * settings.api.timeout)
        self.current = current = CurrentSettings(settings)
        self.telemetry = telemetry = Telemetry(
            self.registry,
            self.logs.log,
            external_url=settings.server.external_url,
            receivers=[receiver.name for receiver in settings.receivers],
        )
        self.targets = WatchedTargets(current.most_cached)
        self.targets.subscribe(telemetry)

        # --- the store ---
        self.lock = StoreLock(settings.store.url)
        self.store = store = Store(
            settings.store.url,
            writer=around.writer(),
            reader=around.reader(),
            schema=settings.store.schema,
            password=reader(settings.store.password_file),
        )
        self.writer = Writer(store, report=telemetry.store, jitter=jitter)
        self.stored_states = StoredStates(store)
        health = Health(loops, store, self.writer)

        # --- from a committed event to a person ---
        impact = BlastRadius(self.targets)
        context = NotifierContext(
            now=now,
            latest=clock.latest,
            casebook=store,
            external_url=settings.server.external_url,
            runbook_url=settings.server.runbook_url,
            host=gethostname(),
            started_at=now(),
            hold=current.hold,
            alive=health.alive,
            tolls=impact,
            fault=telemetry.fault,
        )
        made = {receiver.name: _notifier(receiver, around, context) for receiver in settings.receivers}
        self.deliverer = Deliverer(
            [notifiers.delivered(receiver, made[receiver.name]) for receiver in settings.receivers],
            store,
            self.writer,
            now=now,
            jitter=jitter,
            report=telemetry.delivery,
            fault=telemetry.fault,
        )
        self.receivers = Receivers(made, self.deliverer)
        self.registry.register(PendingDeliveries(self.receivers.pending, made))
        self.registry.register(LoopIdle(loops.idle))
        self.publisher = publisher = Publisher(
            from_settings.publisher(settings),
            self.writer,
            self.deliverer.enqueue,
            policy=current.alert_policy,
            fault=telemetry.fault,
        )

        # --- from the API to an event ---
        self.accounts = Accounts(
            current, around, publisher, telemetry, clock=clock, loops=loops, load=store.load_account
        )
        self.transport = around.transport(settings.api)
        self.client = Client(
            from_settings.client(settings.api),
            self.accounts.credentials,
            self.accounts.gates,
            self.transport,
            now=now,
            report=self.accounts.requested,
            kept=current.most_cached,
        )
        self.step_limit_store = StepLimitStore(store)
        self.step_limits = StepLimits(
            self.client,
            self.step_limit_store,
            slack=current.step_slack,
            writable=self.writer.wait_available,
            fault=telemetry.fault,
            jitter=jitter,
            named=telemetry.definition_named,
        )
        looks = LookLog(telemetry.poll, telemetry.listed_end)
        self.explained = ExplainedEnds(looks.polled)
        self.poller = Poller(
            publisher,
            self.client,
            self.writer,
            store,
            self.step_limits,
            policy=current.detection_policy,
            errors_patience=settings.api.timeout,
            now=now,
            report=self.explained.polled,
            report_listed=looks.listed_end,
            skew=self.accounts.skew,
            answered_at=self.accounts.answered_at,
            site=self.accounts.site,
        )
        self.hazard_writer = HazardWriter(
            budget := LookBudget(Hazards(), self.step_limits, now=now, skew=self.accounts.skew),
            HazardStore(store),
            fault=telemetry.fault,
        )
        self.scheduler = Scheduler(
            self.poller,
            self.accounts.queues,
            self.targets,
            self.writer,
            self.stored_states.of,
            budget=budget,
            now=now,
            jitter=jitter,
            retention=current.retention,
            fault=telemetry.fault,
            executor=self.background,
        )
        self.overdue = OverdueWatcher(
            self.poller,
            self.scheduler,
            self.targets,
            now=now,
            skew=self.accounts.skew,
            want=self.step_limits.request,
            report=telemetry.overdue,
            fault=telemetry.fault,
        )
        self.targets.subscribe(self.overdue)
        # The two ties that come late: what is learned of definitions changes targets that were made with its help.
        self.step_limits.on_change, self.step_limits.on_name = self.overdue.limits_changed, self.scheduler.show_name

        self.discovery_store = DiscoveryStore(store)
        self.truncations = TruncationWatcher(
            publisher,
            self.discovery_store,
            discoveries=current.discoveries,
            now=now,
            report=telemetry.account,
            fault=telemetry.fault,
        )
        ends = ListedEnds(self.poller.end_listed, self.scheduler, self.targets)
        self.late = LateExplainer(
            self.client,
            self.accounts.gates,
            self.targets,
            store,
            publisher,
            discoveries=current.discoveries,
            errors_patience=settings.api.timeout,
            now=now,
            skew=self.accounts.skew,
            report=telemetry.listed_end,
            fault=telemetry.fault,
        )
        self.storms = StormTeller(
            ends,
            self.scheduler,
            self.targets,
            gates=self.accounts.gates,
            explained=self.explained,
            late=self.late,
            timeout=settings.api.timeout,
            fault=telemetry.fault,
        )
        self.targets.subscribe(self.storms)
        self.sweeper = Sweeper(
            self.client,
            self.accounts.queues,
            self.scheduler,
            self.targets,
            self.discovery_store,
            ends=ends,
            discoveries=current.discoveries,
            now=now,
            skew=self.accounts.skew,
            storms=self.storms,
            truncations=self.truncations,
            budget=budget,
            followed=telemetry.definition_followed,
            begun=telemetry.begun,
            fault=telemetry.fault,
        )
        self.targets.subscribe(self.sweeper)
        self.resumption = Resumption(store.load_running, self.scheduler.resume, current.discoveries)

        self.plans = BudgetPlans(
            self.accounts.rates,
            self.targets,
            watchlist=current.watchlist,
            discovered=self.sweeper.arm_groups,
            followed=self.sweeper.active,
            report=telemetry.bounds,
            executor=self.background,
        )
        self.usage = UsageWatcher(self.client, self.accounts.watching, report=telemetry.usage, fault=telemetry.fault)

        # --- what ends alerts, and periodic work ---
        self.closer = Closer(
            store,
            publisher,
            now=now,
            hold=current.hold,
            routes=from_settings.routes(settings),
            changes=WatchlistChanges(
                store,
                publisher,
                now=now,
                grace=current.unwatched_after,
                is_watched=current.is_watched,
                was_seen=self.scheduler.was_seen,
                believe=self.scheduler.take_over,
                report=telemetry.account,
                leaving=telemetry.leaving,
            ),
            count=telemetry.alerts_open,
            fault=telemetry.fault,
        )
        self.ping = Ping(settings.heartbeat.url, now=now) if settings.heartbeat is not None else None
        self.heartbeat = (
            Heartbeat(
                self.ping,
                interval=settings.heartbeat.interval,
                now=now,
                report=telemetry.heartbeat,
                fault=telemetry.fault,
                reasons=partial(health.unhealthy_reason, self.receivers.acknowledges),
            )
            if settings.heartbeat is not None and self.ping is not None
            else None
        )
        self.housekeeper = Housekeeper(
            self.scheduler,
            self.targets,
            store,
            self.writer,
            self.logs,
            oldest_looks=OldestLooks(
                self.accounts.__iter__, self.targets, listed=self.sweeper.oldest_look, report=telemetry.oldest_look
            ),
            plans=self.plans,
            current=current,
            receivers=[*made],
            now=now,
        )
        self.readiness = Readiness(store, self.writer, self.scheduler.first_polls_sent)
        self.reloader = Reloader(
            current,
            load,
            self.accounts,
            self.scheduler,
            self.sweeper,
            log=self.logs.log,
            now=now,
            report=telemetry.reload,
            applied=self.closer.recheck_watchlist,
            executor=self.background,
        )
        self.view = DaemonView(
            self.targets,
            self.scheduler,
            store,
            telemetry,
            Definitions(self.targets, self.sweeper, self.step_limits, self.plans, now=now),
            summaries=Summaries(self.accounts, self.receivers, store, telemetry.recent, now=now),
            impact=impact,
            explainer=Explainer(
                self.targets,
                self.scheduler,
                store,
                self.step_limits,
                looks,
                routes=from_settings.routes(settings),
                recall=self.poller.recall,
                skew=self.accounts.skew,
                now=now,
            ),
            publisher=publisher,
            deliverer=self.deliverer,
            current=current,
            loops=loops,
            readiness=self.readiness,
            reload=self.reloader.reload,
            recall=self.poller.recall,
            now=now,
        )


def _notifier(receiver: Receiver, around: Environment, context: NotifierContext) -> Notifier:
    try:
        return around.notifier(receiver, context)
    except ValueError as error:
        raise StartError(f"receivers[{receiver.name}]: {error}") from error
