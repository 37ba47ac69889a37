"""The brain's ROS-free core: directions, prompts, action contract, image geometry, bundles, engines and programs."""
