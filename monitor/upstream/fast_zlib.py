"""The library for decompression: a page of a list takes longer to decompress than to decode.

aiohttp uses one for the whole process, by default the standard library's.
"""

import zlib
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import aiohttp

FASTEST: Final = ("isal.isal_zlib",)
"""Modules like the standard library's `zlib`, the fastest first. isal does not exist for every machine."""


def use_fast_zlib(modules: Iterable[str] = FASTEST) -> str:
    """Let aiohttp use the first of `modules` that is installed, else the standard library; returns its name."""
    for name in modules:
        try:
            aiohttp.set_zlib_backend(import_module(name))
        except ImportError:
            continue
        return name
    aiohttp.set_zlib_backend(zlib)
    return zlib.__name__
