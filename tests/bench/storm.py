"""Five thousand workflows fault within ten seconds, for three causes: who is told what, and how soon all of it is."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.core.formats.timestamps import parse_timestamp
from monitor.sim.scenario import watched
from monitor.sim.scenario_builders import ACME
from monitor.sim.scenarios import storm
from tests.bench.house import Daemon, Figure, get, house
from tests.edges.pagerduty_fake import ROUTING_KEY

_SIZE = 5_000
_QUIET = 15.0
_LONGEST = 120.0
_RECEIVERS = ("hook", "am", "pager")


def run() -> Iterator[Figure]:
    with house() as here:
        targets = [
            {"definition": one.definition, "workflow": one.workflow, "name": one.name} for one in watched(storm(_SIZE))
        ]
        here.write("watchlist.yaml", {"defaults": {"account": ACME.id}, "targets": targets})
        for name, secret in (("key", ACME.key), ("routing-key", ROUTING_KEY)):
            (here.folder / name).write_text(secret, "utf-8")
        hook, am, pager = here.server("webhook"), here.server("webhook"), here.server("pager")
        api = here.server("storm", "--size", str(_SIZE), "--quiet", str(_QUIET))
        account = {"id": ACME.id, "api_key_file": "key", "requests_per_second": 3_000, "burst": 50}
        config = here.settings(
            api,
            account={},
            interval="5s",
            accounts=[{**account, "max_concurrency": 50}],
            receivers=[
                {"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{hook}/"},
                {"name": "am", "type": "alertmanager", "urls": [f"http://127.0.0.1:{am}"]},
                {
                    "name": "pager",
                    "type": "pagerduty",
                    "base_url": f"http://127.0.0.1:{pager}",
                    "routing_key_file": "routing-key",
                },
            ],
        )
        daemon = here.daemon(config)
        daemon.wait_ready()
        lines = _weathered(daemon)
        report = json.loads(get(f"http://127.0.0.1:{pager}/report"))
        daemon.process.end()
    told = [parse_timestamp(line["observed_at"]) for line in lines if line["event"] == "workflow.terminated"]
    last = max(at for at in told if at is not None)
    for name in _RECEIVERS:
        sent = [line for line in lines if line["event"] == "delivery" and line["receiver"] == name]
        after = (max(_at(line) for line in sent) - last).total_seconds()
        yield Figure(f"storm: from the last fault observed to the last acknowledged by {name}", f"{after:.1f} s")
        yield Figure(f"storm: deliveries acknowledged by {name}", str(len(sent)))
    yield Figure("storm: faults told", str(len(told)), str(_SIZE), len(told) == _SIZE)
    begun = report["begun"]
    yield Figure("storm: incidents at the pager", f"{len(begun)} ({', '.join(begun)})", "3", len(begun) == 3)
    yield Figure("storm: calls of the pager, most in a minute", f"{report['calls']}, {report['most_in_a_minute']}")
    yield Figure("storm: calls that the pager refused", str(report["refused"]), "0", report["refused"] == 0)


def _weathered(daemon: Daemon) -> list[dict[str, Any]]:
    """The log, once nothing is pending any more and everything was told."""
    waited = 0.0
    while waited < _QUIET + _LONGEST:
        daemon.wait(2.0)
        waited += 2.0
        lines = _lines(daemon.log)
        told = sum(line["event"] == "workflow.terminated" for line in lines)
        if told >= _SIZE and not _pending(daemon):
            return _lines(daemon.log)
    raise RuntimeError(f"after {waited:g} s it is not over: {told} faults told, {_pending(daemon)} deliveries pending")


def _pending(daemon: Daemon) -> int:
    return len(json.loads(daemon.get("/api/v1/deliveries?status=pending"))["deliveries"])


def _lines(log: Path) -> list[dict[str, Any]]:
    with log.open(encoding="utf-8") as written:
        return [json.loads(line) for line in written if line.endswith("\n")]


def _at(line: dict[str, Any]) -> datetime:
    at = parse_timestamp(line["timestamp"])
    assert at is not None
    return at
