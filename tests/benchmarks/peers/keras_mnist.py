"""MNIST from files to a saved model in Keras 3: python -m … TASK MNIST_FOLDER STARTED BACKEND."""

import os
import sys
import tempfile

os.environ["KERAS_BACKEND"] = sys.argv[4]
import keras  # reads the backend when it is imported

from tests.benchmarks.peers.mnist import now, one_cycle, read_rows, tell_job
from tests.benchmarks.peers.task import Recipe

recipe = Recipe.read(sys.argv[1])
x, y = read_rows(sys.argv[2], "train")
steps = recipe.epochs * -(-len(x) // recipe.batch_size)
hidden = [keras.layers.Dense(units, "relu") for units in recipe.hidden]
model = keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])


class OneCycle(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate before every step."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        self.model.optimizer.learning_rate = recipe.lr * one_cycle(recipe, self.step, steps)
        self.step += 1


model.compile(
    keras.optimizers.AdamW(recipe.lr, weight_decay=0, beta_2=recipe.beta2),
    keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
)
labels = keras.utils.to_categorical(y, 10)
model.fit(x, labels, recipe.batch_size, recipe.epochs, verbose=0, callbacks=[OneCycle()])
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
saved = now()
test_x, test_y = read_rows(sys.argv[2], "t10k")
tell_job(sys.argv[3], saved, model.predict(test_x, 2048, verbose=0).argmax(axis=1), test_y)
