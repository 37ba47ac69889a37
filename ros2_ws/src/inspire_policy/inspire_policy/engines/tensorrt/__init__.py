"""TensorRT, and TensorRT for RTX: engines are built by a command and never while a robot waits."""
