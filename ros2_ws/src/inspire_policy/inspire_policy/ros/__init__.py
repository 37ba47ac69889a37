"""Thin ROS 2 helpers shared by every node: quality of service, messages, parameters and the life of a process.

The only part of this package, beside `nodes`, that imports rclpy.
"""
