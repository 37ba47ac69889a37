"""Which bundle may take another's place while it runs: one that the arm, the cameras and the gate cannot tell apart.

Everything else may differ: weights, words, objects, image sizes, codec, chunk length.
"""

from __future__ import annotations

from dataclasses import fields

from inspire_policy.action import ActionContract
from inspire_policy.bundle import BundleError
from inspire_policy.manifest import Manifest

MEND = "deactivate the policy and start it with that bundle instead"


def check_exchange(running: Manifest, found: Manifest) -> None:
    """Raises BundleError, naming every difference, unless `found` may take the place of `running`."""
    differences = [
        f"{field.name} {getattr(running.contract, field.name)}, found {getattr(found.contract, field.name)}"
        for field in fields(ActionContract)
        if getattr(running.contract, field.name) != getattr(found.contract, field.name)
    ]
    if set(running.cameras) != set(found.cameras):
        differences.append(f"cameras {', '.join(sorted(running.cameras))}, found {', '.join(sorted(found.cameras))}")
    if not set(running.bodies) & set(found.bodies):
        differences.append(f"a body among {', '.join(running.bodies)}, found {', '.join(found.bodies)}")
    if differences:
        raise BundleError(f"bundle {found.name}: expected {'; expected '.join(differences)}; {MEND}")
