"""What the exchange benchmark counts as a missed control period; the measurement itself is `make bench-exchange`."""

import math

import pytest

from inspire_bringup.errors import BadInput
from inspire_bringup.exchange_benchmark import Act, Phase, main, row_of

MS, PERIOD = 1_000_000, 50_000_000
PHASE = Phase("exchange 1", 0, 10 * PERIOD, lag=0.012)
STAMPS = range(0, 12 * PERIOD, PERIOD)


def act(index, late=3, hold=False):
    return Act(index * PERIOD + late * MS, index * PERIOD, hold)


def test_every_observation_of_the_phase_wants_an_action_with_its_stamp():
    row = row_of(PHASE, STAMPS, [act(index) for index in range(12)])
    assert (row.periods, row.missed, row.held) == (10, 0, 0)
    assert (row.median, row.worst, row.gap, row.lag) == pytest.approx((3.0, 3.0, 50.0, 12.0))
    assert row.text().startswith("| exchange 1 | 10 | 0 | 0 | 3 | 3 | 50 | 12 |")


def test_what_is_missing_held_late_or_said_twice_is_told():
    acts = [act(0), act(1), act(2, hold=True), act(5, late=40), act(6), act(6, late=20), act(7), act(8), act(9)]
    row = row_of(PHASE, STAMPS, acts)
    assert (row.missed, row.held, row.worst, row.median) == (2, 1, 40.0, 3.0)
    assert row.gap == pytest.approx(5 * 50 + 40 - 2 * 50 - 3)


def test_silence_is_every_period_missed_and_a_phase_without_observations_says_nothing():
    silent = row_of(PHASE, STAMPS, [])
    assert silent.missed == 10 and silent.worst == math.inf and silent.gap == pytest.approx(500.0)
    with pytest.raises(ValueError, match="exchange 1: expected observations, found none in 0.50 s"):
        row_of(PHASE, [], [act(1)])


def test_no_exchange_and_no_bundle_are_refused():
    with pytest.raises(BadInput, match="exchanges: expected 1 or more, found 0"):
        main(["--exchanges", "0"])
    with pytest.raises(BadInput, match="expected a folder or a name"):
        main(["--bundle", "nowhere"])
