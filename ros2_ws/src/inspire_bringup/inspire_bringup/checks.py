"""What is checked before anything is started, so that bad input costs no waiting: each check raises BadInput.

A message says what was expected, what was found and how to mend it. What only the running world can know (LIBERO's
tasks) is refused by its reset in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspire_bringup.errors import BadInput
from inspire_policy.bundle import Bundle, BundleError, find_bundle, load_bundle
from inspire_policy.instructions import checked_instruction, checked_objects, objects_named
from inspire_sim.renderer import missing_renderer

LIBERO_SPLITS = ("train", "random")  # its recorded initial states; its placement sampler


@dataclass(frozen=True)
class Request:
    """What a user asks a simulated stack to do; empty texts leave the choice to the world."""

    world: str
    commander: str
    bundle: str
    task: str = ""
    instruction: str | None = None
    split: str = ""


def checked(request: Request, environment: Mapping[str, str]) -> Request:
    """The request with task and split filled in where they follow from the rest. Raises BadInput."""
    check_renderer(environment)
    bundle = checked_bundle(request.bundle, request.world) if request.commander == "policy" else None
    if request.instruction is not None:
        _check_text(request.instruction, bundle)
    if request.world == "tabletop":
        return _checked_tabletop(request)
    if request.split not in ("", *LIBERO_SPLITS):
        raise BadInput(
            f"split: expected one of {', '.join(LIBERO_SPLITS)} in {request.world}, found {request.split!r}; held-out "
            "splits belong to tabletop"
        )
    return request


def check_renderer(environment: Mapping[str, str]) -> None:
    """Software rendering needs the OSMesa library."""
    missing = missing_renderer(environment)
    if missing:
        raise BadInput(missing)


def checked_bundle(name: str, world: str) -> Bundle:
    """The bundle, complete and untampered, if it was made for this world."""
    try:
        bundle = load_bundle(find_bundle(name))
        bundle.check_body(world)
    except BundleError as error:
        raise BadInput(str(error)) from error
    return bundle


def _check_text(instruction: str, bundle: Bundle | None) -> None:
    try:
        text = checked_instruction(instruction)
        if bundle is not None:
            known = bundle.manifest.known_objects
            checked_objects(objects_named(text, known), known, bundle.manifest.max_questions)
    except ValueError as error:
        raise BadInput(str(error)) from error


def _checked_tabletop(request: Request) -> Request:
    from inspire_sim.worlds.tabletop_tasks import DESTINATIONS, SPLITS, TASKS

    names = [task.name for task in TASKS]
    if request.split and request.split not in SPLITS:
        raise BadInput(f"split: expected one of {', '.join(SPLITS)}, found {request.split!r}")
    task = request.task
    if task.isdigit() and int(task) < len(names):
        task = names[int(task)]
    if task and task not in names:
        raise BadInput(
            f"task: expected one of {', '.join(names)} or an index below {len(names)}, found {request.task!r}"
        )
    if request.instruction is not None:
        objects = tuple(dict.fromkeys(t.object for t in TASKS))
        named = objects_named(request.instruction, (*objects, *DESTINATIONS))
        wanted = [t.name for t in TASKS if named and named[0] == t.object and t.destination in named[1:]]
        if not wanted:
            raise BadInput(
                f"instruction: expected an object of {', '.join(objects)} and a "
                f"destination of {', '.join(DESTINATIONS)}, found "
                f"{', '.join(named) or 'none'} in {request.instruction!r}; say for "
                'example "pick up the milk and place it in the bin"'
            )
        if task and task != wanted[0]:
            raise BadInput(
                f"instruction: expected one for the task {task}, found one for "
                f"{wanted[0]}; leave the task out, or change it"
            )
        task = wanted[0]
    return Request(request.world, request.commander, request.bundle, task, request.instruction, request.split)
