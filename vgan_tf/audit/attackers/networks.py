"""Attackers that are networks: on pixels at three capacities, on bit planes, and on latents."""

import functools
import itertools

import keras
import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from vgan_tf.audit.attackers.augmentation import shift_light_and_cover
from vgan_tf.backends import BatchNormalization
from vgan_tf.images import to_float

# Filters, kernel and stride of each convolution, for images of up to 64 pixels; `for_size` adds to them.
SMALL_LAYERS = ((16, 5, 4), (32, 3, 2), (64, 3, 2))
MEDIUM_LAYERS = ((32, 5, 4), (64, 3, 2), (128, 3, 2))
LARGE_LAYERS = ((64, 5, 4), (128, 3, 2), (192, 3, 2))
BIT_LAYERS = ((32, 4, 4), (64, 3, 2), (64, 3, 2))
LAST_SIDE = 4
LEARNING_RATE = 2e-3
BATCH_SIZE = 64
CHECK_STEPS = 50  # between looks at the validation loss
PATIENCE = 2  # looks without a lower one before starting again from the best weights, or stopping
RESTARTS = 1  # from the best weights, at a quarter of the learning rate
MOST_CHECKED = 1000  # validation examples


def for_size(layers, shape):
    """The layers, the last one repeated until at most `LAST_SIDE` rows and columns of the image are left."""
    side = max(shape[:2])
    for _, _, stride in layers:
        side = -(-side // stride)
    while side > LAST_SIDE:
        layers, side = (*layers, layers[-1]), -(-side // layers[-1][2])
    return layers


def _fit_cnn(train, validation, classes, seed, quick, layers):
    """Three convolutions on the pixels."""
    network = cnn(train.features.shape[1:], train.labels.shape[1] * classes, seed, layers)
    return fit_network(network, train, validation, seed, 120 if quick else 1200, augment=shift_light_and_cover)


fit_small_cnn = functools.partial(_fit_cnn, layers=SMALL_LAYERS)
fit_medium_cnn = functools.partial(_fit_cnn, layers=MEDIUM_LAYERS)
fit_large_cnn = functools.partial(_fit_cnn, layers=LARGE_LAYERS)


def fit_bit_cnn(train, validation, classes, seed, quick):
    """Three convolutions on the eight bits of each channel, where a label may hide that no eye sees."""
    shape = (*train.features.shape[1:3], 8 * train.features.shape[3])
    network = cnn(shape, train.labels.shape[1] * classes, seed, BIT_LAYERS)
    return fit_network(network, train, validation, seed, 120 if quick else 800, prepare=bit_planes)


def bit_planes(images):
    """uint8 `(n, height, width, channels)` -> float32 `(n, height, width, 8 * channels)`, bits as -1 and 1."""
    return np.unpackbits(images, axis=3) * np.float32(2) - 1


def cnn(shape, outputs, seed, layers):
    """Float32 images in [-1, 1] -> logits `(batch, outputs)`; `layers` as above."""
    seeds = itertools.count(seed * 1000)
    image = hidden = keras.Input(shape)
    for filters, kernel, stride in for_size(layers, shape):
        start = keras.initializers.HeNormal(next(seeds))
        convolution = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False, kernel_initializer=start)
        hidden = BatchNormalization(momentum=0.9)(convolution(hidden))
        hidden = keras.layers.ReLU()(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dropout(0.3, seed=next(seeds))(hidden)
    start = keras.initializers.GlorotUniform(next(seeds))
    return keras.Model(image, keras.layers.Dense(outputs, kernel_initializer=start)(hidden))


def fit_mlp(train, validation, classes, seed, quick):
    """Two hidden layers on standardised features."""
    scaler = StandardScaler().fit(train.features)
    network = mlp(train.features.shape[1:], train.labels.shape[1] * classes, seed)
    return fit_network(network, train, validation, seed, 500 if quick else 2500, prepare=scaler.transform)


def mlp(shape, outputs, seed):
    """Float32 features -> logits `(batch, outputs)`, with two hidden layers."""
    seeds = itertools.count(seed * 1000)
    features = hidden = keras.Input(shape)
    for _ in range(2):
        start = keras.initializers.HeNormal(next(seeds))
        hidden = keras.layers.Dense(256, activation="relu", kernel_initializer=start)(hidden)
        hidden = keras.layers.Dropout(0.3, seed=next(seeds))(hidden)
    start = keras.initializers.GlorotUniform(next(seeds))
    return keras.Model(features, keras.layers.Dense(outputs, kernel_initializer=start)(hidden))


def fit_network(network, train, validation, seed, most_steps, augment=None, prepare=None):
    """Train a network that classifies, by `train_network`.

    Args:
        network: `keras.Model`, float32 features -> logits `(batch, tasks * classes)`.
        train, validation: `Examples`.

    Returns:
        score: features -> float32 log-probabilities `(n, tasks, classes)`.
    """
    tasks = train.labels.shape[1]

    def loss(logits, labels):
        logits = tf.reshape(logits, (tf.shape(logits)[0], tasks, logits.shape[1] // tasks))
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), axis=1)

    outputs_of = train_network(network, train, validation, loss, seed, most_steps, augment, prepare)

    def score(features):
        logits = outputs_of(features).reshape(len(features), tasks, -1)
        logits -= logits.max(axis=2, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))

    return score


def train_network(network, train, validation, loss, seed, most_steps, augment=None, prepare=None, patience=PATIENCE):
    """Train a network until its validation loss falls no more, also not from the best weights in smaller steps.

    Args:
        network: `keras.Model`, float32 features -> outputs `(batch, values)`.
        train, validation: `Examples`; their labels, of any kind, are for `loss` alone.
        loss: (outputs, labels) -> `(batch,)`.
        most_steps: at most so many, of `BATCH_SIZE` examples each.
        augment: (features, Generator) -> float32 inputs to learn from, or None for `prepare`.
        prepare: features -> float32 inputs of the network, or None: images to [-1, 1], others as they are.
        patience: looks without a lower loss before a restart or the end.

    Returns:
        outputs_of: features -> float32 `(n, values)`.
    """
    random = np.random.default_rng(seed)
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(network.trainable_variables)
    prepare = prepare or as_float
    augment = augment or (lambda features, random: prepare(features))

    @tf.function(reduce_retracing=True)
    def step(features, labels):
        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(loss(network(features, training=True), labels))
        gradients = tape.gradient(mean, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    @tf.function(reduce_retracing=True)
    def forward(features):
        return network(features, training=False)

    def outputs_of(features):
        return in_batches(lambda batch: forward(prepare(batch)).numpy(), features)

    checked = validation.labels[:MOST_CHECKED]
    best_loss, best_weights, waited, restarts, order = np.inf, network.get_weights(), 0, RESTARTS, np.empty(0, int)
    for number in range(1, most_steps + 1):
        if len(order) < min(BATCH_SIZE, len(train.features)):
            order = np.append(order, random.permutation(len(train.features)))
        rows, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        step(tf.constant(augment(train.features[rows], random)), tf.constant(train.labels[rows]))
        if number % CHECK_STEPS and number < most_steps:
            continue
        outputs = outputs_of(validation.features[:MOST_CHECKED])
        found = float(np.mean(loss(tf.constant(outputs), tf.constant(checked))))
        if found < best_loss - 1e-3:
            best_loss, best_weights, waited = found, network.get_weights(), 0
            continue
        waited += 1
        if waited == patience:
            if not restarts:
                break
            network.set_weights(best_weights)
            optimizer.learning_rate = float(optimizer.learning_rate) / 4
            waited, restarts = 0, restarts - 1
    network.set_weights(best_weights)
    return outputs_of


def in_batches(function, features, batch_size=256):
    starts = range(0, len(features), batch_size)
    return np.concatenate([function(features[start : start + batch_size]) for start in starts])


def as_float(features):
    return to_float(features) if features.dtype == np.uint8 else np.asarray(features, dtype=np.float32)
