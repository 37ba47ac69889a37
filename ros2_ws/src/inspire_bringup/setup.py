from setuptools import find_packages, setup

package = "inspire_bringup"

setup(
    name=package,
    version="0.1.0",
    description="Stacks, launch files, runner, DDS profile, parameters and the shipped bundle.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@users.noreply.b-seed-9ee8d4e8.example",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=['setuptools', 'numpy', 'inspire_policy'],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [

        ],
    },
)
