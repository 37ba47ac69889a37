"""`inspire/load_bundle`: another bundle takes the running one's place, between two ticks and without a missed period.

The new bundle is checked, loaded, warmed up and held against its parity samples on a thread of its own, while the old
one goes on; only the exchange itself happens on the executor's thread. One at a time. The service answers when the new
bundle is in use, or was refused; then the old one stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from inspire_msgs.srv import LoadBundle
from rclpy.node import Node
from rclpy.task import Future

from inspire_policy.brain import Brain
from inspire_policy.bundle import BundleError, find_bundle, read_manifest
from inspire_policy.engines.protocol import EngineError
from inspire_policy.exchange import check_exchange
from inspire_policy.ros.services import create_async_service

REFUSALS = (BundleError, EngineError, ValueError)


class BundleSwap:
    """Offers the service.

    Args:
        node: its owner. running: the brain in use, None where there is none.
        load: makes a brain of a bundle's name or path; called on another thread.
        exchange: puts a brain in the other's place; may raise ValueError, with nothing changed.
    """

    def __init__(
        self,
        node: Node,
        *,
        running: Callable[[], Brain | None],
        load: Callable[[str], Brain],
        exchange: Callable[[Brain], None],
    ) -> None:
        self._node = node
        self._running, self._load, self._exchange = running, load, exchange
        self._loading = ""
        create_async_service(node, LoadBundle, "inspire/load_bundle", self._on_request)

    async def _on_request(self, request: LoadBundle.Request, response: LoadBundle.Response) -> LoadBundle.Response:
        try:
            response.message = await self._swap(request.bundle)
            response.success = True
            self._node.get_logger().info(response.message)
        except REFUSALS as error:
            response.message = str(error)
            self._node.get_logger().warning(f"inspire/load_bundle: the bundle stays as it is: {error}")
        return response

    async def _swap(self, name: str) -> str:
        """Load and exchange; says what is in use. Raises one of REFUSALS."""
        old = self._running()
        if old is None:
            raise ValueError("expected a configured policy, found none; configure it, which loads a bundle")
        if self._loading:
            raise ValueError(f"expected one bundle at a time, found {self._loading} being loaded; ask again later")
        self._loading = name
        try:
            loaded: Future = Future()
            threading.Thread(target=self._load_beside, args=(name, old, loaded), name="loading", daemon=True).start()
            new = await loaded
        finally:
            self._loading = ""
        if isinstance(new, Exception):
            raise new
        if self._running() is not old:
            raise ValueError("expected the policy to go on while the bundle was loaded, found it configured anew")
        self._exchange(new)
        manifest = new.bundle.manifest
        return f"bundle {manifest.name} is in use: {new.parity_samples} parity samples agree"

    def _load_beside(self, name: str, old: Brain, loaded: Future) -> None:
        """The loading thread: hands a brain, or what went wrong, to the executor's thread."""
        result: Brain | Exception
        try:
            check_exchange(old.bundle.manifest, read_manifest(find_bundle(name)))
            result = self._load(name)
        except REFUSALS as error:
            result = error
        except Exception as error:  # whatever a broken file makes an engine raise: the old bundle goes on
            result = BundleError(f"bundle {name}: expected to load, found {type(error).__name__}: {error}")
        executor = self._node.executor
        if executor is not None:
            executor.create_task(loaded.set_result, result)
