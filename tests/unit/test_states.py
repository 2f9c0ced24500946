"""The drawing of states is made from the tables that the code obeys, and is up to date."""

from pathlib import Path

from portal.states import DIAGRAMS, states_page

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_page_of_states_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == states_page(), "run `portico docs states`"


def test_every_allowed_move_is_drawn_and_no_other():
    for heading, _, moves, start, _ in DIAGRAMS:
        part = states_page().partition(f"## {heading}\n")[2].partition("```\n")[0]
        drawn = {
            tuple(line.split(":")[0].split(" --> ")) for line in map(str.strip, part.splitlines()) if "-->" in line
        }
        allowed = {(state.value, target.value) for state, targets in moves.items() for target in targets}
        ends = {(state.value, "[*]") for state, targets in moves.items() if not targets}

        assert drawn == allowed | ends | {("[*]", start.value)}
