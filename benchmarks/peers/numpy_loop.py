"""Forward and backward by hand, in NumPy: once as the formulas read, once without making an array anew."""

import numpy as np


def forward(params, x):
    """What each layer takes in, and what the last puts out."""
    inputs = [x]
    for weight, bias in params[:-1]:
        inputs.append(np.tanh(inputs[-1] @ weight + bias))
    weight, bias = params[-1]
    return inputs, inputs[-1] @ weight + bias


def log_softmax(outputs):
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def mean_loss(problem, params, x, y):
    outputs = forward(params, x)[1]
    if problem.kind == "regression":
        return ((outputs - y) ** 2).sum(axis=1).mean()
    return -(y * log_softmax(outputs)).sum(axis=1).mean()


def losses(problem, params):
    return [mean_loss(problem, params, problem.x, problem.y), mean_loss(problem, params, problem.x_val, problem.y_val)]


def epoch_order(rng, n, batch_size, given, epoch):
    """The order of the samples in an epoch; None for the full batch, whose gradient does not depend on it."""
    if batch_size >= n:
        return None
    return rng.permutation(n) if given is None else given[epoch]


def train(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch, orders=None):
    params = [(weight.copy(), bias.copy()) for weight, bias in params]
    rng, n, measured = np.random.default_rng(seed), len(problem.x), []
    regression = problem.kind == "regression"
    for epoch in range(num_epochs):
        if every_epoch:
            measured.append(losses(problem, params))
        x, y = problem.x, problem.y
        if (order := epoch_order(rng, n, batch_size, orders, epoch)) is not None:
            x, y = x[order], y[order]
        for start in range(0, n, batch_size):
            inputs, outputs = forward(params, x[start : start + batch_size])
            if regression:
                delta = (outputs - y[start : start + batch_size]) * (2 / len(outputs))
            else:
                delta = (np.exp(log_softmax(outputs)) - y[start : start + batch_size]) / len(outputs)
            for layer in reversed(range(len(params))):
                (weight, bias), taken_in = params[layer], inputs[layer]
                weight_grad, bias_grad = taken_in.T @ delta, delta.sum(axis=0)
                if layer:
                    delta = (delta @ weight.T) * (1 - taken_in**2)
                weight -= learning_rate * weight_grad
                bias -= learning_rate * bias_grad
    return np.array([*measured, losses(problem, params)])


def views(flat, shapes):
    """Weights and biases as views into one flat array."""
    layers, at = [], 0
    for fan_in, fan_out in shapes:
        weight, at = flat[at : at + fan_in * fan_out].reshape(fan_in, fan_out), at + fan_in * fan_out
        bias, at = flat[at : at + fan_out], at + fan_out
        layers.append((weight, bias))
    return layers


def train_in_place(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch, orders=None):
    """The same for one who counts allocations: one flat array of parameters, one of gradients, written in place."""
    shapes = [weight.shape for weight, _ in params]
    flat = np.concatenate([array.ravel() for layer in params for array in layer])
    grad = np.empty_like(flat)
    params, grads = views(flat, shapes), views(grad, shapes)
    rng, n, measured = np.random.default_rng(seed), len(problem.x), []
    regression, last = problem.kind == "regression", len(params) - 1
    for epoch in range(num_epochs):
        if every_epoch:
            measured.append(losses(problem, params))
        x, y = problem.x, problem.y
        if (order := epoch_order(rng, n, batch_size, orders, epoch)) is not None:
            x, y = x[order], y[order]
        for start in range(0, n, batch_size):
            inputs = [x[start : start + batch_size]]
            for layer, (weight, bias) in enumerate(params):
                outputs = np.dot(inputs[-1], weight)
                outputs += bias
                if layer < last:
                    np.tanh(outputs, out=outputs)
                    inputs.append(outputs)
            delta = outputs
            if regression:
                delta -= y[start : start + batch_size]
                delta *= 2 * learning_rate / len(delta)
            else:
                delta -= delta.max(axis=1, keepdims=True)
                np.exp(delta, out=delta)
                delta /= delta.sum(axis=1, keepdims=True)
                delta -= y[start : start + batch_size]
                delta *= learning_rate / len(delta)
            for layer in range(last, -1, -1):
                np.dot(inputs[layer].T, delta, out=grads[layer][0])
                np.add.reduce(delta, axis=0, out=grads[layer][1])
                if layer:
                    delta, slope = np.dot(delta, params[layer][0].T), inputs[layer]
                    slope *= slope
                    slope *= delta
                    delta -= slope  # delta (1 - tanh^2)
            flat -= grad
    return np.array([*measured, losses(problem, params)])
