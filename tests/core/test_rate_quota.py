import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.scheduling.token_bucket import RateQuota

STEPS = st.lists(st.floats(0.0, 20.0) | st.sampled_from([0.0, "restart", "wait"]), min_size=1, max_size=400)


@given(
    steps=STEPS,
    pace=st.builds(lambda burst, more: RateQuota(burst + more, burst), st.integers(1, 30), st.integers(1, 100)),
    began=st.floats(0.0, 1e7),
)
def test_no_minute_holds_more_than_the_pace_whatever_is_sent_and_however_often_it_begins_anew(
    steps: list[float | str], pace: RateQuota, began: float
) -> None:
    now, bucket, sent = began, pace.begun(began), list[float]()
    for step in steps:
        if step == "restart":
            bucket = pace.begun(now)
        elif isinstance(step, float):
            now += step
        else:
            now += bucket.wait(now)
        if (left := bucket.spend(now)) is not None:
            bucket = left
            sent.append(now)

    for n, begin in enumerate(sent):
        assert sum(1 for at in sent[n:] if at - begin <= 60) <= pace.per_minute


def test_the_pace_is_made_use_of() -> None:
    now, pace = 0.0, RateQuota(per_minute=120)
    bucket = pace.begun(now)
    for _ in range(1100):
        now += bucket.wait(now)
        bucket = bucket.spend(now) or bucket

    assert now == pytest.approx(600, abs=1)


def test_after_a_quiet_time_a_burst_goes_at_once() -> None:
    bucket, sent = RateQuota(per_minute=120).begun(0.0), 0
    while (left := bucket.spend(3600.0)) is not None:
        bucket, sent = left, sent + 1

    assert sent == 10
