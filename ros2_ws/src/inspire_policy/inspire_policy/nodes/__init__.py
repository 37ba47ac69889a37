"""ROS nodes of the policy; they translate messages and hold no arithmetic."""
