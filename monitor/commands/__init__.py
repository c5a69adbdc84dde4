"""What people type: one file per command, named as it is typed.

The law of this folder: a command reads the configuration, does one thing and says what came of it: answers on standard
output, complaints on standard error, and what to do about them. It returns its exit code: 0 clean, 1 failed at run
time, 2 usage or configuration. No command prints a secret.

They share `options.py`, `process.py` (commands that live on), `daemon_client.py` (which asks the running daemon),
`account_client.py` (which asks the API) and `tables.py` (lists for people).
"""
