"""Training of InSpire policies: records and labels, model parts, training, export, evaluation. Never imports rclpy."""
