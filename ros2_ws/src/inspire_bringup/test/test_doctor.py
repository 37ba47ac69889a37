"""The doctor: every check finds what is there, and each is made to miss it for real."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inspire_bringup.doctor import machine, software
from inspire_bringup.doctor.__main__ import checks
from inspire_bringup.doctor.finding import Answer, Finding, ask, demo_can_run
from inspire_bringup.doctor.pace import check_pace, judged
from inspire_bringup.paths import share_folder
from inspire_camera.usb import UsbCamera
from inspire_sim.worlds.libero_assets import ASSET_FOLDERS

TMPFS = "unshare", "--map-root-user", "--mount", "bash", "-c"


def missed(finding: Finding, *, required: bool) -> Finding:
    """A finding that says what was expected and how to mend it."""
    assert not finding.found
    assert finding.required == required
    assert "expected" in finding.detail
    assert finding.mend
    return finding


def program(folder: Path, text: str) -> str:
    """An executable that stands for another program."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_tmpfs_that_is_too_small_is_missing_room(tmp_path):
    question = (
        "from inspire_bringup.doctor.machine import check_shared_memory; from pathlib import Path; "
        f"print(check_shared_memory(Path({str(tmp_path)!r})).line())"
    )
    mounted = f'mount -t tmpfs -o size=64m none {tmp_path} && exec {sys.executable} -c "{question}"'
    done = subprocess.run([*TMPFS, mounted], capture_output=True, text=True, timeout=120)
    if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"no tmpfs may be mounted here: {done.stderr.strip()}")
    assert done.stdout.startswith("missing"), done.stderr
    assert "expected 211 MB free" in done.stdout
    assert "found 67 MB" in done.stdout
    assert "--shm-size 1g" in done.stdout


def test_no_shared_memory_at_all_is_missing(tmp_path):
    missed(machine.check_shared_memory(tmp_path / "shm"), required=False)
    assert machine.check_shared_memory(tmp_path, participants=0).found


def test_disk(tmp_path):
    assert machine.check_disk(tmp_path, needed=1).found
    missed(machine.check_disk(tmp_path, needed=1 << 60), required=True)
    missed(machine.check_disk(tmp_path / "nowhere"), required=True)


def test_memory(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable: 1000000 kB\n")
    assert "1.0 GB available" in missed(machine.check_memory(meminfo), required=True).detail
    assert machine.check_memory(meminfo, needed=1).found
    missed(machine.check_memory(tmp_path / "nothing"), required=False)


def test_a_gpu_is_what_the_drivers_program_lists(tmp_path):
    assert "found" in missed(machine.check_gpu("no-such-program"), required=False).detail
    broken = program(tmp_path, "echo 'Failed to initialize NVML' >&2; exit 9")
    assert "NVML" in missed(machine.check_gpu(broken), required=False).detail
    assert machine.check_gpu(program(tmp_path, "echo 'A GPU, 999.1, 8192 MiB'")).detail == "A GPU, 999.1, 8192 MiB"


def test_the_cpu_governor(tmp_path):
    assert machine.check_governor(tmp_path).found, "a virtual machine has none to set"
    for index, governor in enumerate(("performance", "powersave")):
        file = tmp_path / f"cpu{index}/cpufreq/scaling_governor"
        file.parent.mkdir(parents=True)
        file.write_text(governor + "\n")
    assert "powersave" in missed(machine.check_governor(tmp_path), required=False).detail
    file.write_text("performance\n")
    assert machine.check_governor(tmp_path).detail == "performance"


def test_the_real_time_limit_of_this_user():
    missed(machine.check_real_time_limit(0), required=False)
    assert machine.check_real_time_limit(99).found
    assert machine.check_real_time_limit(-1).detail == "priority up to any"


def test_ros_is_found_missing_or_too_old():
    assert software.check_ros({}).found
    assert "rclpy_of_nobody" in missed(software.check_ros({}, modules=("rclpy_of_nobody",)), required=True).detail
    assert "humble" in missed(software.check_ros({"ROS_DISTRO": "humble"}), required=True).detail


def test_the_dds_profile_in_effect(tmp_path):
    assert software.check_dds({}).detail == "dds_profile.xml; discovery LOCALHOST"
    profile = tmp_path / "mine.xml"
    for content in (None, "no xml", "<dds><segment_size>524288</segment_size></dds>"):
        if content:
            profile.write_text(content)
        finding = missed(software.check_dds({"FASTDDS_DEFAULT_PROFILES_FILE": str(profile)}), required=False)
        assert str(profile) in finding.detail
    missed(software.check_dds({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}), required=False)
    assert software.check_dds({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}).detail.endswith("SUBNET")


def test_the_renderer(monkeypatch):
    assert software.check_renderer({}).found
    monkeypatch.setattr("inspire_sim.renderer.OSMESA", ("libOSMesa.so.of_nobody",))
    assert "libosmesa6" in missed(software.check_renderer({}), required=True).mend


def test_the_engine():
    assert software.check_engine().found
    missed(software.check_engine(()), required=True)
    missed(software.check_engine(("onnxruntime", "onnxruntime-gpu")), required=True)


def test_the_bundle(tmp_path):
    assert software.check_bundle("tabletop").found
    missed(software.check_bundle(str(tmp_path / "nowhere")), required=True)
    damaged = tmp_path / "damaged"
    shutil.copytree(share_folder() / "bundles" / "tabletop", damaged)
    with (damaged / "head.onnx").open("ab") as file:
        file.write(b"x")
    assert "head.onnx" in missed(software.check_bundle(str(damaged)), required=True).detail


def test_tensorrt_is_imported_in_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "crashing_rt.py").write_text("import os\nos.abort()")
    (tmp_path / "good_rt.py").write_text("__version__ = '10.1'")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = missed(software.check_tensorrt(("rt_of_nobody", "crashing_rt")), required=False)
    assert "no module rt_of_nobody" in finding.detail
    assert "crashing_rt: exit status -6" in finding.detail
    assert software.check_tensorrt(("good_rt",)).detail == "good_rt 10.1"


def test_cameras():
    none, some, broken = Answer(True, ""), Answer(True, "D435 123"), Answer(False, "No module named pyrealsense2")
    barred = UsbCamera("Intel RealSense D435", Path("/dev/bus/usb/001/002"), False)
    assert software.check_cameras(lambda: some, tuple).detail == "D435 123"
    assert "udev" in missed(software.check_cameras(lambda: none, lambda: (barred,)), required=False).mend
    assert "libusb" in missed(software.check_cameras(lambda: broken, tuple), required=False).mend
    missed(software.check_cameras(lambda: none, tuple), required=False)


def test_librealsense_answers():
    assert software.realsense_devices().ok


def test_libero_assets(tmp_path):
    missed(software.check_libero({}, cache=tmp_path), required=False)
    missed(software.check_libero({"INSPIRE_LIBERO_ASSETS": str(tmp_path / "x")}), required=False)
    for name in ASSET_FOLDERS:
        (tmp_path / "libero_assets" / name).mkdir(parents=True)
    finding = software.check_libero({}, cache=tmp_path)
    assert finding.found or "make setup-libero" in finding.mend
    (tmp_path / "libero_assets" / ASSET_FOLDERS[0]).rmdir()
    assert ASSET_FOLDERS[0] in missed(software.check_libero({}, cache=tmp_path), required=False).detail


@pytest.mark.timeout(320)
def test_the_pace_of_the_tabletop_world():
    finding = check_pace(seconds=0.2, timeout=280.0)
    assert re.search(r"[0-9.]+ (times real time|with [0-9]+% of a CPU)$", finding.detail)
    assert "no answer" in missed(judged(Answer(False, "no answer within 1 s", late=True)), required=False).detail
    assert judged(Answer(True, "2.5 0.9")).detail == "2.5 times real time"
    assert "0.50 with 90% of a CPU" in missed(judged(Answer(True, "0.5 0.9")), required=False).detail


def test_a_world_that_cannot_run_is_required(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    missed(check_pace(seconds=0.1), required=True)


def test_a_program_that_never_answers_is_ended(tmp_path):
    assert "0.2 s" in ask([program(tmp_path, "exec sleep 60")], timeout=0.2).text
    assert ask([str(tmp_path)], timeout=1.0).text.endswith("Permission denied")


def test_only_what_is_required_decides():
    good, optional = Finding(name="a", found=True, detail=""), Finding(name="b", found=False, detail="", mend="m")
    assert demo_can_run([good, optional])
    assert not demo_can_run([good, Finding(name="c", found=False, detail="", mend="m", required=True)])
    assert "(optional)" in optional.line()


def test_the_command_reports_every_check_and_ends_by_what_is_required(tmp_path):
    def doctor(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "inspire_bringup.doctor", "--quick", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)

    done = doctor("--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert report["demo_can_run"]
    assert len(report["findings"]) == len(checks(bundle="tabletop", folder=tmp_path, quick=True))
    without = doctor("--bundle", "nowhere")
    assert without.returncode == 2
    assert "MISSING  bundle" in without.stdout
    assert "the demo cannot run" in without.stdout
