"""Mixed precision on a CPU: fast where the processor can, and nothing that needs its digits is rounded."""

import contextlib

import pytest
import torch

from inspire_training.model.presets import PRESETS, CameraConfig, FilmVisionConfig
from inspire_training.model.vision import FilmConvTower
from inspire_training.scale.mixed import autocast, single

CPU = torch.device("cpu")


def test_products_are_rounded_inside_and_sensitive_ones_are_not() -> None:
    a = torch.rand(8, 8)
    with autocast(CPU, "bf16"):
        assert (a @ a).dtype == torch.bfloat16
        with single(CPU):
            assert torch.equal(a @ a, torch.matmul(a, a)) and (a @ a).dtype == torch.float32
    with autocast(CPU, "no"):
        assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_keypoints_place_keeps_its_digits(precision: str) -> None:
    torch.manual_seed(0)
    config = PRESETS["tabletop-grounded"].vision
    assert isinstance(config, FilmVisionConfig)
    tower = FilmConvTower(config, width=32, size=CameraConfig(name="agentview").width).eval()
    image = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    condition = torch.zeros(2, 2 * config.text_width)
    with torch.no_grad(), autocast(CPU, precision):
        _, heat = tower.look(image, condition)
        _, points = tower(image, condition)
    exact = heat.double().softmax(-1) @ tower.coordinates.double()
    assert points.dtype == torch.float32
    torch.testing.assert_close(points.double(), exact, atol=1e-5, rtol=0)


def test_attention_has_the_same_gradient_to_within_rounding() -> None:
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 4, 24, 16, requires_grad=True) for _ in range(3))
    mask = torch.zeros(24, 24).masked_fill(torch.ones(24, 24).triu(1).bool(), float("-inf"))
    found = []
    for context in (contextlib.nullcontext(), autocast(CPU, "bf16")):
        with context:
            out = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
            out.float().square().sum().backward()
        assert queries.grad is not None
        found.append(queries.grad.clone())
        queries.grad = None
    assert torch.isfinite(found[1]).all()
    assert (found[0] - found[1]).norm() < 0.03 * found[0].norm()
    assert not torch.equal(*found)  # it was computed in another precision
