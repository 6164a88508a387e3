"""PyTorch as its tutorials write it: by indexing tensors that are in memory, and by a DataLoader."""

import numpy as np
import torch
from torch import nn


def prepared(problem, params, learning_rate):
    """Model, optimizer, loss, training and validation samples."""
    layers = []
    for weight, bias in params:
        linear = nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight.T))
            linear.bias.copy_(torch.tensor(bias))
        layers += [linear, nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    regression = problem.kind == "regression"
    train, val = (
        (torch.tensor(x), torch.tensor(y if regression else y.argmax(axis=1)))
        for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val))
    )
    loss_fn = nn.MSELoss() if regression else nn.CrossEntropyLoss()
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate), loss_fn, train, val


def losses(model, loss_fn, *samples):
    with torch.no_grad():
        return [loss_fn(model(x), y).item() for x, y in samples]


def update(model, optimizer, loss_fn, x, y):
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()


def train_by_indexing(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch, orders=None):
    model, optimizer, loss_fn, train, val = prepared(problem, params, learning_rate)
    generator, n, measured = torch.Generator().manual_seed(seed), len(problem.x), []
    for epoch in range(num_epochs):
        if every_epoch:
            measured.append(losses(model, loss_fn, train, val))
        x, y = train
        if batch_size < n:
            order = torch.randperm(n, generator=generator) if orders is None else torch.tensor(orders[epoch])
            x, y = x[order], y[order]
        for x_batch, y_batch in zip(x.split(batch_size), y.split(batch_size), strict=True):
            update(model, optimizer, loss_fn, x_batch, y_batch)
    return np.array([*measured, losses(model, loss_fn, train, val)])


def train_by_dataloader(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch):
    model, optimizer, loss_fn, train, val = prepared(problem, params, learning_rate)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*train),
        batch_size=batch_size,
        shuffle=batch_size < len(problem.x),
        generator=torch.Generator().manual_seed(seed),
    )
    measured = []
    for _ in range(num_epochs):
        if every_epoch:
            measured.append(losses(model, loss_fn, train, val))
        for x_batch, y_batch in loader:
            update(model, optimizer, loss_fn, x_batch, y_batch)
    return np.array([*measured, losses(model, loss_fn, train, val)])
