"""Vision transformers of timm side by side, as MiniVLA sees: DINOv2 for geometry, SigLIP for meaning.

Each gives the patches of its second-to-last block without a final norm; class and register tokens are dropped. The
last block, the final norm and SigLIP's pooling stay in the weights, unused, so that a checkpoint holds what it held.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inspire_training.model.libraries import create_timm_model
from inspire_training.model.presets import CameraConfig, FusedVitConfig


class FusedVit(nn.Module):
    """One tower for all cameras; see `inspire_training.model.perception.VisionTower`.

    It is not told the instruction, and its width is its own.
    """

    features = 0

    def __init__(self, config: FusedVitConfig, cameras: Sequence[CameraConfig], *, vocabulary: int, width: int) -> None:
        super().__init__()
        for camera in cameras:
            if (camera.width, camera.height) != (config.size, config.size):
                raise ValueError(
                    f"camera {camera.name}: expected images of {config.size}x{config.size} px for the vision "
                    f"transformers, found {camera.width}x{camera.height}"
                )
        self.towers = nn.ModuleDict(
            {
                vit.name: create_timm_model(vit.model, img_size=config.size, num_classes=0, **vit.options)
                for vit in config.vits
            }
        )
        self.width = sum(tower.embed_dim for tower in self.towers.values())
        self._normalisation = {vit.name: (vit.mean, vit.std) for vit in config.vits}

    def forward(self, images: Sequence[Tensor], _instruction_ids: Tensor | None = None) -> tuple[Tensor, None]:
        """Patches of all cameras, (B, cameras x patches, width), of uint8 images (B, H, W, 3)."""
        return torch.cat([self._patches(image) for image in images], dim=1), None

    def _patches(self, image: Tensor) -> Tensor:
        found = []
        # Cast first: TensorRT moves no uint8 about. Single precision whatever the weights have: half of it would round
        # the grey levels.
        levels = image.to(torch.float32).permute(0, 3, 1, 2) / 255.0
        for name, tower in self.towers.items():
            mean, std = (levels.new_tensor(values).view(1, 3, 1, 1) for values in self._normalisation[name])
            pixels = (levels - mean) / std
            found += tower.forward_intermediates(
                pixels.to(tower.patch_embed.proj.weight.dtype),
                indices=[len(tower.blocks) - 2],
                stop_early=True,
                output_fmt="NLC",
                intermediates_only=True,
            )
        return torch.cat(found, dim=-1)
