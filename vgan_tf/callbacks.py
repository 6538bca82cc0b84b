"""What `training.fit` does beside the steps: records, progress, the stages, and an end where a loss is not finite."""

import sys
import time

import keras
import numpy as np
from tqdm import tqdm

from vgan_tf.images import tile, write_image
from vgan_tf.protection import RELEASE_IMAGES, find_release, images_for_release

SAMPLE_COLUMNS = 10
SAMPLE_TARGETS = 8
BATCHES_BETWEEN_LOOKS = 20
ROUGH_RELEASE_IMAGES = 400  # in which what is released is settled while training goes on


class Stages(keras.callbacks.Callback):
    """Has the encoder learn by itself, then the generator by itself; the game comes last."""

    def on_epoch_begin(self, epoch, logs=None):
        config = self.model.config
        alone, apart = config.encoder_epochs, config.encoder_epochs + config.warmup_epochs
        self.model.enter("encoder" if epoch < alone else "warmup" if epoch < apart else "game")

    def on_train_end(self, logs=None):
        self.model.enter("game")


class RunRecorder(keras.callbacks.Callback):
    """After each epoch: the release, a row of history.csv, the sample grid, the weights and, last, the checkpoint."""

    def __init__(self, run, training, validation, first_epoch):
        super().__init__()
        self.run, self.known = run, images_for_release(run.config, training)
        self.rows = run.read_history(first_epoch)
        self.seconds = float(self.rows[-1]["seconds"]) if self.rows else 0.0
        columns = np.linspace(0, len(validation) - 1, min(SAMPLE_COLUMNS, len(validation))).astype(int)
        self.inputs = np.asarray(validation.images[columns])

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.started
        values = {name: f"{value:.9g}" for name, value in sorted(logs.items())}
        # On the way these are for the sample grid and whoever looks in; a rougher guess does.
        last = epoch + 1 == self.run.config.epochs
        find_release(self.model, self.known, RELEASE_IMAGES if last else ROUGH_RELEASE_IMAGES)
        self.rows.append({"epoch": epoch + 1, **values, "seconds": f"{self.seconds:.1f}"})
        self.run.write_history(self.rows)
        write_image(self.run.folder / "samples" / f"epoch_{epoch + 1:04d}.png", sample_grid(self.model, self.inputs))
        self.run.save_weights(self.model)
        self.run.save_checkpoint(self.model, epoch + 1)


class Progress(keras.callbacks.Callback):
    """Four figures that a person follows: a bar with the time left in a terminal, a line for each epoch in a log."""

    SHOWN = {
        "encoder": {"generator_loss": "encoder loss {:.3f}", "latent_expression": "error of expressions {:.3f}"},
        "warmup": {"generator_loss": "generator loss {:.3f}", "counterpart": "error of pixels {:.3f}"},
        "game": {"generator_loss": "generator loss {:.3f}", "target_success": "target success {:.0%}",
                 "protected_expression_accuracy": "expression kept {:.0%}"},
    }  # fmt: skip

    def __init__(self, run, first_epoch):
        super().__init__()
        self.run, done = run, first_epoch * run.steps_per_epoch
        self.bar = tqdm(
            total=run.config.epochs * run.steps_per_epoch,
            initial=done,
            unit=" steps",
            disable=not sys.stdout.isatty(),
            file=sys.stdout,
            dynamic_ncols=True,
            bar_format="{bar:10} {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}{postfix}]",
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()
        if not self.bar.disable and batch % 10 == 0:
            self.bar.set_postfix_str(self._figures(logs))

    def on_epoch_end(self, epoch, logs=None):
        if self.bar.disable:
            speed = self.run.steps_per_epoch / (time.perf_counter() - self.started)
            print(f"epoch {epoch + 1}/{self.run.config.epochs}: {speed:.1f} steps/s, {self._figures(logs)}", flush=True)

    def on_train_end(self, logs=None):
        self.bar.close()

    def _figures(self, logs):
        shown = self.SHOWN[self.model.stage]
        return ", ".join(text.format(float(logs[name])) for name, text in shown.items() if name in logs)


class StopOnNaN(keras.callbacks.Callback):
    """Raise soon after a loss is not finite; the last checkpoint stays as it was."""

    def on_train_batch_end(self, batch, logs=None):
        if batch % BATCHES_BETWEEN_LOOKS == 0:  # each has a GPU wait for the step to end
            self._look(logs, f"batch {batch + 1} of this epoch")

    def on_epoch_end(self, epoch, logs=None):
        self._look(logs, f"epoch {epoch + 1}")

    def _look(self, logs, when):
        for name, value in logs.items():
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"{name} is {float(value)} after {when}; lower the learning rates, "
                    "then train again (the last checkpoint is whole)"
                )


def sample_grid(model, images):
    """Inputs over protected faces, one row for each of the first target identities: uint8, a picture."""
    rows = [images]
    for target in model.identities[:SAMPLE_TARGETS]:
        rows.append(model.protect(images, target, seed=0))
    return tile(np.concatenate(rows), columns=len(images))
