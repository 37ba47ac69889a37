"""Which objects the published labels ask about, and by which bodies: a table of phrases searched in the instruction.

The order of the table decides the order of the questions and, of two phrases at one place, which is taken; a phrase
that was found is cut out before the next is looked for. The table's oddities are the published data's and are kept:

- a phrase names one fixed instance, whatever the scene ("the black bowl" is always the first);
- the middle drawer is asked about by the body of the top one, and no drawer is ever grasped;
- "the wine_bottle" is never found, so nobody asks about the wine bottle; "box" of the cream cheese is not spoken;
- what lies below a shelf is called "bottom of the cabinet self".
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

CABINET_TOP = 0.22152  # m, height of what cabinets and shelves are put on, over their body
BASKET, WINE_RACK = 0.07185, 0.05903
_CABINETS = ("white_cabinet_1", "wooden_cabinet_1")


@dataclass(frozen=True)
class Phrase:
    """One row of the table.

    Attributes:
        words: looked for in the instruction. bodies: MuJoCo's names, the first that the scene has is meant.
        asked: as the question names it. raised: m that is added to the body's height.
    """

    words: str
    bodies: tuple[str, ...]
    asked: str
    raised: float = 0.0

    @property
    def name(self) -> str:
        """Without its article."""
        return self.asked.removeprefix("the ")

    def body(self, present: Container[str]) -> str:
        """The body that is meant. Raises ValueError when the scene has none of them."""
        for body in self.bodies:
            if body in present:
                return body
        raise ValueError(f"{self.words}: expected a body among {', '.join(self.bodies)}, found none in the scene")


def published_objects(instruction: str) -> tuple[Phrase, ...]:
    """What the published questions of an instruction (lower case) are about, in their order; 1 to 4 phrases."""
    if instruction == "put both moka pots on the stove":
        return tuple(row for row in TABLE if row.words in ("the left moka pot", "the right moka pot", "the stove"))
    found = []
    for row in TABLE:
        if row.words in instruction:
            found.append(row)
            instruction = instruction.replace(row.words, "")
    return tuple(found)


def _main(words: str, *instances: str, asked: str = "", raised: float = 0.0) -> Phrase:
    return Phrase(words, tuple(f"{instance}_main" for instance in instances), asked or words, raised)


def _drawer(height: str, body: str, raised: float) -> Phrase:
    words = f"the {height} drawer of the cabinet"
    return Phrase(words, tuple(f"{cabinet}_cabinet_{body}" for cabinet in _CABINETS), words, raised)


def _shelf(words: str, asked: str, raised: float) -> Phrase:
    return _main(words, "wooden_two_layer_shelf_1", asked=asked, raised=raised)


_BOWL_PLACES = (
    *("between the plate and the ramekin", "from table center", "in the top drawer of the wooden cabinet"),
    *("next to the cookie box", "next to the plate", "next to the ramekin", "on the cookie box", "on the ramekin"),
    *("on the stove", "on the wooden cabinet"),
)
_BOWLS = {
    "the front black bowl": 1, "the middle black bowl": 2, "the back black bowl": 3, "the black bowl at the front": 1,
    "the black bowl in the middle": 2, "the black bowl at the back": 3, "the black bowl on the left": 1,
    "the black bowl": 1, "the left bowl": 1, "the right bowl": 2, "the bowl": 1,
}  # fmt: skip
_GROCERIES = ("alphabet soup", "cream cheese", "tomato sauce", "milk", "orange juice")

TABLE: tuple[Phrase, ...] = (
    *(_main(f"the black bowl {place}", "akita_black_bowl_1") for place in _BOWL_PLACES),
    *(_main(words, f"akita_black_bowl_{number}") for words, number in _BOWLS.items()),
    _main("the wine_bottle", "wine_bottle_1"),
    _main("the ketchup", "ketchup_1"),
    _main("the frying pan", "chefmate_8_frypan_1"),
    _main("the left moka pot", "moka_pot_2"),
    _main("the right moka pot", "moka_pot_1"),
    _main("the moka pot", "moka_pot_1"),
    _main("the yellow and white mug", "white_yellow_mug_1"),
    _main("the white mug", "porcelain_mug_1"),
    _main("the red mug", "red_coffee_mug_1"),
    _main("the white bowl", "white_bowl_1"),
    _main("the butter at the back", "butter_2"),
    _main("the butter at the front", "butter_1"),
    _main("the butter", "butter_1"),
    _main("the chocolate pudding", "chocolate_pudding_1"),
    *(_main(f"the {name}", f"{name.replace(' ', '_')}_1") for name in _GROCERIES),
    _main("the salad dressing", "new_salad_dressing_1", "salad_dressing_1"),
    _main("the bbq sauce", "bbq_sauce_1"),
    _main("the book on the left", "yellow_book_2"),
    _main("the book on the right", "yellow_book_1"),
    _main("the book", "black_book_1"),
    _main("the left plate", "plate_1"),
    _main("the right plate", "plate_2"),
    _main("the plate", "plate_1"),
    _drawer("top", "top", CABINET_TOP),
    _drawer("middle", "top", CABINET_TOP),
    _drawer("bottom", "bottom", 0.0),
    _main("top of the cabinet", *_CABINETS, "wooden_two_layer_shelf_1", raised=CABINET_TOP),
    _shelf("on top of the shelf", "top of the shelf", CABINET_TOP),
    _shelf("on the cabinet shelf", "top of the cabinet shelf", CABINET_TOP),
    _shelf("under the cabinet shelf", "bottom of the cabinet self", 0.0),
    Phrase("turn on the stove", ("flat_stove_1_button",), "the stove button"),
    Phrase("turn off the stove", ("flat_stove_1_button",), "the stove button"),
    Phrase("the stove", ("flat_stove_1_burner",), "the stove"),
    _main("the tray", "wooden_tray_1"),
    _main("the wine rack", "wine_rack_1", raised=WINE_RACK),
    _main("the rack", "wine_rack_1", raised=WINE_RACK),
    _main("the microwave", "microwave_1"),
    _main("the basket", "basket_1", raised=BASKET),
    _main("the caddy", "desk_caddy_1"),
    Phrase("on it", ("flat_stove_1_burner",), "the stove"),
)
