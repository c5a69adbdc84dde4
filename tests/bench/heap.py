"""How much memory the parts of a program take: whatever is reached first from a part is counted as its own."""

import gc
import sys
from asyncio import Task
from collections.abc import Iterable
from enum import Enum
from types import BuiltinFunctionType, CoroutineType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec

_OTHERS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CoroutineType, FrameType, Task, Enum)
"""Not what a part holds, but what it is made of."""
_OF_THE_COLLECTOR = 16
"""Bytes before each object that the collector looks at."""


def sizes(parts: Any) -> dict[str, int]:
    """Bytes of each attribute of `parts`, in their order."""
    seen: set[int] = {id(parts)}
    roots = {name: part for name, part in vars(parts).items() if not isinstance(part, _OTHERS)}
    seen.update(id(part) for part in roots.values())
    return {name: _size(part, seen) for name, part in roots.items()}


def _size(root: object, seen: set[int]) -> int:
    total, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        total += _own(one)
        for other in _held(one):
            if id(other) not in seen and not isinstance(other, _OTHERS):
                seen.add(id(other))
                waiting.append(other)
    return total


def _own(one: object) -> int:
    size = sys.getsizeof(one)  # with what comes before it
    return -(-size // _OF_THE_COLLECTOR) * _OF_THE_COLLECTOR


def _held(one: object) -> Iterable[object]:
    if isinstance(one, msgspec.Struct):
        return [getattr(one, name) for name in one.__struct_fields__]
    return gc.get_referents(one)
