"""After a callback the named fragments are drawn again, or all of the page where one of them is not there."""

from streamlit.testing.v1 import AppTest


def app() -> None:
    import streamlit as st

    from lychee_app.ui import state

    def drawn(name: str) -> None:
        st.session_state[name] = st.session_state.get(name, 0) + 1

    @st.fragment(key="chart")
    def chart() -> None:
        drawn("chart")

    drawn("page")
    chart()
    st.button("chart", on_click=lambda: state.redraw("chart"))
    st.button("both", on_click=lambda: state.redraw("chart", "not there"))


def test_only_what_is_named_is_drawn_again() -> None:
    at = AppTest.from_function(app).run()
    at.button[0].click().run()
    assert (at.session_state["page"], at.session_state["chart"]) == (1, 2)
    assert not at.exception


def test_the_whole_page_is_drawn_where_a_part_is_not_there() -> None:
    at = AppTest.from_function(app).run()
    at.button[1].click().run()
    assert (at.session_state["page"], at.session_state["chart"]) == (2, 2)
    assert not at.exception
