"""What checks share: an answer is numbers or is refused in words, and a mistake is recognised by what it gives."""

import jax.numpy as jnp
import numpy as np
import pytest

import batchlab as bl
from batchlab import quiz
from batchlab.course import answers


@pytest.mark.parametrize(("answer", "shape"), [(2, ()), (np.float32(2), ()), ([1, 2.5], (2,)), (np.ones(3), (3,))])
def test_numbers_are_taken_as_they_come(answer, shape):
    found = answers.numbers(answer, shape, "no")
    assert found.shape == shape
    np.testing.assert_array_equal(found, answer)


@pytest.mark.parametrize("answer", ["done", [1, 2, 3], [[1], [2, 3]], 1.0, [1, "x"], {1: 2}])
def test_anything_else_is_refused_in_the_words_of_the_check(answer):
    with pytest.raises(quiz.Wrong, match="Return two"):
        answers.numbers(answer, (2,), "Return two")


@pytest.mark.parametrize("answer", [None, ..., (1.0, ...), [1.0, None]])
def test_what_is_left_open_is_no_mistake(answer):
    with pytest.raises(NotImplementedError, match="nothing is filled in"):
        answers.numbers(answer, (2,), "Return two")


def test_rates_come_in_the_order_of_the_batch_sizes():
    assert answers.rates({8: 2.0, 1: 0.5}, (1, 8)) == [0.5, 2.0]
    assert answers.rates({8: jnp.float32(2), 1: np.array(0.5)}, (1, 8)) == [0.5, 2.0]
    for wrong, told in (
        ([0.5, 2.0], r"as \{1: ..., 8: ...\}; it is \[0.5, 2.0\]"),
        ({1: 0.5}, r"as \{1: ..., 8: ...\}"),
        ({1: 0.5, 8: "x"}, "the rate of batch size 8 is 'x'; it must be a number above 0"),
        ({1: -1, 8: 1.0}, "the rate of batch size 1 is -1; it must be a number above 0"),
        ({1: 2e4, 8: 1.0}, "the rate of batch size 1 is 20000.0; it must be a number above 0 and below 10,000"),
    ):
        with pytest.raises(quiz.Wrong, match=told):
            answers.rates(wrong, (1, 8))
    with pytest.raises(NotImplementedError):
        answers.rates({1: ..., 8: 1.0}, (1, 8))


def test_the_first_mistake_that_fits_is_told():
    mistakes = [(np.nan, "none"), (2.0, "twice"), (2.0, "again")]
    assert answers.told(2.0, mistakes, "else") == "twice"
    assert answers.told(3.0, mistakes, "else") == "else"
    assert answers.told([1.0, 2.0], [([1.0, 3.0], "a"), ([1.0, 2.0], "b")], "else") == "b"


def test_a_solution_is_run_once():
    code = "made = bl.data.noisy_sine(n=4), np.arange(3)"
    problem, numbers = answers.solved(code)["made"]
    assert isinstance(problem, bl.Problem)
    assert numbers.tolist() == [0, 1, 2]
    assert answers.solved(code)["made"][0] is problem
