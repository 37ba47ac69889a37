"""Bad input to the commands: exit code 2, what was expected and found, no traceback, nothing left behind."""

import os
import re

import pytest
from commands import call

EXPERT = ("--commander", "expert")

TABLE = {
    "unknown world": (["--world", "moon"], "world: expected one of tabletop, .*found 'moon'"),
    "unknown mode": (["--mode", "fast"], "mode: expected one of lockstep, realtime, found 'fast'"),
    "unknown commander": (["--commander", "me"], "commander: expected one of policy, expert, none, found 'me'"),
    "unknown option": (["--speed", "3"], "unrecognized arguments: --speed 3"),
    "unknown bundle": (["--bundle", "nowhere"], "bundle: expected .*found 'nowhere'"),
    "bundle without manifest": (["--bundle", "./docs"], "bundle: expected a folder with policy.json, found none"),
    "unknown task": ([*EXPERT, "--task", "milk_moon"], "task: expected one of milk_bin, .*found 'milk_moon'"),
    "task index": ([*EXPERT, "--task", "99"], "task: expected .*an index below .*found '99'"),
    "unknown split": ([*EXPERT, "--split", "hard"], "split: expected one of train, .*found 'hard'"),
    "empty instruction": ([*EXPERT, "--instruction", ""], "instruction: expected text .*found an empty one"),
    "blank instruction": ([*EXPERT, "--instruction", "   "], "instruction: expected text .*found an empty one"),
    "endless instruction": ([*EXPERT, "--instruction", "x" * 10_000], "at most 256 characters, found 10000"),
    "unknown object": (
        [*EXPERT, "--instruction", "pick up the spaceship and place it in the bin"],
        "expected an object of milk, .*found spaceship, bin",
    ),
    "task and instruction disagree": (
        [*EXPERT, "--task", "can_plate", "--instruction", "pick up the milk and place it in the bin"],
        "expected one for the task can_plate, found one for milk_bin",
    ),
    "image size": ([*EXPERT, "--image-size", "big"], "image_size: expected a whole number, found 'big'"),
    "image size out of range": ([*EXPERT, "--image-size", "4"], "image_size: expected 16 to 1024, found 4"),
    "seed": ([*EXPERT, "--seed", "-1"], "seed.*expected 0 or more, found"),
    "namespace": ([*EXPERT, "--namespace", "le ft"], "namespace: expected .*found 'le ft'"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_ends_with_code_2_and_one_clear_line(name, tmp_path):
    arguments, message = TABLE[name]
    out = tmp_path / "run"
    ended = call("inspire_bringup.demo", "--out", out, *arguments, timeout=120)
    assert ended.code == 2, ended.errors
    assert re.search(rf"error: .*{message}", ended.errors), ended.errors
    assert "Traceback" not in ended.errors + ended.output
    assert len(ended.errors.strip().splitlines()) == 1
    assert not out.exists()


def test_a_folder_that_exists_is_not_written_into(tmp_path):
    ended = call("inspire_bringup.demo", "--commander", "expert", "--out", tmp_path, timeout=120)
    assert ended.code == 2
    assert "expected a folder that does not exist yet" in ended.errors
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    ended = call("inspire_bringup.demo", "--commander", "expert", "--out", tmp_path / "file" / "run", timeout=120)
    assert ended.code == 2
    assert "expected a folder that can be written" in ended.errors


def test_missing_libero_assets_are_said_with_how_to_get_them(tmp_path):
    pytest.importorskip("libero", reason="LIBERO is an extra: `make setup-libero`")
    environment = {**os.environ, "INSPIRE_LIBERO_ASSETS": str(tmp_path)}
    ended = call(
        "inspire_bringup.demo", "--world", "libero_object", *EXPERT, "--out", tmp_path / "run", environment=environment
    )
    assert ended.code == 2, ended.errors
    assert "LIBERO assets: expected" in ended.errors
    assert "Traceback" not in ended.errors
