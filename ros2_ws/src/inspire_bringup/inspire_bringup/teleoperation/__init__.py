"""From an operator's hands to leads: keys and joystick axes, their scale, and whose turn it is. No ROS in here."""
