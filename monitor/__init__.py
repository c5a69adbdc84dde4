"""Watches workflow instances of the 8x8 Automation API and tells on-call what went wrong.

Read in this order:

1. `core/model.py`: the words of the house as values; then `core/alerts.py` and `core/commits.py`.
2. `core/detection/detect.py`, `core/scheduling/lane.py`, `core/scheduling/schedule.py`: what the program exists for, as pure rules.
3. `polling/poller.py`: one turn: observe, detect, commit. `polling/scheduler.py`: whose turn it is. `polling/reachability_watcher.py`: whether an account
   answers at all. `polling/overdue_watcher.py`: what is overdue, told in time; `polling/step_limits.py`: how long steps may take.
   `alerting/deliverer.py`: send, then mark. `alerting/closer.py`: ends alerts that no event ends.
   `alerting/watchlist_changes.py`: what becomes of alerts when targets leave and return. `alerting/heartbeat.py`: tells that all works.
4. `upstream/`, `store/`, `notify/`, `telemetry/`, `web/`: the edges.
5. `app/`: how it is put together, started and stopped. `settings/`, `commands/`, `cli.py`: how people reach it.
6. `sim/`: the API as it behaves, for the tests and for `demo.py`: simulator, daemon and console in one process.
"""

__version__ = "0.1.0"
