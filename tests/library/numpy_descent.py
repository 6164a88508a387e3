"""Mini-batch descent written out in NumPy and float64, derivatives by hand: the oracle of the library's descent.

It shares nothing with the library: no automatic differentiation, no padding, no micro-batches, no traced loop.
"""

import numpy as np


def forward(params, x):
    """Inputs of every layer, and the outputs of the last: tanh between affine layers."""
    layers = [x]
    for i, (weight, bias) in enumerate(params):
        z = layers[-1] @ weight + bias
        layers.append(np.tanh(z) if i < len(params) - 1 else z)
    return layers


def softmax(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def mean_loss(params, x, y, kind):
    outputs = forward(params, x)[-1]
    if kind == "regression":
        return ((outputs - y) ** 2).sum() / len(x)
    return -np.log(softmax(outputs)[y == 1]).sum() / len(x)


def gradient(params, x, y, kind):
    """Gradient of the mean loss over all rows of x: backpropagation, one layer at a time."""
    layers = forward(params, x)
    if kind == "regression":
        delta = 2 * (layers[-1] - y) / len(x)
    else:
        delta = (softmax(layers[-1]) - y) / len(x)
    grads = []
    for (weight, _), inputs in zip(reversed(params), reversed(layers[:-1]), strict=True):
        grads.insert(0, (inputs.T @ delta, delta.sum(axis=0)))
        delta = (delta @ weight.T) * (1 - inputs**2)  # tanh' = 1 - tanh^2
    return grads


def batches(order, batch_size):
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def double(params):
    return [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in params]


def descend(params, x, y, kind, batch_size, learning_rate, orders):
    """Parameters after 0, 1, ... epochs, one order of the samples an epoch."""
    params, x, y = double(params), x.astype(np.float64), y.astype(np.float64)
    history = [params]
    for order in orders:
        for batch in batches(order, batch_size):
            grads = gradient(params, x[batch], y[batch], kind)
            params = [
                (weight - learning_rate * d_weight, bias - learning_rate * d_bias)
                for (weight, bias), (d_weight, d_bias) in zip(params, grads, strict=True)
            ]
        history.append(params)
    return history


def finite_difference(params, x, y, kind, layer, part, index, step=1e-6):
    """Slope of the mean loss along one parameter, by central differences: what checks `gradient` itself."""
    slope = 0.0
    for sign in (1, -1):
        moved = [[array.copy() for array in pair] for pair in double(params)]
        moved[layer][part][index] += sign * step
        slope += sign * mean_loss(moved, x, y, kind) / (2 * step)
    return slope
