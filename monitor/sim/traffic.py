"""Traffic: definitions whose instances start, run and end all day, so many that each is computed on demand.

Every definition is a journey (`definitions.journey`): fetch, a wait of declared length, a wait for a reply, confirm.
Most replies come soon; a few come very late, so that some instances are old. There is no table: the start, life and
fate of an instance are hashes of (seed, account, definition, number), as everywhere in the simulator.
"""

from functools import cached_property
from math import exp, inf

import msgspec

from monitor.sim.definitions import Definition, Publication, journey

FETCH = 2.0
"""Seconds of an instance's first step."""
CONFIRM = 2.0
"""Seconds of its last steps together."""
RETRY = 4.0
"""Additional seconds of a step that fails first."""
_SPREAD = (1.0, 0.6, 1.4)
"""Lifetimes of definitions, in turn, relative to the mean."""
_OLD = 0.15
"""Share of the live instances whose reply takes very long."""
_SOON, _LATE, _NEVER_LATER = 0.5, 2.5, 48.0
"""The mean of the soon replies, their last one, and the last of all, in lifetimes."""
_DEPLOYS_AHEAD = 1000


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """Many running instances end at once, for one cause."""

    at: float
    size: int
    """About this many."""
    within: float = 10.0
    definitions: int | None = None
    """It affects this many definitions, the first ones; None: all."""
    every: float | None = None
    """Seconds after which it repeats."""
    message: str = "Invalid subaccount id."
    by_hand: bool = False
    """Somebody terminates them: no errors."""


class Flow(msgspec.Struct, frozen=True, gc=False):
    """Instances of one definition with one distribution of lifetimes."""

    definition: int
    """Its order, from 0."""
    live: float
    """Mean number of running instances."""
    wait: float
    """Declared length of the second step."""
    soonest: float
    """Of the reply, in seconds after the wait, as below."""
    latest: float
    mean: float | None
    """Of an exponential distribution, cut off at `latest`; None: uniform between `soonest` and `latest`."""

    @property
    def lifetime(self) -> float:
        """Mean."""
        if self.mean is None:
            return FETCH + self.wait + (self.soonest + self.latest) / 2 + CONFIRM
        cut = self.latest / self.mean
        return FETCH + self.wait + self.mean * (1 - cut * exp(-cut) / (1 - exp(-cut))) + CONFIRM

    @property
    def longest(self) -> float:
        """The longest life of an instance, suspensions and retries included, unless it is stuck."""
        return FETCH + 2 * self.wait + self.latest + RETRY + CONFIRM

    @property
    def starts_per_second(self) -> float:
        return self.live / self.lifetime


class Traffic(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Of one account. Shares are of all instances."""

    account: str
    live: int
    """About this many instances run at any time."""
    definitions: int = 5
    versions: int = 2
    """Of each definition when the world starts; instances of the last two run then."""
    deploy_every: float = inf
    """Seconds between new versions of a definition; each definition has other times."""
    lifetime: float = 3600.0
    """Mean seconds of most instances; the oldest live 48 times as long."""
    zipf: float = 0.0
    """Definition n has a share of 1 / n ** zipf; 0: all have the same."""
    wave: float = 0.0
    """The rate of starts varies by this share of its mean, once a day; < 1."""
    batch: int = 1
    """Instances that start at one moment, as in a campaign; up to 1024."""
    faults_per_hour: float = 0.001
    """Of the running instances."""
    suspended: float = 0.001
    """For a while in its wait."""
    retried: float = 0.002
    """Its last step fails, and is executed again."""
    failed_at_wake: float = 0.0
    """The step after its wait fails at once, and is executed again."""
    late: float = 0.0
    """Its wait takes twice as long as the definition declares."""
    stuck: float = 0.0
    """Its first step never ends."""
    storms: tuple[Storm, ...] = ()

    @cached_property
    def publications(self) -> tuple[Publication, ...]:
        """Its definitions, in order."""
        return tuple(self._publication(order) for order in range(self.definitions))

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """Two for each definition, in order: one with most instances, and one with the old ones."""
        shares = [(order + 1.0) ** -self.zipf for order in range(self.definitions)]
        return tuple(
            flow for order, share in enumerate(shares) for flow in self._flows(order, self.live * share / sum(shares))
        )

    def lifetime_of(self, definition: int) -> float:
        return self.lifetime * _SPREAD[definition % len(_SPREAD)]

    def _flows(self, definition: int, live: float) -> tuple[Flow, Flow]:
        lifetime, wait = self.lifetime_of(definition), self._wait(definition)
        many = Flow(definition, live * (1 - _OLD), wait, 0.0, _LATE * lifetime, _SOON * lifetime)
        old = Flow(definition, live * _OLD, wait, _LATE * lifetime, _NEVER_LATER * lifetime, None)
        return many, old

    def _wait(self, definition: int) -> float:
        """Whole seconds, so that it can be declared."""
        return max(1.0, round(self.lifetime_of(definition) * (1 - _SOON)))

    def _publication(self, order: int) -> Publication:
        return Publication(self._definition(order), self._deployed(order))

    def _definition(self, order: int) -> Definition:
        patience = _NEVER_LATER * self.lifetime_of(order) + 1.0
        versions = len(self._deployed(order))
        return journey(f"journey-{order:03d}", wait=self._wait(order), patience=patience, versions=versions)

    def _deployed(self, order: int) -> tuple[float, ...]:
        """The newest half a lifetime ago, the others each half a lifetime before, the first one always."""
        half = self.lifetime_of(order) / 2
        before = (-inf, *(-half * back for back in range(self.versions - 1, 0, -1)))
        if self.deploy_every == inf:
            return before
        first = (order + 1) / self.definitions
        return (*before, *(self.deploy_every * (first + turn) for turn in range(_DEPLOYS_AHEAD)))
