"""Charts as attributes of SVG elements; a template has the elements."""

from collections.abc import Sequence


def polyline(series: Sequence[int], width: float, height: float, top: int) -> str:
    """`points` of a line through the numbers, the last one at the right edge; `top` is at the upper edge."""
    if len(series) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    step = width / (len(series) - 1)
    return " ".join(f"{i * step:.4g},{_y(number, height, top):.3g}" for i, number in enumerate(series))


def bars(series: Sequence[int], width: float, height: float, top: int) -> str:
    """`d` of a path with a bar from the lower edge for each number above 0."""
    if not series:
        return ""
    step = width / len(series)
    return "".join(
        f"M{i * step:.4g} {height:g}V{_y(number, height, top):.3g}h{step * 0.8:.3g}V{height:g}z"
        for i, number in enumerate(series)
        if number
    )


def _y(number: int, height: float, top: int) -> float:
    """One unit of space at both edges, so that no line is cut."""
    return height - 1 - (height - 2) * number / max(1, top)
