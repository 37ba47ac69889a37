from setuptools import find_packages, setup

package = "inspire_arm"

setup(
    name=package,
    version="0.1.0",
    description="The arm gate, the only thing that may command the arm: envelope, watchdogs, states, leases, adapters.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@example.org",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=["setuptools", "numpy", "inspire_policy"],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "arm_gate = inspire_arm.nodes.arm_gate:main",
            "arm_state = inspire_arm.nodes.arm_state:main",
            "fake_arm = inspire_arm.nodes.fake_arm:main",
        ],
    },
)
