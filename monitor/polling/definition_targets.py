"""The watched targets of one definition, and their keys, which are made as they are read: a million take a while."""

from collections.abc import Sequence
from typing import overload

from monitor.core.model import TargetKey
from monitor.polling.shared_settings import SharedSettings


class DefinitionTargets:
    """The watched targets of one definition, and what they share."""

    __slots__ = ("account", "id", "numbers", "settings")

    def __init__(self, account: str, id: str) -> None:
        self.account = account
        self.id = id
        self.numbers: dict[str, int] = {}
        """The number of each target in the index, by its workflow."""
        self.settings = SharedSettings()

    def keys(self) -> Sequence[TargetKey]:
        """As they are now."""
        return _Keys(self.account, self.id, list(self.numbers))


class _Keys(Sequence[TargetKey]):
    def __init__(self, account: str, definition: str, workflows: Sequence[str]) -> None:
        self._account = account
        self._definition = definition
        self._workflows = workflows

    def __len__(self) -> int:
        return len(self._workflows)

    @overload
    def __getitem__(self, index: int) -> TargetKey: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TargetKey]: ...
    def __getitem__(self, index: int | slice) -> TargetKey | Sequence[TargetKey]:
        if isinstance(index, slice):
            return [TargetKey(self._account, self._definition, one) for one in self._workflows[index]]
        return TargetKey(self._account, self._definition, self._workflows[index])
