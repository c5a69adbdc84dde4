"""The only code that knows the 8x8 API.

Read-only: GET and nothing else. Each request needs a permit of its account's rate limiter, and a permit allows one
request. Neither keys nor customers' data leave this folder, only values of `core`; no aiohttp type does, either.

`wire.py` reads answers about an instance, `wire_lists.py` pages of instances, `wire_definitions.py` and
`wire_accounts.py` the rest; `error_response.py` those other than 200. `transport.py` fetches them, `client.py` combines
all of it, `rate_limiter.py` gives permits; `paths.py` and `credentials.py` make URLs and keys.
"""
