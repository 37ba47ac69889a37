"""What is asked: the spatial prompt of ST4VLA (arXiv 2510.13778) and the questions of the other grounding tasks.

The question of the task "plan" IS the spatial prompt that an action model reads behind its images: a model trained from
scratch would find no meaning in a suffix that it was never asked. A vision tower that is told something in words is
told the `condition`: of "plan" the instruction alone, as in a policy, of the others the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from inspire_policy import directions

TaskName = Literal["box", "point", "trace", "direction", "plan"]
TASKS: tuple[TaskName, ...] = get_args(TaskName)

_TASK = "Your task is {instruction}."
_KEY_OBJECTS = "To identify the key objects for your task. Locate their bounding boxes in [x1,y1,x2,y2] format."


@dataclass(frozen=True)
class Prompt:
    """One question as a model gets it.

    Attributes:
        condition: what a vision tower is told, if it is told anything.
        prompt: the text of the sequence's prefix, behind the images.
        question: text behind the prefix; empty where the prompt is the whole question.
    """

    condition: str
    prompt: str
    question: str = ""

    @property
    def text(self) -> str:
        """Prompt and question in one piece, for a chat model."""
        return f"{self.prompt} {self.question}".strip()


def spatial_prompt(instruction: str) -> str:
    """The instruction as an action model reads it after grounding."""
    return f"{_TASK.format(instruction=instruction)} {_KEY_OBJECTS}"


def plan_prompt(instruction: str) -> Prompt:
    """The spatial prompt as a question; its answer is the target's box, then the destination's."""
    return Prompt(instruction, spatial_prompt(instruction))


def box_prompt(name: str) -> Prompt:
    """Asks for one object's box."""
    text = f"Locate the bounding box of the {name} in [x1,y1,x2,y2] format."
    return Prompt(text, text)


def point_prompt(name: str) -> Prompt:
    """Asks for a point on one object."""
    text = f"Point at the {name} in [x,y] format."
    return Prompt(text, text)


def trace_prompt(instruction: str) -> Prompt:
    """Asks for the gripper's way up to its next opening or closing."""
    text = f"{_TASK.format(instruction=instruction)} Draw the way of the gripper as ten points in [x,y] format."
    return Prompt(text, text)


def direction_prompt(instruction: str, name: str) -> Prompt:
    """InSpire's question about one object, behind the spatial prompt."""
    return Prompt(instruction, spatial_prompt(instruction), directions.question(name))
