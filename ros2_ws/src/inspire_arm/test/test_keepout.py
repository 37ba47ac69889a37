"""Keep-out boxes: no way enters one, from inside it gets no deeper, and boxes that are none are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspire_arm.keepout import Box, boxes_from_numbers, keep_out

coordinate = st.one_of(st.floats(-1, 1), st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5]))
point = st.tuples(coordinate, coordinate, coordinate).map(np.array)
corner = st.tuples(st.floats(-0.9, 0.8), st.floats(-0.9, 0.8), st.floats(-0.9, 0.8))
size = st.floats(1e-3, 0.7)
box = st.builds(
    lambda low, x, y, z: Box(low, (low[0] + x, low[1] + y, low[2] + z)), corner, size, size, size
) | st.just(Box((-0.25, -0.25, -0.25), (0.25, 0.25, 0.25)))


@settings(max_examples=300, deadline=None)
@given(start=point, end=point, boxes=st.lists(box, min_size=1, max_size=3).map(tuple))
def test_no_way_goes_deeper_into_a_box_and_the_target_only_comes_closer(start, end, boxes):
    target, hit = keep_out(start, end, boxes)
    for part in np.linspace(0, 1, 41):
        for each in boxes:
            allowed = max(each.depth(start), 0.0)
            assert each.depth(start + part * (target - start)) <= allowed + 1e-9
    assert (np.minimum(start, end) <= target).all() and (target <= np.maximum(start, end)).all()
    if hit is None:
        assert target is end


def test_a_way_slides_along_a_face_and_a_free_one_is_untouched():
    boxes = (Box((0.6, -1.0, 0.0), (0.7, 1.0, 1.0)),)
    start = np.array([0.55, 0.0, 0.5])
    target, hit = keep_out(start, np.array([0.65, 0.03, 0.52]), boxes)
    assert target.tolist() == [0.6, 0.03, 0.52] and hit is boxes[0]
    through, hit = keep_out(start, np.array([0.9, 0.0, 0.5]), boxes)  # ends beyond it
    assert through.tolist() == [0.6, 0.0, 0.5] and hit is boxes[0]
    along = np.array([0.6, 0.3, 0.5])
    assert keep_out(np.array([0.6, 0.0, 0.5]), along, boxes) == (along, None)
    inside = np.array([0.62, 0.0, 0.5])
    assert keep_out(inside, np.array([0.63, 0.0, 0.5]), boxes)[0].tolist() == inside.tolist()
    assert keep_out(inside, np.array([0.59, 0.0, 0.5]), boxes)[1] is None


def test_boxes_come_from_six_numbers_each():
    assert boxes_from_numbers((0.0,) * 6) == () and boxes_from_numbers(()) == ()
    numbers = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    assert boxes_from_numbers(numbers + (0.0,) * 6) == (Box((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),)
    for wrong, message in (
        ((1.0,) * 5, "six numbers"),
        ((1.0,) * 6, "lower corner below"),
        ((0.0, 0.0, 0.0, 1.0, 1.0, float("inf")), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            boxes_from_numbers(wrong)
