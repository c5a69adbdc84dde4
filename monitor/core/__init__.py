"""The rules: no I/O, no event loop, no clock, no randomness, no logging, no third party but msgspec.

A decision is a pure function that gets `now` as an argument and returns a value with its reason.
Stored moments are aware `datetime`s in UTC; due times are `float` seconds on the loop's clock. The two never mix.
"""
