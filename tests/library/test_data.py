"""Where samples come from: the makers, the reader's arrays and files, and everything that can be wrong with them."""

import math
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

import batchlab as bl
from batchlab import data

MAKERS = {
    "noisy sine": (data.noisy_sine, (1, 1)),
    "two moons": (data.two_moons, (2, 2)),
    "digits": (data.digits, (64, 10)),
}
ARRAYS = ("x", "y", "x_val", "y_val")


def assert_same(problem, other, fields=ARRAYS):
    for field in fields:
        np.testing.assert_array_equal(getattr(problem, field), getattr(other, field))


def assert_standardised(x):
    """Mean 0 and deviation 1 of every column that is not constant, to a few roundings of float32."""
    moving = np.ptp(x, axis=0) > 0
    assert moving.any()
    np.testing.assert_allclose(x.mean(axis=0, dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0, dtype=np.float64)[moving], 1, atol=1e-5)


def cases(names, values):
    """Parametrize a test; a case is called by the first thing that its error must say."""
    ids = [f"{number} {value[-1][0]}" for number, value in enumerate(values)]
    return pytest.mark.parametrize(names, values, ids=ids)


def assert_raises(make, error, parts):
    with pytest.raises(error) as raised:
        make()
    for part in parts:
        assert part in str(raised.value)


# ------------------------------------------------------------------------------------------------------------- makers


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_gives_float32_of_the_shapes_asked_for(name):
    maker, (d, k) = MAKERS[name]
    problem = maker(n=60, n_val=70)
    shapes = [getattr(problem, field).shape for field in ARRAYS]
    assert shapes == [(60, d), (60, k), (70, d), (70, k)]
    assert {getattr(problem, field).dtype.name for field in ARRAYS} == {"float32"}
    assert problem.name == name
    assert problem.kind == ("regression" if name == "noisy sine" else "classification")
    assert len(problem.classes) == (0 if name == "noisy sine" else k)
    assert_standardised(problem.x)


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_depends_on_its_seed_alone(name):
    maker, _ = MAKERS[name]
    problem = maker(n=60, seed=1)
    assert_same(problem, maker(n=60, seed=1))
    assert_same(problem, data.load(name, n=60, seed=1))
    other = maker(n=60, seed=2)
    assert (problem.x != other.x).any()
    assert (problem.x_val != other.x_val).any()


def test_a_sine_without_noise_is_a_sine():
    problem = data.noisy_sine(n=50, noise=0)
    for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        x = problem.in_original_units(x)
        np.testing.assert_allclose(y, np.sin(3 * x), rtol=0, atol=5e-6)
        assert -2 <= x.min() < x.max() <= 2


def test_the_noise_of_a_sine_has_the_deviation_asked_for():
    problem = data.noisy_sine(n=10_000, noise=0.3, n_val=10_000)
    for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        residual = y - np.sin(3 * problem.in_original_units(x))
        # Standard errors: of the mean 0.3 / 100, of the deviation 0.3 / sqrt(20,000); five of each.
        assert residual.mean() == pytest.approx(0, abs=5 * 0.3 / 100)
        assert residual.std() == pytest.approx(0.3, abs=5 * 0.3 / np.sqrt(20_000))


def test_moons_without_noise_are_half_circles():
    problem = data.two_moons(n=80, noise=0)
    assert problem.classes == ("upper moon", "lower moon")
    x, label = problem.in_original_units(problem.x), problem.y.argmax(1)
    upper, lower = x[label == 0], x[label == 1]
    assert len(upper) > 20
    assert len(lower) > 20
    np.testing.assert_allclose(np.hypot(*upper.T), 1, atol=1e-5)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, atol=1e-5)
    assert upper[:, 1].min() > -1e-5
    assert lower[:, 1].max() < 0.5 + 1e-5


def test_the_noise_of_moons_spreads_them():
    clean, noisy = (data.two_moons(n=2000, noise=noise, seed=1) for noise in (0, 0.2))
    spread = noisy.in_original_units(noisy.x) - clean.in_original_units(clean.x)
    assert spread.std() == pytest.approx(0.2, abs=5 * 0.2 / np.sqrt(8000))  # 4,000 numbers


def test_digits_are_those_of_scikit_learn():
    images, labels = load_digits(return_X_y=True)
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    problem = data.digits(n=300, label_noise=0)
    chosen = []
    for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        original = problem.in_original_units(x)
        pixels = np.round(original).astype(np.float64) + 0.0  # no -0
        np.testing.assert_allclose(original, pixels, rtol=0, atol=1e-4)
        chosen += [image.tobytes() for image in pixels]
        assert [known[image.tobytes()] for image in pixels] == y.argmax(1).tolist()
    assert len(set(chosen)) == 800  # no image is in both parts


@pytest.mark.parametrize("label_noise", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_label_noise_replaces_exactly_that_fraction_of_the_training_labels(label_noise):
    clean, noisy = data.digits(n=330, label_noise=0, seed=5), data.digits(n=330, label_noise=label_noise, seed=5)
    assert (clean.y.argmax(1) != noisy.y.argmax(1)).sum() == round(label_noise * 330)
    assert_same(clean, noisy, ("x", "x_val", "y_val"))


def test_replaced_labels_are_spread_evenly_over_the_other_nine():
    clean, noisy = data.digits(n=1700, label_noise=0), data.digits(n=1700, label_noise=1)
    shift = (noisy.y.argmax(1) - clean.y.argmax(1)) % 10
    counts = np.bincount(shift, minlength=10)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 1700 / 9).max() < 5 * np.sqrt(1700 / 9 * 8 / 9)  # five standard deviations


def test_digits_give_no_more_than_there_are():
    problem = data.digits(n=1787)
    assert (len(problem.x), len(problem.x_val)) == (1787, 10)
    problem = data.digits(n=10, n_val=5000)
    assert (len(problem.x), len(problem.x_val)) == (10, 1787)


@cases(
    ("make", "error", "parts"),
    [
        (lambda: data.noisy_sine(n=1), ValueError, ["n is 1", "2 or more"]),
        (lambda: data.noisy_sine(n=16.0), TypeError, ["n is 16.0", "whole number"]),
        (lambda: data.noisy_sine(n_val=0), ValueError, ["n_val is 0", "1 or more"]),
        (lambda: data.noisy_sine(noise=-0.1), ValueError, ["noise is -0.1", "0 or more"]),
        (lambda: data.noisy_sine(noise=np.nan), ValueError, ["noise is nan", "finite"]),
        (lambda: data.noisy_sine(seed=-1), ValueError, ["seed is -1", "0 or more"]),
        (lambda: data.noisy_sine(seed=None), TypeError, ["seed is None", "0 or more"]),
        (lambda: data.two_moons(n=1), ValueError, ["n is 1;", "2 or more"]),
        (lambda: data.two_moons(noise="big"), TypeError, ["noise is 'big'", "finite number"]),
        (lambda: data.digits(n=9), ValueError, ["n is 9", "from 10 to 1787"]),
        (lambda: data.digits(n=1788), ValueError, ["n is 1788", "from 10 to 1787"]),
        (lambda: data.digits(label_noise=1.1), ValueError, ["label_noise is 1.1", "from 0 to 1", "fraction"]),
        (lambda: data.digits(label_noise=30), ValueError, ["label_noise is 30", "from 0 to 1", "fraction"]),
        (lambda: data.load("moons"), ValueError, ["'moons'", "noisy sine, two moons, digits"]),
    ],
)
def test_a_wrong_setting_of_a_maker_is_named(make, error, parts):
    assert_raises(make, error, parts)


# ------------------------------------------------------------------------------------------------------------ problems


def problem_of(**changed):
    x, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)[:, None]
    return bl.Problem(**{"x": x, "y": y, "x_val": x, "y_val": y} | changed)


def with_value(value):
    x = np.zeros((4, 2))
    x[2, 1] = value
    return x


@cases(
    ("changed", "parts"),
    [
        ({"x": with_value(np.nan)}, ["x[2, 1] is nan", "finite"]),
        ({"x_val": with_value(np.inf)}, ["x_val[2, 1] is inf", "finite"]),
        ({"x": np.zeros((3, 2))}, ["x has 3 rows and y has 4", "each sample"]),
        ({"y_val": np.zeros((5, 1))}, ["x_val has 4 rows and y_val has 5", "each sample"]),
        ({"x_val": np.zeros((4, 3))}, ["x has 2 columns and x_val has 3"]),
        ({"y_val": np.zeros((4, 2))}, ["y has 1 columns and y_val has 2"]),
        ({"y": np.zeros(4)}, ["y has shape (4,)", "(samples, columns)", "y[:, None]"]),
        ({"x": np.zeros((4, 2, 2))}, ["x has shape (4, 2, 2)", "two dimensions"]),
        ({"x": np.zeros((0, 2)), "y": np.zeros((0, 1))}, ["x has shape (0, 2)", "at least one sample"]),
        ({"y_val": np.zeros((4, 0))}, ["y_val has shape (4, 0)", "at least one sample and one column"]),
        ({"x": [["a", "b"]] * 4}, ["x does not hold numbers", "'a'"]),
        ({"x": [[1, 2], [3]]}, ["x does not hold numbers in rows of equal length"]),
        ({"kind": "ranking"}, ["kind is 'ranking'", "'regression' or 'classification'"]),
        ({"kind": "classification"}, ["y of shape (4, 1) is not one-hot", "from_arrays"]),
        (
            {"kind": "classification", "y": np.full((4, 2), 0.5), "y_val": np.eye(2)[[0, 1, 0, 1]]},
            ["y of shape (4, 2) is not one-hot", "single 1"],
        ),
        (
            {"kind": "classification", "y": np.eye(2)[[0, 1, 0, 1]], "y_val": np.ones((4, 2))},
            ["y_val of shape (4, 2) is not one-hot", "single 1"],
        ),
    ],
)
def test_a_wrong_array_is_named_with_its_place_or_shape(changed, parts):
    assert_raises(lambda: problem_of(**changed), ValueError, parts)


def test_labels_become_one_hot_rows_in_the_order_of_the_classes():
    labels = np.array(["cat", "dog", "ant"] * 8)
    x = np.arange(24.0)
    problem = bl.Problem.from_arrays(x, labels, validation=0.25)
    assert problem.kind == "classification"
    assert problem.classes == ("ant", "cat", "dog")
    assert (problem.x.shape, problem.x_val.shape) == ((18, 1), (6, 1))
    for inputs, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        rows = np.round(problem.in_original_units(inputs)[:, 0]).astype(int)
        assert [problem.classes[c] for c in y.argmax(1)] == labels[rows].tolist()


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (["no", "yes"] * 10, "classification"),
        ([False, True] * 10, "classification"),
        (list(range(20)), "classification"),
        ([*range(20), 0.5], "regression"),
        (list(range(21)), "regression"),
        (np.eye(2)[[0, 1] * 10], "regression"),
        (np.array(["no", "yes"] * 10)[:, None], "classification"),
        (np.arange(20)[:, None], "regression"),
        (np.arange(20).astype(object) / 2, "regression"),  # a column of a table that holds text beside it
        (np.array(["no", "yes"] * 10, object), "classification"),
    ],
    ids=[
        "text",
        "booleans",
        "20 whole",
        "a half",
        "21 whole",
        "two columns",
        "one of text",
        "one",
        "object",
        "objects",
    ],
)
def test_the_kind_is_decided_as_documented(y, kind):
    assert bl.Problem.from_arrays(np.arange(float(len(y))), y).kind == kind


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_split_comes_first_and_standardising_sees_the_training_part_alone(seed):
    rng = np.random.default_rng(seed)
    x, y = np.c_[np.arange(40.0), rng.normal(size=40)], rng.normal(size=40) + np.arange(40.0) / 7
    plain = bl.Problem.from_arrays(x, y, seed=seed)
    assert_standardised(plain.x)
    assert_standardised(plain.y)  # the targets of a regression too
    train, val = (np.round(plain.in_original_units(part)[:, 0]).astype(int) for part in (plain.x, plain.x_val))
    assert sorted([*train, *val]) == list(range(40))
    np.testing.assert_allclose(plain.x_mean, x[train].mean(0), atol=1e-5)
    np.testing.assert_allclose(plain.x_scale, x[train].std(0), atol=1e-5)
    np.testing.assert_allclose(plain.y_val[:, 0], (y[val] - y[train].mean()) / y[train].std(), atol=1e-5)
    # An outlier among the validation samples moves nothing but itself.
    x_out, y_out = x.copy(), y.copy()
    x_out[val[0], 1], y_out[val[1]] = 1e4, 1e4
    other = bl.Problem.from_arrays(x_out, y_out, seed=seed)
    assert_same(plain, other, ("x", "y", "x_mean", "x_scale"))
    assert other.x_val.max() > 1000
    assert other.y_val.max() > 100


def test_another_seed_is_another_split_of_the_same_sizes():
    x, y = np.arange(40.0), np.sin(np.arange(40.0))
    first, again, other = (bl.Problem.from_arrays(x, y, seed=seed, validation=0.3) for seed in (0, 0, 1))
    assert_same(first, again)
    assert first.x.shape == other.x.shape == (28, 1)
    assert (first.x != other.x).any()


def test_original_units_come_back():
    x = np.random.default_rng(0).normal(size=(40, 3)) * [1, 10, 100] + [0, 5, -300]
    problem = bl.Problem.from_arrays(x, np.arange(40) / 7)
    back = np.concatenate([problem.in_original_units(problem.x), problem.in_original_units(problem.x_val)])
    np.testing.assert_allclose(back[np.argsort(back[:, 0])], x[np.argsort(x[:, 0])], rtol=1e-5, atol=1e-4)
    plain = problem_of()
    np.testing.assert_array_equal(plain.in_original_units(plain.x), plain.x)


def test_a_constant_column_becomes_zero_in_training():
    problem = bl.Problem.from_arrays(np.c_[np.arange(40.0), np.full(40, 3.0)], np.arange(40) / 7)
    assert not problem.x[:, 1].any()
    assert not problem.x_val[:, 1].any()


@cases(
    ("settings", "error", "parts"),
    [
        ({"validation": 0}, ValueError, ["validation is 0", "from 0.05 to 0.9", "fraction"]),
        ({"validation": 25}, ValueError, ["validation is 25", "from 0.05 to 0.9", "fraction"]),
        ({"validation": True}, TypeError, ["validation is True", "from 0.05 to 0.9"]),
        ({"seed": 0.5}, TypeError, ["seed is 0.5", "whole number"]),
        ({"y": np.arange(9)}, ValueError, ["x has 10 rows and y has 9", "each sample"]),
        ({"x": np.arange(3.0), "y": np.arange(3)}, ValueError, ["there are 3 samples", "at least 4"]),
        ({"y": ["a"] * 10}, ValueError, ["every label is 'a'", "2 or more classes"]),
        ({"x": np.full((10, 1), np.nan)}, ValueError, ["x[0, 0] is nan", "finite"]),
        ({"y": [0.5, np.nan, *[1] * 8]}, ValueError, ["y[1, 0] is nan", "finite"]),
        ({"kind": "both"}, ValueError, ["kind is 'both'", "'regression' or 'classification'"]),
        ({"kind": "classes", "y": ["no", "yes"] * 5}, ValueError, ["kind is 'classes'", "'regression' or"]),
        ({"y": 3}, ValueError, ["x has 10 rows and y has 1", "one row in both"]),
        ({"y": [None, "yes"] * 5}, ValueError, ["y[0] is None", "remove the sample"]),
        ({"y": np.array(["no", math.nan] * 5, object)}, ValueError, ["y[1] is nan", "remove the sample"]),
        ({"y": [["no", "yes"]] * 10}, ValueError, ["y has shape (10, 2)", "one label a sample"]),
    ],
)
def test_a_wrong_array_of_the_reader_s_is_named(settings, error, parts):
    arguments = {"x": np.arange(10.0), "y": np.arange(10) % 2} | settings
    assert_raises(lambda: bl.Problem.from_arrays(arguments.pop("x"), arguments.pop("y"), **arguments), error, parts)


# --------------------------------------------------------------------------------------------------------------- files


@pytest.fixture
def write(tmp_path):
    """Write text or bytes to a file; its path."""

    def to_file(content, name="my cars.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


WEIGHTS = [f"{i},{i * i % 7},{i / 4}" for i in range(1, 13)]  # row number, something, numbers
NUMBERS = "\n".join(["row,weight,price", *WEIGHTS]) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        NUMBERS,
        NUMBERS.replace(",", ";"),
        NUMBERS.replace(",", "\t"),
        NUMBERS.replace("\n", "\r\n"),
        NUMBERS.rstrip("\n"),
        "\ufeff" + NUMBERS,
        '"row","weight","price"\n' + "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in WEIGHTS),
        NUMBERS.replace(",", " , ").replace("\n", "\n\n"),
        NUMBERS.replace(",", ";").replace("row", '"row, as counted, from 1"'),
    ],
    ids=["commas", "semicolons", "tabs", "windows", "no last newline", "byte order mark", "quoted", "spaced", "comma"],
)
def test_a_csv_file_is_read_however_it_is_written(write, content):
    problem = data.from_csv(write(content))
    table = np.array([[float(cell) for cell in line.split(",")] for line in WEIGHTS])
    expected = bl.Problem.from_arrays(table[:, :2], table[:, 2])
    assert problem.kind == expected.kind == "regression"
    assert_same(problem, expected)
    assert problem.name == "my cars"
    assert_standardised(problem.x)
    assert_standardised(problem.y)


def test_the_target_may_be_any_column(write):
    problem = data.from_csv(write(NUMBERS), target="weight", seed=3, validation=0.5, kind="regression")
    table = np.array([[float(cell) for cell in line.split(",")] for line in WEIGHTS])
    expected = bl.Problem.from_arrays(table[:, [0, 2]], table[:, 1], seed=3, validation=0.5, kind="regression")
    assert_same(problem, expected)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [("012", ("0", "1", "2")), (["1.0", "2.0"], ("1", "2")), (["red", "a, b"], ("a, b", "red"))],
    ids=["integers", "whole numbers", "text"],
)
def test_classes_are_read_from_a_csv_file(write, labels, classes):
    lines = [f'{i},"{labels[i % len(labels)]}"' for i in range(24)]
    problem = data.from_csv(write("\n".join(["row,kind", *lines])))
    assert problem.kind == "classification"
    assert problem.classes == classes
    for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        rows = np.round(problem.in_original_units(x)[:, 0]).astype(int)
        named = [labels[row % len(labels)].removesuffix(".0") for row in rows]
        assert [classes[c] for c in y.argmax(1)] == named


def test_only_a_line_break_ends_a_row(write):
    problem = data.from_csv(write("a,b\n" + "".join(f'{i},"x\u2028{i % 2}"\n' for i in range(8))))
    assert problem.classes == ("x\u20280", "x\u20281")


def test_whole_numbers_are_a_regression_if_that_is_asked_for(write):
    problem = data.from_csv(write("a,b\n1,2\n2,3\n3,4\n4,6\n"), kind="regression")
    assert problem.kind == "regression"
    assert problem.classes == ()


GOOD = ["a,b,c", "1,2,3.5", "2,3,4", "3,4,5", "4,5,6"]


def changed(line, text):
    return "\n".join([*GOOD[: line - 1], text, *GOOD[line:]])


@cases(
    ("content", "settings", "parts"),
    [
        ("a,b\n1,é\n".encode("latin-1"), {}, ["my cars.csv is not UTF-8", "save it as"]),
        ("a,b\n1,2\n".encode("utf-16"), {}, ["my cars.csv is not UTF-8", "save it as"]),
        ("", {}, ["my cars.csv holds 0 line(s)", "a header line and at least 4 samples"]),
        ("\n \n", {}, ["my cars.csv holds 0 line(s)", "a header line and at least 4 samples"]),
        ("a,b,c\n", {}, ["my cars.csv holds 1 line", "a header line and at least 4 samples"]),
        ("\n".join(GOOD[:4]), {}, ["there are 3 samples", "at least 4"]),
        (changed(3, "2,3"), {}, ["row 3 has 2 cells and the header has 3", "','"]),
        (changed(5, "4,5,6,7"), {}, ["row 5 has 4 cells and the header has 3", "','"]),
        (changed(3, "2,three,4"), {}, ["row 3, column 'b' holds 'three'", "correct it"]),
        (changed(4, "3,,5"), {}, ["row 4, column 'b' holds ''", "correct it"]),
        (changed(2, "nan,2,3.5"), {}, ["row 2, column 'a' holds 'nan'", "correct it"]),
        (changed(2, "1,-inf,3.5"), {}, ["row 2, column 'b' holds '-inf'", "correct it"]),
        (changed(3, "2,3,"), {}, ["row 3, column 'c' is empty", "fill it in or remove"]),
        (changed(3, "2,3,NaN"), {}, ["row 3, column 'c' holds 'NaN'", "remove the row"]),
        (changed(3, "2,3,much"), {"kind": "regression"}, ["row 3, column 'c' holds 'much'", "correct it"]),
        (changed(3, "\n\n2,x,4"), {}, ["row 5, column 'b' holds 'x'"]),  # rows as a text editor counts them
        (changed(1, "a,b,a"), {}, ["two columns named 'a'", "its own name"]),
        (changed(1, "a,b, a "), {}, ["two columns named 'a'", "its own name"]),
        ("\n".join(GOOD), {"target": "d"}, ["no column 'd'", "a, b, c"]),
        ("a\n1\n2\n3\n4\n", {}, ["has one column, 'a'", "a target and at least one input"]),
        ("a,b\n1,x\n2,x\n3,x\n4,x\n", {}, ["every label is 'x'", "2 or more classes"]),
        ("a,b\n1,5\n2,5\n3,5\n4,5\n", {}, ["every label is '5'", "2 or more classes"]),
        ("\n".join(GOOD[1:]), {}, ["my cars.csv has no header line", "Name each column there"]),
        ('a,b\n"1,5\n' + "2,5\n" * 40_000, {}, ["my cars.csv, row", "close every quotation mark"]),
    ],
)
def test_a_fault_of_a_csv_file_is_named_with_its_place(write, content, settings, parts):
    path = write(content)
    assert_raises(lambda: data.from_csv(path, **settings), ValueError, parts)


def test_all_faults_of_a_csv_file_are_named_at_once(write):
    path = write("a,b,c\n1,two,3.5\n2,3\n3,4,5.5\nfour,5,\n5,6,much\n6,7,8.5\n7,8,9.5\n8,9,10.5\n")
    with pytest.raises(ValueError) as told:  # noqa: PT011, all of it is compared
        data.from_csv(path)
    assert str(told.value) == (
        "my cars.csv, row 2, column 'b' holds 'two', which is not a finite number; row 3 has 2 cells and the header "
        "has 3; row 5, column 'a' holds 'four', which is not a finite number; row 5, column 'c' is empty; row 6, "
        "column 'c' holds 'much', which is not a finite number: correct it, encode it as a number, or remove the row "
        "or the column; give every row the same columns, divided by ','; fill it in or remove the row."
    )


def test_of_very_many_faults_the_first_are_named_and_how_many_there_are(write):
    path = write("a,b\n" + "x,1\n" * 37)
    with pytest.raises(ValueError, match=r"; and 27 more \(the first 10 are listed\): correct") as told:
        data.from_csv(path)
    assert str(told.value).count("holds 'x'") == 10
    assert "row 11," in str(told.value)
    assert "row 12," not in str(told.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ValueError, match=f"{re.escape(str(path))} cannot be read: .* Check the name"):
            data.from_csv(path)


# ------------------------------------------------------------------------------------------------------------ shuffles


@pytest.mark.parametrize("n", [1, 2, 100])
def test_every_shuffle_is_an_order_of_all_samples(n):
    orders = data.shuffles(0, 0, n)
    assert orders.shape == (64, n)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(n), (64, 1)))


def test_shuffles_differ_by_epoch_block_and_seed():
    orders = [order.tobytes() for seed in (0, 1) for block in (0, 1) for order in data.shuffles(seed, block, 100)]
    assert len(set(orders)) == 4 * 64
    again = data.shuffles.__wrapped__(1, 1, 100)  # not from the cache
    assert [order.tobytes() for order in again] == orders[-64:]


def test_no_sample_has_a_favourite_place():
    orders = np.concatenate([data.shuffles(0, block, 100) for block in range(10)])
    places = np.argsort(orders, axis=1)  # (640, 100): where each sample stood
    # Of 640 even places from 0 to 99 the mean has standard error 28.87 / sqrt(640); five of them, among 100 samples,
    # are passed by chance once in 17,000.
    assert np.abs(places.mean(axis=0) - 49.5).max() < 5 * 28.87 / np.sqrt(640)
    after = (orders[:, 1:] - orders[:, :-1] == 1).mean()  # a neighbour follows with probability 1/100
    assert after == pytest.approx(0.01, abs=5 * np.sqrt(0.01 / orders.size))
