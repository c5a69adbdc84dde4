"""The API as it behaves, for the demo, the stories and the benches: it models the vendor, not us.

The law: never imports `monitor.upstream`, nor the words of `monitor.core.model`, or it would repeat our mistakes.
Everything but `server.py` and `simulate.py` is pure: no clock, no I/O, and chance only from a seed through stable
hashes. Times are seconds since the world's start; the world's `epoch` says which moment that was.

Read in this order: `api_enums.py` and `script.py` (what an instance will go through), `playback.py` (what is true at
t), `script_builders.py` and `scenarios.py` (data with times), `faults.py` and `list_settings.py` (what goes wrong, and
what the API's document leaves open), `listing.py` (pages of instances), `world.py` (what the API says), `server.py`.
Many instances at once: `traffic.py` (how many, of what, and what happens to them), `traffic_chances.py`,
`traffic_chunk.py`, `traffic_index.py`.
"""
