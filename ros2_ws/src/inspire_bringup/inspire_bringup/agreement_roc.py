"""Receiver operating characteristics of a warning: pure, for a score per episode that warns from a threshold on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True)
class Curve:
    """How often it warns in successes (false) and before failures (true), by threshold; AUC with a 95 % interval.

    Attributes:
        thresholds: falling. false_rates, true_rates: at each. auc: area; a half is chance. low, high: percentile
            bootstrap over episodes, failures and successes drawn apart.
    """

    thresholds: list[float]
    false_rates: list[float]
    true_rates: list[float]
    auc: float
    low: float
    high: float


def area(failed: np.ndarray, succeeded: np.ndarray) -> float:
    """The chance that a failed episode scores higher than a successful one, ties half."""
    wins = (failed[:, None] > succeeded[None, :]).mean()
    return float(wins + 0.5 * (failed[:, None] == succeeded[None, :]).mean())


def curve(failed: Sequence[float], succeeded: Sequence[float], *, seed: int = 0) -> Curve:
    """The curve of scores of both kinds of episodes. Raises ValueError without any of one kind."""
    bad, good = np.asarray(failed, dtype=float), np.asarray(succeeded, dtype=float)
    if not len(bad) or not len(good):
        raise ValueError(f"roc: expected failed and successful episodes, found {len(bad)} and {len(good)}")
    rng = np.random.default_rng(seed)
    areas = [area(rng.choice(bad, len(bad)), rng.choice(good, len(good))) for _ in range(RESAMPLES)]
    low, high = np.percentile(areas, [2.5, 97.5])
    thresholds = np.unique(np.concatenate([bad, good]))[::-1]
    return Curve(
        thresholds=[float("inf"), *thresholds.tolist()],
        false_rates=[0.0, *((good >= t).mean() for t in thresholds)],
        true_rates=[0.0, *((bad >= t).mean() for t in thresholds)],
        auc=area(bad, good),
        low=float(low),
        high=float(high),
    )
