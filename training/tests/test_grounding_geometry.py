"""Coordinates stay where they are in the picture: through flip, crop, resize, windows, codecs and text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from grounding_records import make_frame
from hypothesis import given
from hypothesis import strategies as st

from inspire_policy.images import ImageGeometry
from inspire_policy.pixel_maps import pixel_map
from inspire_training.grounding.coordinates import KINDS, make_coordinates
from inspire_training.grounding.episodes import evenly_spaced, visible_part
from inspire_training.grounding.records import GroundedObject, GroundingRecord
from inspire_training.grounding.tasks import Answer, parse, right_answer, subjects

GEOMETRIES = [
    ImageGeometry(96, 96),
    ImageGeometry(96, 96, flip="vertical"),
    ImageGeometry(112, 112, crop=0.9, flip="rotate180", filter="bilinear"),
    ImageGeometry(224, 224, crop=0.9, filter="pillow_lanczos", resize_first=True),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_blob_lies_where_the_map_says(geometry: ImageGeometry) -> None:
    for u, v in ((64.0, 128.0), (150.0, 70.0), (200.0, 180.0)):
        rows, columns = np.mgrid[:256, :256] + 0.5
        blob = 255 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 6.0**2))
        seen = geometry.apply(np.repeat(blob.astype(np.uint8)[..., None], 3, axis=2))[..., 0].astype(float)
        y, x = np.mgrid[: seen.shape[0], : seen.shape[1]] + 0.5
        found = np.array([(x * seen).sum(), (y * seen).sum()]) / seen.sum()
        way = pixel_map(geometry, 256, 256)
        assert np.abs(found - way.points(np.array([[u, v]]))[0]).max() < 0.35
        assert np.allclose(way.inverse((256, 256)).points(way.points(np.array([[u, v]]))), [[u, v]])


@given(
    geometry=st.sampled_from(GEOMETRIES),
    kind=st.sampled_from(KINDS),
    corners=st.tuples(*[st.floats(0.15, 0.85)] * 4),
    source=st.sampled_from([(128, 128), (320, 320), (640, 480)]),
)
def test_a_box_survives_map_codec_and_text(geometry, kind, corners, source) -> None:  # type: ignore[no-untyped-def]
    x0, x1 = sorted((corners[0], corners[1]))
    y0, y1 = sorted((corners[2], corners[3]))
    box = np.array([[x0 * source[0], y0 * source[1], (x1 + 0.04) * source[0], (y1 + 0.04) * source[1]]])
    way = pixel_map(geometry, *source)
    codec = make_coordinates(kind, way.size)
    answer = Answer("boxes", box).mapped(way).clipped(way.size)
    assert answer is not None
    back = way.inverse(source).boxes(parse(answer.render(codec), "box", codec))
    step = 0.51 * np.abs(np.array(way.size) / codec.steps / way.scale)
    assert (np.abs(back - box) <= np.tile(step, 2) + 1e-6).all()


def test_what_lies_outside_goes_to_the_edge_and_what_is_no_number_is_refused() -> None:
    codec = make_coordinates("location", (96, 96))
    assert codec.encode(np.array([[-5.0, 200.0]])).tolist() == [[0, 128]]
    with pytest.raises(ValueError, match="expected finite pixels"):
        codec.encode(np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="expected one of pixels, thousand, location"):
        make_coordinates("polar", (96, 96))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pixels", ""), ("pixels", "the milk is on the left"), ("pixels", "[[1, 2, 3]]"), ("pixels", "[[9, 2, 3, 4]]"),
        ("pixels", "[[1, 2, 300, 400]]"), ("pixels", "[[1, 2, 3, 4], [1, 2, 3, 4]]"), ("pixels", "[[[["),
        ("location", "<loc_1> <loc_2> milk <loc_4>"), ("location", "<loc_1> <loc_2>"), ("location", ""),
        ("location", "<loc_1> <loc_2> <loc_3> <loc_4000>"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_an_error(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text, "box", make_coordinates(kind, (96, 96)))


def test_the_ways_in_which_models_write_are_read() -> None:
    codec = make_coordinates("pixels", (96, 96))
    for text in ("[[1, 2, 30, 40]]", "[1,2,30,40]", 'Here: {"bbox_2d": [1, 2, 30, 40], "label": "milk"}'):
        assert parse(text, "box", codec).tolist() == [[1, 2, 30, 40]]
    assert parse("[(3, 4)]", "point", codec).tolist() == [[3, 4]]


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 129, 5), (5, 5, 5, 9), (9, 0, 5, 5), (0, 0, np.inf, 5)])
def test_a_box_that_is_none_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="clip it to the image or leave it out"):
        GroundingRecord(image_size=(128, 128), instruction="", objects=(GroundedObject(name="milk", bbox_xyxy_px=box),))


def test_a_record_survives_json() -> None:
    record = make_frame(3).record
    assert GroundingRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_only_what_can_be_known_is_asked() -> None:
    frame = make_frame(4).record
    hidden = GroundedObject(name="milk", bbox_xyxy_px=None, visible_frac=0.0)
    behind = GroundedObject(name="can", bbox_xyxy_px=(1, 1, 4, 4), visible_frac=0.1, point_px=(2.5, 2.5))
    record = GroundingRecord(
        image_size=frame.image_size, instruction=frame.instruction, objects=(hidden, behind, frame.objects[1]),
        roles=frame.roles, direction=frame.direction, flags={"trace": False, "direction": True, "plan": True},
    )  # fmt: skip
    assert subjects(record, "box") == subjects(record, "point") == ["bin"]
    assert subjects(record, "plan") == subjects(record, "trace") == []
    with pytest.raises(ValueError, match="expected one of"):
        right_answer(record, "box", "milk")


def test_the_point_of_a_mask_is_deep_inside_it_and_an_empty_mask_has_none() -> None:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 20:24] = mask[26:30, 20:50] = True  # an L, whose centroid lies outside
    box, (u, v) = visible_part(mask)
    assert box == (20, 10, 50, 30) and mask[int(v), int(u)]
    with pytest.raises(ValueError, match="expected at least one pixel"):
        visible_part(np.zeros((4, 4), dtype=bool))


def test_a_trace_is_even_along_the_way_whatever_the_speed() -> None:
    path = np.stack([np.linspace(0, 1, 30) ** 3, np.zeros(30), np.zeros(30)], axis=1)
    assert np.allclose(evenly_spaced(path)[:, 0], np.linspace(0, 1, 10), atol=1e-6)
    assert np.allclose(evenly_spaced(np.repeat(path[5:6], 4, axis=0)), path[5])
