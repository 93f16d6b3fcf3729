from __future__ import annotations

from annex_actors.base.docstrings import arguments_of, first_sentence, page_of, summary_of


class Documented:
    """Does ``this``, in a line.

    More.

    Args:
        one: the first
            of several lines. And more.
        *others: see `that`.

    Raises:
        ConfigError: not: an argument.
    """


def test_each_argument_has_its_text_as_a_sentence_on_one_line() -> None:
    assert arguments_of(Documented) == {"one": "The first of several lines. And more.", "*others": "See `that`."}


def test_a_page_is_the_whole_docstring_with_each_paragraph_and_each_argument_on_one_line() -> None:
    assert page_of(Documented).split("\n") == [
        "Does `this`, in a line.",
        "",
        "More.",
        "",
        "Args:",
        "    one: the first of several lines. And more.",
        "    *others: see `that`.",
        "",
        "Raises:",
        "    ConfigError: not: an argument.",
    ]


def test_the_summary_is_the_first_line() -> None:
    assert summary_of(Documented) == "Does `this`, in a line."


def test_what_has_no_docstring_has_no_text() -> None:
    assert summary_of(lambda: None) == ""
    assert arguments_of(lambda: None) == {}


def test_the_first_sentence_ends_before_the_next_one() -> None:
    assert first_sentence("Steps, e.g. 0.5 a second. Then more. And more.") == "Steps, e.g. 0.5 a second."
