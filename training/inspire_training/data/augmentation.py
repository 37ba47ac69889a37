"""What training does to its inputs, so that the policy does not hang on what changes from lab to lab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

PATCH = (0.06, 0.22)  # of the image's side: about an object's size


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How much of what.

    Attributes:
        random_answers, counterfactual: see `given_answers`; the loss stays on the right answers.
        balance: exponent by which rare answers weigh more in the loss; 0 none, 1 all alike.
        colour: strength of brightness, contrast and tint changes.
        shift: largest shift of an image, px.
        patches: share of the images that a patch of one colour is put on (random erasing, arXiv 1708.04896), so that
            things never seen are not taken for an object.
        unknown_words: share of instruction words, object names aside, read as unknown.
    """

    random_answers: float = 0.15
    counterfactual: float = 0.0
    balance: float = 0.0
    colour: float = 0.1
    shift: int = 0
    patches: float = 0.0
    unknown_words: float = 0.03


def augmented(images: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    """Shifts, patches and colour changes per image, uint8 (B, H, W, 3) in and out; `images` may be written to."""
    if augmentation.shift:
        size, limit = images.shape[1], augmentation.shift
        moves = rng.integers(-limit, limit + 1, (len(images), 2, 1))
        places = np.clip(np.arange(size) + moves, 0, size - 1)
        images = images[np.arange(len(images))[:, None, None], places[:, 0, :, None], places[:, 1, None, :]]
    if augmentation.patches:
        for image in np.flatnonzero(rng.random(len(images)) < augmentation.patches):
            _put_patch(images[image], rng)
    result = torch.from_numpy(images)
    if augmentation.colour:
        gain = (
            1.0
            + augmentation.colour * rng.uniform(-1, 1, (len(images), 1, 1, 1))
            + 0.5 * augmentation.colour * rng.uniform(-1, 1, (len(images), 1, 1, 3))
        )
        shift = 128.0 * augmentation.colour * rng.uniform(-1, 1, (len(images), 1, 1, 1))
        result = (
            (result.float() * torch.from_numpy(gain).float() + torch.from_numpy(shift).float())
            .clamp_(0, 255)
            .to(torch.uint8)
        )
    return result


def _put_patch(image: np.ndarray, rng: np.random.Generator) -> None:
    """A rectangle of one colour, each side PATCH of the image's, somewhere on it (H, W, 3), in place."""
    height, width = (rng.uniform(*PATCH, 2) * image.shape[:2]).astype(int)
    top, left = rng.integers(0, image.shape[0] - height), rng.integers(0, image.shape[1] - width)
    image[top : top + height, left : left + width] = rng.integers(0, 256, 3)
