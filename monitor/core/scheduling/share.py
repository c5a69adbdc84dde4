"""A share of the turns, evenly spaced."""


class Share:
    """Turns that one has while another goes before it: the given share of all, evenly spaced."""

    __slots__ = ("_owed",)

    def __init__(self) -> None:
        self._owed = 0.0

    def due(self, share: float) -> bool:
        self._owed += share
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True
