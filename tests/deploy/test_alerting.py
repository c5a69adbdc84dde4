"""From a workflow that fails to a person who is told: the real Prometheus and Alertmanager, with what is shipped."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, role, scene
from tests.crash.running import Station, eventually, station
from tests.deploy.pager import Pager, pager, quick_alertmanager, quick_prometheus
from tests.deploy.programs import Prometheus, alertmanager, free_port, program, prometheus
from tests.deploy.shipped import PROMETHEUS, tree

_ENDED, _CUT, _MENDED = 20.0, 110.0, 300.0
"""World times: everything that ends has ended; nobody answers; somebody answers again."""
_SOON = 45.0
_RUNBOOK = f"{tree(PROMETHEUS / 'prometheus.yml')['global']['external_labels']['runbook_base']}/RUNBOOK.md#"


def _bad_day() -> Scenario:
    """Three of six order reminders fail at 9 s, one runs on; from 100 s to 200 s the API cannot be reached."""
    failing = [
        role("order-reminder", f"bad-{n}", script_builders.fault("order-reminder", "fetch_order", "HTTP 502", 10.0))
        for n in range(3)
    ]
    good = [role("order-reminder", f"good-{n}", script_builders.complete("order-reminder", 10.0)) for n in range(3)]
    calm = role("order-reminder", "calm", script_builders.complete("order-reminder", 1e6))
    cut = Fault(trouble=Trouble.RESET, begin=100.0, end=200.0, accounts=(ACME.id,))
    return scene("bad day", *failing, *good, calm, faults=(cut,))


def _settle(here: Station, port: int) -> None:
    here.settings["polling"] = {"interval": "200ms", "max_backoff": "500ms", "blind_after": "1s"}
    here.settings["server"]["port"] = port
    for account in here.settings["accounts"]:
        account["requests_per_second"] = 200
    here.write()


@contextlib.asynccontextmanager
async def _watched(folder: Path, port: int) -> AsyncIterator[tuple[Prometheus, Pager]]:
    async with (
        pager() as people,
        alertmanager(quick_alertmanager(folder, people.address)) as alerts,
        prometheus(quick_prometheus(folder, port, alerts)) as server,
    ):
        yield server, people


async def test_faults_blindness_and_death_are_told_with_what_to_do_until_they_are_over(
    tmp_path: Path,
) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    port = free_port()
    async with station(tmp_path, _bad_day()) as here, _watched(tmp_path, port) as (server, people):
        _settle(here, port)

        async def told(receiver: str, alert: str, status: str = "firing") -> None:
            await eventually(lambda: people.told(receiver, alert, status), f"{alert} {status}", _SOON)

        async with here.run():
            await eventually(lambda: server.query("workflow_events_total"), "a scrape", _SOON)
            here.t = _ENDED
            await told("chat", "WorkflowFailureRatioHigh")
            (alert, *_) = people.told("chat", "WorkflowFailureRatioHigh")
            assert alert["annotations"]["runbook_url"] == f"{_RUNBOOK}workflowfailureratiohigh"
            assert set(alert["labels"]) == {"alertname", "severity", "account", "definition"}
            assert [event["type"] for event in here.heard].count("workflow.terminated") == 3

            here.t = _CUT
            await told("chat", "WorkflowMonitorBlind")
            assert people.told("chat", "WorkflowMonitorBlind")[0]["labels"]["account"] == ACME.id
            assert "monitor.blind" in [event["type"] for event in here.heard]
            assert not people.told("oncall", "WorkflowMonitorDown")

        await told("oncall", "WorkflowMonitorDown")
        assert people.told("oncall", "WorkflowMonitorDown")[0]["annotations"]["runbook_url"].startswith(_RUNBOOK)

        here.t = _MENDED
        async with here.run():
            for alert_name in ("WorkflowFailureRatioHigh", "WorkflowMonitorBlind"):
                await told("chat", alert_name, "resolved")
            await told("oncall", "WorkflowMonitorDown", "resolved")

            async def quiet() -> bool:
                return await server.firing() == {"Watchdog"}

            await eventually(quiet, "quiet", _SOON)
            assert people.told("watchdog", "Watchdog")
