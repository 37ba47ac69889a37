"""RealSense cameras, live, recorded or synthetic, on the topics of realsense-ros."""
