"""The API as it behaves, for the demo, the stories and the benches: it models the vendor, not us.

The law: never imports `monitor.upstream`, nor the words of `monitor.core.model`, or it would repeat our mistakes.
Everything but `server.py` and `simulate.py` is pure: no clock, no I/O, and chance only from a seed through stable
hashes. Times are seconds since the world's start; the world's `epoch` says which moment that was.

Read in this order: `api_enums.py` and `script.py` (what an instance will go through), `playback.py` (what is true at
t), `script_builders.py` and `scenarios.py` (data with times), `faults.py`, `world.py` (what the API says), `server.py`.
"""
