"""Watches workflow instances of the 8x8 Automation API and tells on-call what went wrong.

Read in this order:

1. `core/`: the rules, pure. `model.py`, `event_types.py`: the words; `discovery/`, `scheduling/`, `detection/`,
   `alerting/`, `text/`.
2. `polling/`: from the API to a last known state: one poll, whose turn it is, and what no single poll shows.
3. `alerting/`: from a committed event to a person, and to its end.
4. `upstream/`, `store/`, `notify/`, `telemetry/`, `web/`: the edges.
5. `app/`: how it is put together. `settings/`, `commands/`, `cli.py`: how people reach it.
6. `sim/`: the API as it behaves, for the tests and for `demo.py`.
"""

__version__ = "0.1.0"
