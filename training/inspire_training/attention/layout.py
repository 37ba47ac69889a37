"""Perception tokens back to places in the images that they were made of.

A patch of a vision transformer and a cell of a convolutional grid cover a square. A token of keypoints tells the mean
places of learned heat maps; what it holds of a place is that heat, each keypoint by the size of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from inspire_training.model.fused_vit import FusedVit
from inspire_training.model.vision import FilmConvTower, FilmVision


def token_places(policy: Any, images: Sequence[Tensor], instruction_ids: Tensor) -> list[np.ndarray]:
    """Per camera (tokens, s, s) float: where each of its tokens comes from, s x s cells of the model's image; every
    token's cells sum to 1.

    Args:
        policy: InspirePolicy. images: uint8 (1, H, W, 3), one per camera. instruction_ids: (1, L).

    Raises:
        ValueError: a vision whose tokens have no known places.
    """
    vision = policy.perception.vision
    if isinstance(vision, FusedVit):
        tokens = policy.config.vision.tokens
        side = round(tokens**0.5)
        return [np.eye(tokens).reshape(tokens, side, side) for _ in images]
    if isinstance(vision, FilmVision):
        condition = vision.instruction(instruction_ids)
        return [_of_tower(tower, image, condition) for tower, image in zip(vision.towers, images)]
    raise ValueError(
        f"attention: expected a vision whose tokens have places (film, fused_vit), found {type(vision).__name__}; add "
        "it to inspire_training.attention.layout"
    )


@torch.inference_mode()
def _of_tower(tower: FilmConvTower, image: Tensor, condition: Tensor) -> np.ndarray:
    grid, heat = tower.look(image, condition)
    side = round(heat.shape[-1] ** 0.5)
    cells = round(grid.shape[1] ** 0.5)
    squares = np.stack([_square(index, cells, side) for index in range(cells * cells)])
    shares = heat[0].softmax(dim=-1).unflatten(0, (tower.keypoint_tokens, -1))
    size = tower.keypoints.weight.unflatten(1, (shares.shape[1], -1)).square().sum(dim=(0, 2)).sqrt()
    told = torch.einsum("k,tkp->tp", size / size.sum(), shares).double().numpy()
    return np.concatenate([squares, told.reshape(-1, side, side)])


def _square(index: int, cells: int, side: int) -> np.ndarray:
    """One cell of a grid, spread over side x side."""
    marked = np.zeros((cells, cells))
    marked.flat[index] = 1.0
    spread = cv2.resize(marked, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(spread / spread.sum())
