"""From the API to a last known state: who is asked when, and what is believed of the answer.

The law of this folder: a failed poll changes nothing that is believed, and what is believed in memory changes only
after the store has it. An account's budget is spent by its rate limiter alone. What is watched changes by one door,
`Scheduler.replace`.

Read `watched.py` (one target), `poller.py` (one poll: observe, detect, commit), `scheduler.py` (whose turn it is), then
what no single poll shows: `reachability_watcher.py` (an account does not answer), `overdue_watcher.py` (a deadline
passes) and `step_limits.py` (how long steps may take, and what definitions are called; `definition_lookups.py` asks).
"""
