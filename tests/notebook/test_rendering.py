from __future__ import annotations

from rxphoenix import PresenceEntry, Roster
from rxphoenix.notebook import Table
from rxphoenix.notebook.rendering import rendered


def test_a_table_as_text_and_as_html() -> None:
    table = Table([{"room": "<lobby>", "here": 3}, {"room": "attic", "more": True}])
    assert str(table) == "room     here  more\n<lobby>  3\nattic          True"
    assert repr(table) == str(table)
    assert "&lt;lobby&gt;" in table._repr_html_()
    assert "<lobby>" not in table._repr_html_()


def test_columns_of_ones_own_and_a_table_of_nothing() -> None:
    assert str(Table([{"a": 1, "b": 2}], ["b"])) == "b\n2"
    assert str(Table([])) == ""
    assert "<table>" in Table([])._repr_html_()


def test_a_long_table_says_how_much_is_left_out() -> None:
    table = Table([{"n": number} for number in range(107)])
    assert str(table).splitlines()[-1] == "and 7 more"
    assert "and 7 more" in table._repr_html_()
    assert len(str(table).splitlines()) == 102


def test_presence_is_a_table_with_a_row_for_each_key() -> None:
    roster = Roster()
    state = {
        "ann": {"metas": [{"phx_ref": "1", "device": "phone"}, {"phx_ref": "2", "device": "pad"}], "name": "Ann"},
        "bob": {"metas": [{"phx_ref": "3"}]},
    }
    roster.sync_state(state)
    shown = rendered(roster.snapshot)
    assert str(shown) == "key  metas                     fields\nann  device=phone; device=pad  name=Ann\nbob"
    assert str(rendered([PresenceEntry("ann", ({"a": 1},))])) == "key  metas  fields\nann  a=1"


def test_lists_of_mappings_and_mappings_are_tables_and_the_rest_is_left_alone() -> None:
    assert str(rendered([{"a": 1}, {"a": 2}])) == "a\n1\n2"
    assert str(rendered({"kitchen": 20.5})) == "key      value\nkitchen  20.5"
    for value in ([], [1], "text", 7, object()):
        assert rendered(value) is value
