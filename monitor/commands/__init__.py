"""What people type: one file per command, named as it is typed.

The law of this folder: a command reads the configuration, does one thing and reports it: results on standard output,
errors on standard error, with advice. It returns its exit code: 0 success, 1 failure at run time, 2 usage or
configuration. No command prints a secret.

They share `options.py`, `process.py` (commands that run until a signal), `daemon_client.py` (requests to the running
daemon), `account_client.py` (requests to the API) and `tables.py` (lists for people).
"""
