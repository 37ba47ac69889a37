"""Convolutional vision towers: images and the instruction in, tokens out.

Small convolutional towers see better when they know what to look for: every residual block is scaled and shifted
(FiLM) by
an embedding of the instruction. A stem of stride 4 keeps most of the arithmetic at 24 x 24; coarse maps are added
back to finer
ones, so that keypoints are sharp and still know the whole scene. With `keypoint_bands` a keypoint's place is told by
sines and cosines of many wavelengths as well, from which a language model reads a location to a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inspire_training.model.presets import CameraConfig, FilmVisionConfig
from inspire_training.scale.mixed import single


class InstructionEmbedding(nn.Module):
    """The mean of the words' embeddings, through an MLP: (B, L) ids, padded with 0, to (B, 2 x text_width)."""

    def __init__(self, vocabulary: int, config: FilmVisionConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, config.text_width)
        self.mlp = nn.Sequential(
            nn.Linear(config.text_width, self.width(config)),
            nn.SiLU(),
            nn.Linear(self.width(config), self.width(config)),
        )

    @staticmethod
    def width(config: FilmVisionConfig) -> int:
        """Width of the condition."""
        return 2 * config.text_width

    def forward(self, ids: Tensor) -> Tensor:
        real = (ids > 0).to(self.words.weight.dtype).unsqueeze(-1)
        return self.mlp((self.words(ids) * real).sum(1) / real.sum(1).clamp(min=1.0))


class FilmBlock(nn.Module):
    """A residual block of two 3 x 3 convolutions; the instruction scales and shifts what comes out of both."""

    def __init__(self, inputs: int, outputs: int, stride: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs, affine=False) for _ in range(2))
        self.film = nn.Linear(condition, 4 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else nn.Identity()
        nn.init.zeros_(self.film.bias)
        nn.init.normal_(self.film.weight, std=0.02)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale1, shift1, scale2, shift2 = self.film(condition)[:, :, None, None].chunk(4, dim=1)
        y = F.relu(torch.addcmul(shift1, self.norms[0](self.first(x)), 1.0 + scale1))
        y = torch.addcmul(shift2, self.norms[1](self.second(y)), 1.0 + scale2)
        return F.relu(self.skip(x) + y)


class FilmConvTower(nn.Module):
    """The tower of one camera: grid x grid tokens and one token of spatial-softmax keypoints."""

    def __init__(self, config: FilmVisionConfig, *, width: int, size: int) -> None:
        super().__init__()
        stem, *blocks = config.channels
        condition = InstructionEmbedding.width(config)
        self.tokens = config.tokens
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 8, 4, 2, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        pairs = zip([stem, *blocks[:-1]], blocks)
        self.blocks = nn.ModuleList(FilmBlock(i, o, 1 if n == 0 else 2, condition) for n, (i, o) in enumerate(pairs))
        self.coarse = nn.Conv2d(blocks[2], blocks[1], 1)
        cell = size // 8 // config.grid
        self.grid = nn.Conv2d(blocks[1], width, cell, cell)
        self.sharp = nn.Conv2d(blocks[0], config.keypoints, 1)
        self.context = nn.Conv2d(blocks[1], config.keypoints, 1)
        self.bands = config.keypoint_bands
        told = 2 * (1 + 2 * self.bands) * config.keypoints // config.keypoint_tokens
        self.keypoint_tokens = config.keypoint_tokens
        self.keypoints = nn.Linear(told, width)
        side = size // 4
        line = (torch.arange(side) + 0.5) / side * 2 - 1
        y, x = torch.meshgrid(line, line, indexing="ij")
        self.register_buffer("coordinates", torch.stack([x.flatten(), y.flatten()], dim=1), persistent=False)

    def forward(self, image: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        grid, heat = self.look(image, condition)
        with single(image.device):  # a place to the pixel has more digits than bfloat16
            points = heat.to(self.coordinates.dtype).softmax(dim=-1) @ self.coordinates
        told = self.keypoints(self._told(points).unflatten(1, (self.keypoint_tokens, -1)).flatten(2))
        return torch.cat([grid, told], dim=1), points

    def look(self, image: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of the grid (B, grid^2, width), and per keypoint the logits (B, K, (size/4)^2) of where it is."""
        # Cast first: TensorRT moves no uint8 about.
        x = image.to(self.keypoints.weight.dtype).permute(0, 3, 1, 2) / 127.5 - 1.0
        fine = self.blocks[0](self.stem(x), condition)
        middle = self.blocks[1](fine, condition)
        middle = middle + F.interpolate(
            self.coarse(self.blocks[2](middle, condition)), scale_factor=2.0, mode="nearest"
        )
        grid = self.grid(middle).flatten(2).transpose(1, 2)
        heat = self.sharp(fine) + F.interpolate(self.context(middle), scale_factor=2.0, mode="nearest")
        return grid, heat.flatten(2)

    def _told(self, points: Tensor) -> Tensor:
        """Coordinates (B, K, 2) in [-1, 1], and sines and cosines of their doubling frequencies; (B, K, ...)."""
        if not self.bands:
            return points
        frequencies = torch.pi * 2.0 ** torch.arange(self.bands, device=points.device, dtype=points.dtype)
        angles = (points.unsqueeze(-1) * frequencies).flatten(2)
        return torch.cat([points, angles.sin(), angles.cos()], dim=2)


class FilmVision(nn.Module):
    """A tower per camera; see `inspire_training.model.perception.VisionTower`. A missing image is tokens of zeros."""

    def __init__(
        self, config: FilmVisionConfig, cameras: Sequence[CameraConfig], *, vocabulary: int, width: int
    ) -> None:
        super().__init__()
        self.width = width
        self.tokens, self.keypoints = config.tokens, config.keypoints
        self.features = 2 * config.keypoints * len(cameras)
        self.instruction = InstructionEmbedding(vocabulary, config)
        self.towers = nn.ModuleList(FilmConvTower(config, width=width, size=camera.width) for camera in cameras)

    def forward(self, images: Sequence[Tensor | None], instruction_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, width) and the keypoints of all cameras, (B, features), in [-1, 1] (x right, y down)."""
        condition = self.instruction(instruction_ids)
        seen = [
            self._missing(condition) if image is None else tower(image, condition)
            for tower, image in zip(self.towers, images)
        ]
        return torch.cat([tokens for tokens, _ in seen], dim=1), torch.cat([p.flatten(1) for _, p in seen], dim=1)

    def _missing(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        size = len(condition)
        return condition.new_zeros(size, self.tokens, self.width), condition.new_zeros(size, self.keypoints, 2)
