"""Nodes that spin beside the main thread, and end without taking the process along."""

from __future__ import annotations

import threading

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

WAIT = 0.1  # s, as long as the end is noticed late


class Spinning:
    """Spins a node on a thread of its own, which has ended before anything of the node is destroyed.

    rclpy's Executor.shutdown does not wait for another thread that spins, and a node that is destroyed under a thread
    that still waits for it ends the process with a segmentation fault (ros2/rclpy issues 178 and 663).
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._spin, name=f"spins {node.get_name()}", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._over.is_set():
            self._executor.spin_once(timeout_sec=WAIT)

    def close(self) -> None:
        """End the thread, then destroy the node."""
        self._over.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
