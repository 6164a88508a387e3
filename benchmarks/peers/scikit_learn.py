"""scikit-learn's perceptron with plain SGD. It starts from a draw of its own, and always adds up its training loss."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor


def losses(model, problem):
    samples = (problem.x, problem.y), (problem.x_val, problem.y_val)
    if problem.kind == "regression":
        return [np.mean((model.predict(x) - y[:, 0]) ** 2) for x, y in samples]
    return [-np.mean(np.log(np.maximum((model.predict_proba(x) * y).sum(axis=1), 1e-30))) for x, y in samples]


def train(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch):
    regression = problem.kind == "regression"
    model = (MLPRegressor if regression else MLPClassifier)(
        hidden_layer_sizes=tuple(weight.shape[1] for weight, _ in params[:-1]),
        activation="tanh",
        solver="sgd",
        momentum=0,
        alpha=0,
        # Its squared error is halved: the same step takes twice the rate.
        learning_rate_init=learning_rate * (2 if regression else 1),
        batch_size=batch_size,
        shuffle=batch_size < len(problem.x),
        max_iter=num_epochs,
        n_iter_no_change=num_epochs + 1,
        random_state=seed,
    )
    y = problem.y[:, 0] if regression else problem.y.argmax(axis=1)
    if not every_epoch:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is reached on purpose
            model.fit(problem.x, y)
        return np.array([losses(model, problem)])
    measured, classes = [], {} if regression else {"classes": np.arange(problem.y.shape[1])}
    for _ in range(num_epochs):
        model.partial_fit(problem.x, y, **classes)
        measured.append(losses(model, problem))
    return np.array(measured)
