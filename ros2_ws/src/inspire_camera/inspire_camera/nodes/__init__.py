"""ROS 2 node of a camera."""
