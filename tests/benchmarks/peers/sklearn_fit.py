"""scikit-learn's MLPClassifier: python -m tests.benchmarks.peers.sklearn_fit TASK."""

import sys
import time

import numpy as np
from sklearn.neural_network import MLPClassifier

from tests.benchmarks.peers.task import Task, tell_fit

task = Task.read(sys.argv[1])
recipe = task.recipe
model = MLPClassifier(
    recipe.hidden,
    alpha=0,
    batch_size=recipe.batch_size,
    learning_rate_init=recipe.lr,
    max_iter=recipe.epochs,
    n_iter_no_change=recipe.epochs + 1,
)
started = time.perf_counter()
model.fit(task.x, task.y)
# It calls nobody between epochs and compiles nothing: all epochs are alike.
marks = np.linspace(started, time.perf_counter(), recipe.epochs + 1).tolist()
tell_fit(marks, task.steps)
