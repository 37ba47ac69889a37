from setuptools import find_packages, setup

package = "inspire_camera"

setup(
    name=package,
    version="0.1.0",
    description="The real eyes: RealSense cameras, live, recorded or synthetic, on the topics of realsense-ros.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@example.org",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=["setuptools", "numpy", "pyrealsense2", "inspire_policy"],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "camera_node = inspire_camera.nodes.camera_node:main",
        ],
    },
)
