from setuptools import find_packages, setup

package = "inspire_policy"

setup(
    name=package,
    version="0.1.0",
    description="The InSpire policy runtime: directions, action contract, bundles, engines, programs and policy_node.",
    license="Apache-2.0",
    maintainer="InSpire ROS 2 maintainers",
    maintainer_email="maintainers@example.org",
    packages=find_packages(exclude=["test"]),
    python_requires=">=3.11",
    install_requires=["setuptools", "numpy", "opencv-python-headless", "tokenizers"],
    extras_require={
        # They exclude each other: both write the package onnxruntime (see inspire_policy/engines/distributions.py).
        "cpu": ["onnxruntime"],
        "gpu": ["onnxruntime-gpu"],
        # Beside one of NVIDIA's TensorRT libraries, which come from elsewhere, or tensorrt-rtx.
        "tensorrt": ["cuda-bindings"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "policy_node = inspire_policy.nodes.policy_node:main",
            "agreement_node = inspire_policy.nodes.agreement_node:main",
            "build_engine = inspire_policy.engines.tensorrt.command:main",
        ],
    },
)
