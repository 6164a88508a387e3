"""Forward, backward and update in nested loops of C, compiled for this processor, with fast mathematics.

Two hidden layers of equal width, tanh, squared error; the widths are constants to the compiler.
"""

import ctypes
import functools
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

COMPILER = shutil.which("cc")
if COMPILER is None:
    raise ImportError("there is no C compiler")

PROGRAM = """
#include <math.h>
#include <string.h>
#include <stdlib.h>
typedef struct { float w1[D][H], b1[H], w2[H][H], b2[H], w3[H][K], b3[K]; } Params;

static void forward(const Params *p, const float *x, float *h1, float *h2, float *out) {
  for (int j = 0; j < H; j++) h1[j] = p->b1[j];
  for (int i = 0; i < D; i++) for (int j = 0; j < H; j++) h1[j] += x[i] * p->w1[i][j];
  for (int j = 0; j < H; j++) h1[j] = tanhf(h1[j]);
  for (int j = 0; j < H; j++) h2[j] = p->b2[j];
  for (int i = 0; i < H; i++) for (int j = 0; j < H; j++) h2[j] += h1[i] * p->w2[i][j];
  for (int j = 0; j < H; j++) h2[j] = tanhf(h2[j]);
  for (int k = 0; k < K; k++) out[k] = p->b3[k];
  for (int i = 0; i < H; i++) for (int k = 0; k < K; k++) out[k] += h2[i] * p->w3[i][k];
}
static void backward(const Params *p, Params *g, const float *x, const float *y, float weight) {
  float h1[H], h2[H], out[K], d1[H], d2[H];
  forward(p, x, h1, h2, out);
  for (int k = 0; k < K; k++) { out[k] = 2 * weight * (out[k] - y[k]); g->b3[k] += out[k]; }
  for (int i = 0; i < H; i++) {
    float sum = 0;
    for (int k = 0; k < K; k++) { sum += out[k] * p->w3[i][k]; g->w3[i][k] += h2[i] * out[k]; }
    d2[i] = sum * (1 - h2[i] * h2[i]); g->b2[i] += d2[i];
  }
  for (int i = 0; i < H; i++) {
    float sum = 0;
    for (int j = 0; j < H; j++) { sum += d2[j] * p->w2[i][j]; g->w2[i][j] += h1[i] * d2[j]; }
    d1[i] = sum * (1 - h1[i] * h1[i]); g->b1[i] += d1[i];
  }
  for (int i = 0; i < D; i++) for (int j = 0; j < H; j++) g->w1[i][j] += x[i] * d1[j];
}
static float mean_loss(const Params *p, const float *x, const float *y, int n) {
  float h1[H], h2[H], out[K], sum = 0;
  for (int s = 0; s < n; s++) {
    forward(p, x + s * D, h1, h2, out);
    for (int k = 0; k < K; k++) sum += (out[k] - y[s * K + k]) * (out[k] - y[s * K + k]);
  }
  return sum / n;
}
void train(Params *p, const float *x, const float *y, int n, const float *xv, const float *yv, int m, int batch,
           int epochs, float rate, unsigned seed, int every, float *losses) {
  int *order = malloc(n * sizeof(int));
  Params g;
  srand(seed);
  for (int i = 0; i < n; i++) order[i] = i;
  for (int e = 0; e <= epochs; e++) {
    if (every || e == epochs) { *losses++ = mean_loss(p, x, y, n); *losses++ = mean_loss(p, xv, yv, m); }
    if (e == epochs) break;
    for (int i = n - 1; i > 0 && batch < n; i--) {
      int j = rand() % (i + 1), t = order[i];
      order[i] = order[j]; order[j] = t;
    }
    for (int start = 0; start < n; start += batch) {
      int stop = start + batch < n ? start + batch : n;
      memset(&g, 0, sizeof g);
      for (int s = start; s < stop; s++)
        backward(p, &g, x + order[s] * D, y + order[s] * K, 1.0f / (stop - start));
      for (int i = 0; i < sizeof g / sizeof(float); i++) ((float *)p)[i] -= rate * ((float *)&g)[i];
    }
  }
  free(order);
}
"""


@functools.cache
def compiled(inputs, width, outputs):
    """The `train` of the program for these widths."""
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder) / "train.so"
        widths = [f"-DD={inputs}", f"-DH={width}", f"-DK={outputs}"]
        options = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-lm"]
        subprocess.run([COMPILER, *widths, *options], input=PROGRAM, text=True, check=True)
        return ctypes.CDLL(library).train


def train(problem, params, *, batch_size, num_epochs, learning_rate, seed, every_epoch):
    """Only for a regression with two hidden layers of one width."""
    (inputs, width), (_, other), (_, outputs) = (weight.shape for weight, _ in params)
    if problem.kind != "regression" or width != other:
        raise ValueError(f"the C program trains two equal hidden layers by squared error, not {problem.kind}.")
    flat = np.concatenate([array.ravel() for layer in params for array in layer])
    losses = np.zeros((num_epochs + 1 if every_epoch else 1, 2), np.float32)
    samples = []
    for x, y in ((problem.x, problem.y), (problem.x_val, problem.y_val)):
        samples += [*(np.ascontiguousarray(array).ctypes.data_as(ctypes.c_void_p) for array in (x, y)), len(x)]
    compiled(inputs, width, outputs)(
        flat.ctypes.data_as(ctypes.c_void_p),
        *samples,
        batch_size,
        num_epochs,
        ctypes.c_float(learning_rate),
        seed,
        int(every_epoch),
        losses.ctypes.data_as(ctypes.c_void_p),
    )
    return losses
