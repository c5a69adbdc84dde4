"""A scenario as data with times: accounts, instances, failures; and its watchlist."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from monitor.sim.faults import Fault
from monitor.sim.list_settings import Lists
from monitor.sim.population import Cast, Crowd, Instance, defined_as
from monitor.sim.seeded import fraction
from monitor.sim.traffic import Traffic

_TRIGGER_LEAD = 0.1
"""Seconds from the trigger to the start of its instance, at least."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    key: str
    """Its bearer token."""
    limit_rps: float | None = None
    """The rate limit: more requests in a sliding window are answered with 429."""
    list_limit_rps: float | None = None
    """An additional limit of lists of instances."""
    limit_window: float = 1.0
    """Seconds of those windows; one holds `limit_rps * limit_window` requests."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    accounts: tuple[Account, ...]
    cast: Cast = Cast()
    crowd: Crowd | None = None
    traffic: tuple[Traffic, ...] = ()
    """At most one per account."""
    faults: tuple[Fault, ...] = ()
    lists: Lists = Lists()
    queueing: float = 0.0
    """The most seconds between the trigger and the start of an instance; for each by a stable hash."""
    deploys: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    """Definition -> when each of its versions is deployed, oldest first. Others always existed."""
    deletions: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Definition -> when it is deleted, with all its instances."""
    gzip: bool = False
    """Over HTTP, for clients that accept it; only for long bodies."""
    omit_nulls: bool = False
    """A step's unknown `startedAt` and `completedAt` are absent, not null."""


class WatchedInstance(NamedTuple):
    """One target of a watchlist."""

    account: str
    definition: str
    workflow: str
    name: str


def watched(scenario: Scenario, seed: int = 0, *, at: float = 0.0) -> list[WatchedInstance]:
    """All instances of the scenario but its traffic. If it repeats: those of the turn at `at`."""
    instances = list(scenario.cast.visible(at))
    if scenario.crowd is not None:
        instances.extend(scenario.crowd.visible())
    return [watched_as(seed, one) for one in instances]


def watched_as(seed: int, instance: Instance) -> WatchedInstance:
    return WatchedInstance(instance.account, defined_as(instance), workflow_id(seed, instance), instance.name)


def workflow_id(seed: int, instance: Instance) -> str:
    """24 hex digits, as in the API: 14 from a hash with the seed, 10 from the number."""
    return id_of(chance_of(seed, instance.number), instance.number)


def chance_of(seed: int, number: int) -> bytes:
    """16 pseudo-random bytes of an instance: its id begins with them, and its payload is derived from them."""
    # `digest` inlined, since every row of every list needs it.
    return blake2b(f"workflow\x1f{seed}\x1f{number}".encode(), digest_size=16).digest()


def id_of(chance: bytes, number: int) -> str:
    return f"{chance[:7].hex()}{number:010x}"


def number_of(seed: int, workflow: str) -> int | None:
    """The number in an id; None if no instance of this seed can have it."""
    number = int(workflow[14:], 16)
    return number if id_of(chance_of(seed, number), number) == workflow else None


def triggered_at(scenario: Scenario, seed: int, number: int, starts: float) -> float:
    """World time of the instance's trigger."""
    queued = scenario.queueing * fraction(seed, "queueing", number) if scenario.queueing else 0.0
    return starts - _TRIGGER_LEAD - queued


def combined(name: str, *scenarios: Scenario) -> Scenario:
    """All of them at once. Accounts with one id must be equal; at most one may have a crowd; none may repeat."""
    accounts = tuple(dict.fromkeys(account for one in scenarios for account in one.accounts))
    crowds = [one.crowd for one in scenarios if one.crowd is not None]
    if len({account.id for account in accounts}) < len(accounts) or len(crowds) > 1:
        raise ValueError("expected scenarios that agree on their accounts and have one crowd between them")
    if any(one.cast.period is not None for one in scenarios):
        raise ValueError("expected scenarios that do not repeat: their numbers would not fit together")
    return msgspec.structs.replace(
        scenarios[0],
        name=name,
        accounts=accounts,
        cast=Cast(tuple(role for one in scenarios for role in one.cast.roles)),
        crowd=crowds[0] if crowds else None,
        faults=tuple(fault for one in scenarios for fault in one.faults),
    )
