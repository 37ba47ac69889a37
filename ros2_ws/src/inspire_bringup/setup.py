from glob import glob
from os.path import dirname, isfile

from setuptools import find_packages, setup

package = "inspire_bringup"


def installed(pattern):
    """(share folder, files) for every folder with files of this pattern; colcon and pip put them there alike."""
    files = [path for path in glob(pattern, recursive=True) if isfile(path)]  # engines built here stay here
    return [
        (f"share/{package}/{folder}", [f for f in files if dirname(f) == folder])
        for folder in sorted({dirname(f) for f in files})
    ]


setup(
    name=package,
    version="0.1.0",
    description="Stacks, launch files, runner, DDS profile, parameters and the shipped bundle.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@example.org",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=[
        *("setuptools", "numpy", "opencv-python-headless", "mcap", "mcap-ros2-support", "imageio-ffmpeg"),
        *("inspire_policy", "inspire_arm", "inspire_camera", "inspire_sim"),
    ],
    extras_require={"foxglove": ["foxglove-sdk"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
        *installed("config/*"),
        *installed("launch/*.launch.py"),
        *installed("bundles/*/*"),
        *installed("security/*"),
        *installed("rviz/*"),
        *installed("foxglove/*"),
    ],
    entry_points={
        "console_scripts": [
            "foxglove_node = inspire_bringup.foxglove_node:main",
            "recorder_node = inspire_bringup.recorder_node:main",
            "teleop_node = inspire_bringup.teleop_node:main",
        ],
    },
)
