"""From the API to a last known state: which target is polled when, and what follows from the answer.

The law of this folder: a failed poll changes nothing that is believed, and what is believed in memory changes only
after the store has it. An account's budget is spent by its rate limiter alone. What is watched changes by one door,
`Scheduler.replace`.

Read `watched.py` (one target, and the registry of all), `poller.py` (one poll), `poll_queue.py` and `scheduler.py`
(whose turn it is), then what no single poll shows: `reachability_watcher.py` (an account does not answer),
`overdue_watcher.py` (a deadline passes) and `step_limits.py` (how long steps may take, and how definitions are called;
`definition_lookups.py` asks). `usage_watcher.py` asks how much of an account is used, `oldest_looks.py`
finds what has not been looked at for long. `storm_teller.py` publishes terminations that are too many to look at, and
`late_explainer.py` looks at them afterwards.
"""
