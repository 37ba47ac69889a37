"""A lifecycle node whose refusals are sentences, and that can start by itself.

rclpy swallows exceptions in transitions, so each is told here and refuses the transition.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from inspire_policy.ros.parameters import ConfigurationError


class ConfigurableNode(LifecycleNode):
    """Subclasses say how to configure, and whether they start by themselves.

    Attributes:
        autostart: configure and activate at start. refusals: errors of `_configure` whose text is meant for the user;
            any other is a traceback as well.
    """

    autostart = False
    refusals: tuple[type[Exception], ...] = ()
    _failure = ""

    def start(self) -> None:
        """Configure and activate, for `autostart`. Raises ConfigurationError with the reason."""
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != TransitionCallbackReturn.SUCCESS:
                raise ConfigurationError(
                    self._failure or f"{self.get_name()}: expected to start, found an error; see the log above"
                )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure, or refuse and tell why."""
        try:
            self._configure()
        except self.refusals as error:
            self._failure = str(error)
        except Exception as error:
            traceback.print_exc()
            self._failure = f"configure: {type(error).__name__}: {error}"
        else:
            return TransitionCallbackReturn.SUCCESS
        self.get_logger().error(self._failure)
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        """What configuring means. May raise."""
        raise NotImplementedError


Made = TypeVar("Made", bound=ConfigurableNode)


def started(make: Callable[[], Made]) -> Made:
    """The node, started when it says so. Raises ConfigurationError."""
    node = make()
    if node.autostart:
        node.start()
    return node
