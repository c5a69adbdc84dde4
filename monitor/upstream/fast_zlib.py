"""The library that unpacks what the API sends: a page of a list takes longer to unpack than to read.

aiohttp has one for the whole process, the standard library's unless it is told otherwise.
"""

import zlib
from collections.abc import Iterable
from importlib import import_module
from typing import Final

import aiohttp

FASTEST: Final = ("isal.isal_zlib",)
"""Modules like the standard library's `zlib`, the best first. There is no isal for every machine."""


def use_fast_zlib(modules: Iterable[str] = FASTEST) -> str:
    """Have aiohttp unpack by the first of `modules` that is installed, else by the standard library. Its name."""
    for name in modules:
        try:
            aiohttp.set_zlib_backend(import_module(name))
        except ImportError:
            continue
        return name
    aiohttp.set_zlib_backend(zlib)
    return zlib.__name__
