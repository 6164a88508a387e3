"""Faults that were met once and must not come back: interrupted runs, huge states, numbers beyond single precision."""

import functools
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import batchlab as bl
from batchlab import data

P = bl.data.noisy_sine(n=40, n_val=50)


def test_interrupted_run_goes_on_as_if_nothing_had_been(monkeypatch):
    run, whole = (bl.fit(P, hidden=(4,), num_epochs=0) for _ in range(2))
    measured = type(run)._measured

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(run), "_measured", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.train(10)
    monkeypatch.setattr(type(run), "_measured", measured)
    np.testing.assert_array_equal(run.train(10).train_loss, whole.train(10).train_loss)


def test_wherever_a_run_is_interrupted_it_goes_on_as_if_nothing_had_been(monkeypatch):
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 300)  # so that states are thinned out meanwhile
    whole = bl.fit(P, hidden=(4,), num_epochs=0).train(10)
    for line in itertools.count():
        run, left = bl.fit(P, hidden=(4,), num_epochs=0).train(2), line

        def trace(frame, event, _):
            nonlocal left
            if frame.f_code.co_filename != bl.history.__file__:
                return None
            left -= event == "line"
            if left < 0:
                raise KeyboardInterrupt
            return trace

        tracing = sys.gettrace()
        sys.settrace(trace)
        try:
            run.train(8)
        except KeyboardInterrupt:
            pass
        else:
            break
        finally:
            sys.settrace(tracing)
        run.train(10 - run.num_epochs)
        np.testing.assert_array_equal(run.train_loss, whole.train_loss)
        assert len(run.seconds) == 11
        jax.tree.map(np.testing.assert_array_equal, run.params_at(9), whole.params_at(9))
    assert line > 100


def test_a_state_larger_than_the_bound(monkeypatch):
    monkeypatch.setattr(bl.history, "KEEP_BYTES", 40)
    run = bl.fit(P, hidden=(4,), num_epochs=0).train(3)
    assert run.params_at(2)[0][0].shape == (1, 4)


def test_two_large_finite_losses_are_not_divergence():
    one = np.ones((1, 1))
    zero = 0 * one
    model = bl.Model(lambda key: jnp.full((1, 1), 1.5e19), lambda w, x: x @ w)
    run = bl.fit(bl.Problem(one, zero, one, zero), model=model, batch_size=1, num_epochs=0, learning_rate=0.1)
    assert np.isfinite(run.train_loss).all()
    assert np.isfinite(run.val_loss).all()
    assert run.diverged_at is None


def test_one_hot_rows_are_not_taken_apart():
    label = np.arange(12) % 3
    try:
        problem = bl.Problem.from_arrays(label[:, None].astype(float), np.eye(3)[label], kind="classification")
    except ValueError:
        return
    rows = np.round(problem.in_original_units(problem.x)[:, 0]).astype(int)
    assert problem.y.argmax(1).tolist() == rows.tolist()


def test_shuffles_do_not_repeat_the_stream_that_made_the_data():
    assert (
        data.shuffles(0, 0, 100)[0] != np.random.default_rng(0).permuted(np.tile(np.arange(100), (64, 1)), axis=1)[0]
    ).any()


def test_large_offsets_survive_standardising():
    problem = bl.Problem.from_arrays(1.7e9 + np.arange(100.0), np.arange(100) / 7)
    assert len(np.unique(problem.x)) == len(problem.x)


def test_constant_column():
    problem = bl.Problem.from_arrays(np.c_[np.full(1000, 0.1), np.arange(1000)], np.arange(1000.0) / 7)
    assert not problem.x[:, 0].any()


def test_leading_empty_line(tmp_path):
    f = tmp_path / "a.csv"
    f.write_text("\na;b\n1;2\n2;3\n3;4\n4;5\n")
    assert data.from_csv(f, kind="regression").x.shape[1] == 1


def test_cell_beyond_float32_is_named(tmp_path):
    f = tmp_path / "a.csv"
    f.write_text("a,b\n1,2.5\n1e300,3\n3,4\n4,5\n")
    with pytest.raises(ValueError, match="row 3, column 'a'"):
        data.from_csv(f)


@pytest.mark.parametrize("rate", [1e-50, 1e39, 10**400])
def test_rates_beyond_float32(rate):
    with pytest.raises(ValueError, match="learning_rate"):
        bl.fit(P, learning_rate=rate, num_epochs=0)


def test_unhashable_partial():
    with pytest.raises(TypeError, match="optimizer"):
        bl.fit(P, optimizer=functools.partial(optax.adamw, mask={"a": True}), num_epochs=0)


def test_not_a_factory():
    with pytest.raises(TypeError, match="optimizer"):
        bl.fit(P, optimizer=lambda rate: rate, num_epochs=0)


def test_infinite_label():
    with pytest.raises(ValueError, match="inf"):
        bl.Problem.from_arrays(np.arange(5.0), [0, 1, np.inf, 2, 3])
