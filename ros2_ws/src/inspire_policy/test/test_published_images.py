"""Golden images of the published evaluation, stage by stage, and Pillow's own pixels where Pillow is installed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from inspire_policy.images import ImageGeometry
from inspire_policy.resampling import KERNELS, resample

PUBLISHED = ImageGeometry(224, 224, crop=0.9, flip="vertical", filter="pillow_lanczos", resize_first=True)


def scene(height: int, width: int) -> np.ndarray:
    """Edges, a slope and a texture, without random numbers."""
    rows, columns = np.mgrid[0:height, 0:width]
    checks = 255 * ((rows // 9 + columns // 7) % 2)
    return np.stack([checks, rows * 255 // height, (rows * columns) % 256], axis=2).astype(np.uint8)


def digest(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


GOLDEN = {
    "flip": "231977402e12d010",
    "resize": "d2db2505eda1af43",
    "crop": "0566252aee8dbd2d",
    "all": "0566252aee8dbd2d",
}


def stages() -> dict[str, np.ndarray]:
    """What each stage makes of a render of 256 px, given bottom-up as LIBERO gives it."""
    render = scene(256, 256)[::-1]
    flipped = ImageGeometry(256, 256, flip="vertical").apply(render)
    resized = ImageGeometry(224, 224, filter="pillow_lanczos").apply(flipped)
    cropped = replace(PUBLISHED, flip="none").apply(resized)
    return {"flip": flipped, "resize": resized, "crop": cropped, "all": PUBLISHED.apply(render)}


def test_every_stage_is_golden_and_together_they_are_the_manifests_geometry():
    found = stages()
    np.testing.assert_array_equal(found["flip"], scene(256, 256))
    np.testing.assert_array_equal(found["all"], found["crop"])
    assert {name: digest(image) for name, image in found.items()} == GOLDEN


def test_an_upright_image_needs_no_flip():
    upright = replace(PUBLISHED, flip="none")
    np.testing.assert_array_equal(upright.apply(scene(256, 256)), PUBLISHED.apply(scene(256, 256)[::-1]))


def test_a_render_at_the_models_size_is_only_cropped():
    image = scene(224, 224)
    middle = image[6:218, 6:218]  # 212 px: the root of 0.9, rounded down
    expected = resample(middle, 224, 224, "bilinear")
    np.testing.assert_array_equal(replace(PUBLISHED, flip="none").apply(image), expected)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(256, 256, 224, 224), (212, 212, 224, 224), (480, 640, 224, 224), (37, 53, 20, 99)])
def test_the_pixels_are_pillows(kernel, size):
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    height, width, new_height, new_width = size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    wanted = images.fromarray(image).resize((new_width, new_height), images.Resampling[kernel.upper()])
    np.testing.assert_array_equal(resample(image, new_width, new_height, kernel), np.asarray(wanted))


def test_wrong_filters_are_refused():
    with pytest.raises(ValueError, match="image geometry: expected crop_filter one of"):
        ImageGeometry(8, 8, crop_filter="magic")
