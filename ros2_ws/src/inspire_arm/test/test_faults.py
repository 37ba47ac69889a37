"""The fault matrix in small, and that it would tell: a gate that is broken by hand is found out."""

from dataclasses import replace

import pytest

from inspire_arm.adapters import CONTROLLERS
from inspire_arm.faults.__main__ import main, measure
from inspire_arm.faults.kinds import KINDS
from inspire_arm.faults.trial import run_trial
from inspire_arm.realtime import RealtimeGate
from inspire_arm.reasons import REGISTRY

BY_NAME = {fault.name: fault for fault in KINDS}


@pytest.mark.parametrize("name", BY_NAME)
def test_no_violation(name):
    row = measure(BY_NAME[name], 3, first=100_000)
    assert row.broken == []


@pytest.mark.parametrize("controller", CONTROLLERS[1:])
def test_no_violation_with_another_adapter(controller, capsys):
    assert main(["--trials", "2", "--first-seed", "100000", "--controller", controller]) == 0, capsys.readouterr().err


def test_there_are_enough_kinds_and_they_name_what_exists():
    assert len(KINDS) >= 25 and len(BY_NAME) == len(KINDS)
    for fault in KINDS:
        assert {*fault.reasons, *fault.also} - {""} <= set(REGISTRY)
        assert fault.latched == "" or fault.latched in fault.reasons
    named = {name for fault in KINDS for name in (*fault.reasons, *fault.also)}
    assert set(REGISTRY) - named == set(), "a reason that no kind of fault leads to"


def test_a_trial_is_repeatable():
    assert run_trial(BY_NAME["burst"], 7) == run_trial(BY_NAME["burst"], 7)


def test_a_wrong_expectation_and_a_deaf_gate_are_violations(monkeypatch, capsys):
    wrong = replace(BY_NAME["nan_pose"], reasons=("no_pose",), latched="", hold_within=0.0)
    assert len(run_trial(wrong, 0).violations) == 4
    assert main(["--trials", "1", "--kinds", "commander_dies"]) == 0
    monkeypatch.setattr(RealtimeGate, "tick", lambda self, *, now, steady: None)
    assert main(["--trials", "1", "--kinds", "commander_dies"]) == 1
    shown = capsys.readouterr()
    assert "| commander_dies | 1 |" in shown.out and "still moving" in shown.err
