from collections.abc import Mapping

import pytest

from monitor.core.detection.declared_limits import DeclaredStep, declared_limits
from monitor.core.formats.timespan import DAY


@pytest.mark.parametrize(
    ("type", "inputs", "expected"),
    [
        pytest.param("Wait", {"duration": "00:02:00"}, {"s": 120.0}, id="a wait"),
        pytest.param("Wait", {"duration": "1"}, {"s": DAY}, id="a wait of a day"),
        pytest.param("Wait", {"duration": "{{data.due}}"}, {"s": None}, id="a templated wait"),
        pytest.param("Wait", {"duration": "soon"}, {"s": None}, id="a wait that cannot be read"),
        pytest.param("Wait", {}, {}, id="a wait that declares nothing"),
        pytest.param("WaitForReply", {"timeout": "00:15:00"}, {"s": 900.0}, id="a reply"),
        pytest.param("WaitForReply", {}, {"s": DAY}, id="a reply has a day"),
        pytest.param("WaitForReply", {"timeout": None}, {"s": DAY}, id="null is silence"),
        pytest.param("WaitForReply", {"timeout": "{{data.patience}}"}, {"s": None}, id="a templated reply"),
        pytest.param("WaitForDTMF", {"timeout": 2}, {"s": 2 * DAY}, id="digits in two days"),
        pytest.param("WaitForDTMF", {}, {"s": DAY}, id="digits have a day"),
        pytest.param("HttpRequest", {"timeoutSeconds": 30}, {"s": 30.0}, id="a request"),
        pytest.param("HttpRequest", {"timeoutSeconds": "30"}, {"s": 30.0}, id="a request, in text"),
        pytest.param("HttpRequest", {}, {"s": 5.0}, id="a request has five seconds"),
        pytest.param("HttpRequest", {"timeoutSeconds": "{{data.t}}"}, {"s": None}, id="a templated request"),
        pytest.param("SMS", {"timeout": "00:15:00", "duration": "1"}, {}, id="a message declares nothing"),
        pytest.param("Juggle", {"timeout": "00:15:00"}, {}, id="a type that is not known"),
    ],
)
def test_what_a_step_declares(type: str, inputs: Mapping[str, object], expected: dict[str, float | None]) -> None:
    assert declared_limits([DeclaredStep("s", type, inputs)]) == expected


@pytest.mark.parametrize("other", ["00:01:00", "00:03:00"])
def test_of_two_steps_with_one_name_the_longer_counts(other: str) -> None:
    steps = [DeclaredStep("s", "Wait", {"duration": "00:02:00"}), DeclaredStep("s", "Wait", {"duration": other})]
    assert declared_limits(steps) == declared_limits(steps[::-1]) == {"s": 180.0 if other == "00:03:00" else 120.0}


def test_of_two_steps_with_one_name_one_that_is_not_known_counts() -> None:
    steps = [DeclaredStep("s", "Wait", {"duration": "1"}), DeclaredStep("s", "Wait", {"duration": "{{data.due}}"})]
    assert declared_limits(steps) == declared_limits(steps[::-1]) == {"s": None}
