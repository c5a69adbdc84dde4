"""What people type: the commands, in groups of what they need.

The law of this folder: a command reads the configuration, does one thing and says what came of it: answers on standard
output, complaints on standard error, and what to do about them. It returns its exit code: 0 clean, 1 failed at run
time, 2 usage or configuration. No command prints a secret.

Read `usage.py` (what they share), `living.py` (run, demo, simulate), `looking.py` (check, status, schema), then
`telling.py` (alerts, close, deliveries, drill) with `running.py`, which asks the running daemon. `tables.py`
is how they print lists. `beginning.py` (init) is for who has no configuration yet.
"""
