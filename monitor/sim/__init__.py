"""A simulator of the API's behaviour, for the demo, the stories and the benches: it models the vendor, not us.

The rule: it never imports `monitor.upstream`, nor the words of `monitor.core.model`, or it would repeat our mistakes.
Everything but `server.py` and `simulate.py` is pure: no clock, no I/O, and randomness only from a seed through stable
hashes. Times are seconds since the world's start; the world's `epoch` is the moment of that start.

Read in this order: `api_enums.py` and `script.py` (the future of an instance), `playback.py` (its state at t),
`script_builders.py` and `scenarios.py` (data with times), `faults.py` and `list_settings.py` (failures, and choices
that the API's documentation leaves open), `listing.py` (pages of instances), `world.py` (the answers), `server.py`.
Many instances at once: `traffic.py` (their number, definitions and fates), `traffic_chances.py`, `traffic_chunk.py`,
`traffic_index.py`.
"""
