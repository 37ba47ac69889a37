"""Where a librealsense device comes from: plugged in, recorded, or synthetic."""
