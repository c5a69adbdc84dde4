"""The only code that knows the 8x8 API.

Read-only: GET and nothing else. No request without a permit of its account's gate, and one request per permit. Keys
never leave, nor does what customers wrote: what leaves are values of `core`. Of aiohttp, nothing passes beyond here.

`wire.py` reads answers about an instance, `wire_lists.py` pages of instances, `wire_definitions.py` and
`wire_accounts.py` the rest; `error_response.py` those other than 200. `transport.py` fetches them, `client.py` does one
after the other, `rate_limiter.py` says when; `paths.py` and `credentials.py` say where and as whom.
"""
