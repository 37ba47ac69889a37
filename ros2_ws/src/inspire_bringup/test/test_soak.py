"""The soak in its short form: images through the shipped DDS profile, and what counts as growth."""

import mmap
import os
import subprocess
import sys

import pytest

from inspire_bringup.errors import BadInput
from inspire_bringup.soak import Memory, growth, judged, medians, own_memory
from inspire_bringup.soak import main as soak
from inspire_bringup.soak_frames import main as frames


@pytest.fixture
def alone(monkeypatch):
    """A ROS domain of this test's own."""
    from inspire_bringup.environment import remove_orphaned_segments, stack_environment
    from inspire_policy.ros.domains import free_domain_id

    for name, value in stack_environment(os.environ, domain_id=free_domain_id()).items():
        monkeypatch.setenv(name, value)
    yield
    remove_orphaned_segments()


def test_no_image_is_lost_on_the_way_to_another_process(alone, capsys):
    assert frames(["--frames", "100", "--patience", "30"]) == 0
    assert "100 images of 640x480, 0 lost, 0 damaged" in capsys.readouterr().out


def test_growth_is_what_comes_after_the_warm_up():
    flat = [(0.5 * i, 100.0 if i > 10 else 50.0) for i in range(100)]
    assert medians(flat)[1:] == [100.0] * 4
    assert growth(medians(flat)) == 0.0
    leak = [(0.5 * i, 100.0 + 0.1 * i) for i in range(100)]
    assert growth(medians(leak)) == pytest.approx(6.0 / 103.0 * 100, rel=0.1)
    with pytest.raises(ValueError, match="expected 10 samples or more, found 3"):
        medians(flat[:3])


def test_a_process_that_grows_is_named():
    told: list[str] = []
    memory = Memory({}, {"steady": [(i, 50.0) for i in range(20)], "leaky": [(i, 50.0 + i) for i in range(20)]})
    assert not judged(memory, 1.0, told.append)
    assert ["expected 1 % at most" in line for line in told] == [False, False, True] and "leaky" in told[2]


def test_what_a_process_holds_counts_and_files_that_it_maps_do_not(tmp_path):
    megabytes = 40
    file = tmp_path / "mapped"
    file.write_bytes(bytes(megabytes << 20))
    before = own_memory(os.getpid())
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[::4096]) == 0  # every page is resident now
        assert own_memory(os.getpid()) - before < 0.2 * megabytes
    held = bytearray(b"x" * (megabytes << 20))
    assert own_memory(os.getpid()) - before > 0.8 * megabytes
    del held
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert own_memory(ended.pid) is None


def test_a_soak_of_no_time_and_no_images_is_refused():
    with pytest.raises(BadInput, match="minutes: expected more than 0"):
        soak(["--minutes", "0"])
    with pytest.raises(BadInput, match="frames: expected 1 or more"):
        frames(["--frames", "0"])


@pytest.mark.slow
def test_a_short_soak_drives_episodes_and_reads_every_process(alone, capsys):
    # So short that it says nothing about growth; the ten minutes are `make soak`.
    assert soak(["--minutes", "0.1", "--commander", "expert", "--limit", "1000"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("sim", "arm_gate", "expert", "episode_recorder"))
