"""Train PPRLVGAN with `fit`, from your own images, tf.data pipeline and Keras callbacks; then protect faces.

Runs as it stands, in about a minute, in any folder: `python docs/examples/fit_your_own_data.py`. It is small, as for a
test; docs/fit.md says what to change for real faces.
"""

# %% Images: faces/IDENTITY/EXPRESSION/*.png. Without such a folder, drawn faces are written to it.
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from vgan_tf import PPRLVGAN, preset
from vgan_tf.callbacks import StopOnNaN
from vgan_tf.data import load_faces
from vgan_tf.images import read_image, write_image

EPOCHS = 3
config = preset("tiny")
size = config.image_size
folder = Path("faces")
if not folder.exists():
    drawn = load_faces("avatars:identities=3,images=105,seed=1", size)
    for number, image in enumerate(drawn.images):
        identity = drawn.identities[drawn.identity[number]]
        expression = drawn.expressions[drawn.expression[number]]
        write_image(folder / identity / expression / f"{number}.png", image)

# %% Labels are indices into two lists of names. The order of the identities is the order of the target code.
paths = sorted(folder.glob("*/*/*.png"))
identities = sorted({path.parts[-3] for path in paths})
expressions = sorted({path.parts[-2] for path in paths})
labels = {
    "identity": np.array([identities.index(path.parts[-3]) for path in paths], np.int32),
    "expression": np.array([expressions.index(path.parts[-2]) for path in paths], np.int32),
}

# %% One element is (images, {"identity": ..., "expression": ...}): float32 RGB in [-1, 1]; labels int32.
order = np.random.default_rng(0).permutation(len(paths))
validation, training = order[:21], order[21:]


def decode(path, label):
    image = tf.io.decode_png(tf.io.read_file(path), channels=3)
    image = tf.image.resize(image, (size, size), antialias=True)
    return image / 127.5 - 1.0, label


def dataset(rows):
    chosen = {name: values[rows] for name, values in labels.items()}
    return tf.data.Dataset.from_tensor_slices(([str(paths[i]) for i in rows], chosen)).map(decode).cache()


train_batches = dataset(training).shuffle(len(training), seed=0).batch(16).prefetch(2)
validation_batches = dataset(validation).batch(16)

# %% The model, with optimizers of your own. `monitor` may name any val_* column.
keras.utils.set_random_seed(0)
model = PPRLVGAN(config, identities, expressions)
model.compile(
    discriminator_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    generator_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
)


def halve_every_ten_epochs(epoch, learning_rate):
    return learning_rate * 0.5 if epoch and epoch % 10 == 0 else learning_rate


history = model.fit(
    train_batches,
    validation_data=validation_batches,
    epochs=EPOCHS,
    callbacks=[
        keras.callbacks.ModelCheckpoint(
            "best.weights.h5", monitor="val_generator_loss", mode="min", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping(
            monitor="val_protected_expression_accuracy", mode="max", patience=20, restore_best_weights=True
        ),
        keras.callbacks.LearningRateScheduler(halve_every_ten_epochs),
        StopOnNaN(),
    ],
    verbose=2,
)

# %% Find the prototypes that protection releases in training images. `edge` has some; with `tiny` this does nothing.
model.load_weights("best.weights.h5")
model.adapt(np.stack([read_image(paths[i], size) for i in training]), labels["expression"][training])

# %% Protect: uint8 in, uint8 out. The target is a name, or "random" for a random identity for each image.
images = np.stack([read_image(path, size) for path in paths[:4]])
protected = model.protect(images, target=identities[0])
for number, image in enumerate(protected):
    write_image(f"protected/{number}.png", image)

# %% The whole model in one file.
model.save("model.keras")
