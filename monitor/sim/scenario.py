"""A scenario as data with times: accounts, who lives in them, what goes wrong; and what there is to watch in it."""

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
    """The bearer token that opens it."""
    limit_rps: float | None = None
    """A real limit: more requests in a sliding window are answered 429."""
    list_limit_rps: float | None = None
    """A real limit of lists of instances alone, besides."""
    limit_window: float = 1.0
    """Seconds of those windows; one holds `limit_rps * limit_window` requests."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    accounts: tuple[Account, ...]
    cast: Cast = Cast()
    crowd: Crowd | None = None
    traffic: tuple[Traffic, ...] = ()
    """At most one of each account."""
    faults: tuple[Fault, ...] = ()
    lists: Lists = Lists()
    queueing: float = 0.0
    """Seconds, at most, that an instance waits between its trigger and its start; by a stable chance of each."""
    deploys: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    """Definition -> when each of its versions is deployed, oldest first. Those not named were always there."""
    deletions: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Definition -> when it is deleted, with all its instances."""
    gzip: bool = False
    """Over HTTP, for clients that accept it; only what is long enough to gain by it."""
    omit_nulls: bool = False
    """A step's `startedAt` and `completedAt` are absent, not null, while they are not known."""


class WatchedInstance(NamedTuple):
    """One target of a watchlist."""

    account: str
    definition: str
    workflow: str
    name: str


def watched(scenario: Scenario, seed: int = 0, *, at: float = 0.0) -> list[WatchedInstance]:
    """All instances of the scenario but its traffic. Where it repeats: those of the turn that `at` lies in."""
    instances = list(scenario.cast.visible(at))
    if scenario.crowd is not None:
        instances.extend(scenario.crowd.visible())
    return [watched_as(seed, one) for one in instances]


def watched_as(seed: int, instance: Instance) -> WatchedInstance:
    return WatchedInstance(instance.account, defined_as(instance), workflow_id(seed, instance), instance.name)


def workflow_id(seed: int, instance: Instance) -> str:
    """24 hex digits: 14 of the seed's chance, 10 of the number; the API's are the like."""
    return id_of(chance_of(seed, instance.number), instance.number)


def chance_of(seed: int, number: int) -> bytes:
    """16 bytes of an instance's own: its id begins with them, and its payload is made of them."""
    # By hand what `digest` does: every row of every list needs it.
    return blake2b(f"workflow\x1f{seed}\x1f{number}".encode(), digest_size=16).digest()


def id_of(chance: bytes, number: int) -> str:
    return f"{chance[:7].hex()}{number:010x}"


def number_of(seed: int, workflow: str) -> int | None:
    """The number behind an id; None where no instance of this seed can have it."""
    number = int(workflow[14:], 16)
    return number if id_of(chance_of(seed, number), number) == workflow else None


def triggered_at(scenario: Scenario, seed: int, number: int, starts: float) -> float:
    """World time of the trigger that made the instance."""
    queued = scenario.queueing * fraction(seed, "queueing", number) if scenario.queueing else 0.0
    return starts - _TRIGGER_LEAD - queued


def combined(name: str, *scenarios: Scenario) -> Scenario:
    """All of them at once. Accounts of one id must be equal; at most one may have a crowd; none may repeat."""
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
