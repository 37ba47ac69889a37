from setuptools import find_packages, setup

package = "inspire_sim"

setup(
    name=package,
    version="0.1.0",
    description="Simulated bodies on the topics of a real robot, with a scripted expert and ground truth.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@example.org",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=["setuptools", "numpy", "inspire_policy"],
    extras_require={
        # robosuite itself (1.4.0) is installed without its dependencies: it asks for another build of OpenCV.
        "tabletop": ["mujoco", "fast-simplification", "numba", "scipy", "Pillow", "PyOpenGL", "termcolor"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "sim_node = inspire_sim.nodes.sim_node:main",
            "expert_node = inspire_sim.nodes.expert_node:main",
        ],
    },
)
