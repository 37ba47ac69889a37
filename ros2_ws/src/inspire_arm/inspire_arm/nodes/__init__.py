"""ROS 2 nodes of the arm gate."""
