"""From a committed event to a person, and to its end.

The law of this folder: send, then mark; never mark first. Receivers do not wait for one another, and polling waits for
none of them.

Read `publisher.py` (the one way out), `deliverer.py` (one worker per receiver), `closer.py` (ends alerts that no event
ends), `watchlist_changes.py` (what becomes of the alerts of targets that leave and come back), `heartbeat.py`.
"""
