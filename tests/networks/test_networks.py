"""Networks: the published layer shapes, the bounded posterior, no batch size baked in."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import counterpart_config, small_paper_config, tiny_config
from keras import ops

from vgan_tf.backends import BatchNormalization
from vgan_tf.config import PRESETS, preset
from vgan_tf.networks import build, expression_classifier, latent_classifier, sample_latent
from vgan_tf.networks.edge import bump_maps
from vgan_tf.networks.expression import start_from_encoder
from vgan_tf.networks.layers import Ramps


def convolution(side, channels_in, channels_out):
    return side * side * channels_in * channels_out + channels_out


def dense(units_in, units_out):
    return units_in * units_out + units_out


@pytest.mark.parametrize("kernel_size", [5, 8])
def test_the_papers_networks_have_the_published_sizes(kernel_size):
    k = kernel_size
    encoder, generator, discriminator, *_ = build(preset("paper").replace(kernel_size=k), 6, 7)
    four = convolution(k, 3, 32) + convolution(k, 32, 64) + convolution(k, 64, 128) + convolution(k, 128, 256)
    batch_norm = 4 * (32 + 64 + 128 + 256)
    assert encoder.count_params() == four + batch_norm + 2 * dense(4 * 4 * 256, 128)
    assert discriminator.count_params() == four + dense(4 * 4 * 256, 256) + dense(256, 1 + 6 + 7)
    three = convolution(k, 128, 256) + convolution(k, 256, 128) + convolution(k, 128, 128)
    last = convolution(k, 128, 3)
    assert generator.count_params() == dense(128 + 6, 4 * 4 * 128) + three + 4 * (256 + 128 + 128) + last
    shapes = [layer.output.shape[1:] for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert shapes == [(32, 32, 32), (16, 16, 64), (8, 8, 128), (4, 4, 256)]
    shapes = [layer.output.shape[1:] for layer in generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert shapes == [(8, 8, 256), (16, 16, 128), (32, 32, 128), (64, 64, 3)]
    momenta = {layer.momentum for layer in encoder.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta == {0.8}
    rates = [layer.rate for layer in encoder.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.3] * 4


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_networks_that_take_any_batch_size(name):
    config = preset(name)
    encoder, generator, discriminator, *_ = build(config, 4, 7)
    assert [network.name for network in (encoder, generator, discriminator)] == [
        "encoder",
        "generator",
        "discriminator",
    ]
    for count in (1, 3):
        z_mean, z_log_var = encoder(np.zeros((count, 64, 64, 3), np.float32))
        assert z_mean.shape == z_log_var.shape == (count, config.latent_dim)
        images = generator([z_mean, ops.eye(4)[:count]])
        assert images.shape == (count, 64, 64, 3) and abs(ops.convert_to_numpy(images)).max() <= 1
        *logits, first_map, _, last_map = discriminator(images)
        conditions = 4 + 7 if config.conditional_real_fake else 0
        assert [head.shape for head in logits] == [(count, 1 + conditions), (count, 4), (count, 7)]
        assert first_map.shape[1:3] == (16, 16) and last_map.shape[1:3] == (4, 4)


def test_a_deeper_encoder_has_more_convolutions_where_maps_are_small():
    def maps(depth):
        layers = build(tiny_config(encoder_depth=depth), 4, 7).encoder.layers
        return [layer.output.shape[1] for layer in layers if isinstance(layer, keras.layers.Conv2D)]

    assert maps(1) == [32, 16, 8, 4]
    assert maps(3) == [32, 16, 16, 16, 8, 8, 8, 4, 4, 4]


@pytest.mark.parametrize("make_config", [tiny_config, small_paper_config])
def test_bfloat16_computes_inside_and_leaves_weights_outputs_and_other_models_alone(make_config):
    wide, narrow = (build(make_config(precision=precision), 4, 7) for precision in ("float32", "bfloat16"))
    assert keras.config.dtype_policy().name == "float32"
    image = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    outputs = {}
    for networks in (wide, narrow):
        for network in networks[:3]:
            network.set_weights(wide[networks.index(network)].get_weights())
            assert {variable.dtype for variable in network.variables if "seed" not in variable.path} == {"float32"}
        latent, _ = networks.encoder(image)
        protected = networks.generator([latent, ops.eye(4)[:2]])
        outputs[networks is wide] = [latent, protected, *networks.discriminator(image)[:3]]
        inside = "float32" if networks is wide else "bfloat16"
        for network in networks[:3]:
            layer = next(
                layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
            )
            assert layer.compute_dtype == inside
    for full, short in zip(outputs[True], outputs[False], strict=True):
        assert keras.backend.standardize_dtype(short.dtype) == "float32"
        full, short = ops.convert_to_numpy(full), ops.convert_to_numpy(short)
        assert 0 < abs(full - short).max() < 0.05 * max(1, abs(full).max())


def test_ramps_are_a_dense_layer_of_few_numbers():
    ramps = Ramps(side=4, count=2, zeros=[-0.25, 0.75], slope=8.0)
    first = ops.convert_to_numpy(ramps(np.zeros((1, 3), np.float32))).reshape(4, 2)
    np.testing.assert_allclose(first, [[-4, -12], [0, -8], [4, -4], [8, 0]], atol=1e-5)
    inputs = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    found = ops.convert_to_numpy(ramps(inputs)).reshape(5, 4, 2)
    assert ramps.count_params() == 2 * (3 * 2) + 2 * 2 and found.std() > 0.01
    np.testing.assert_allclose(np.diff(found, n=2, axis=1), 0, atol=1e-4)  # straight along the axis
    kernel, bias = ops.convert_to_numpy(ramps.kernel), ops.convert_to_numpy(ramps.bias)
    np.testing.assert_allclose(inputs @ kernel + bias, found.reshape(5, 8), rtol=1e-4, atol=1e-4)


def test_bumps_lie_within_the_face_at_first_and_in_both_maps():
    code = keras.Input((6,))
    model = keras.Model(code, bump_maps(code, counterpart_config()))
    maps = {side: ops.convert_to_numpy(found) for side, found in model(np.zeros((1, 6), np.float32)).items()}
    assert {side: found.shape for side, found in maps.items()} == {16: (1, 16, 16, 4), 8: (1, 8, 8, 4)}
    for number in range(4):
        bump = maps[16][0, :, :, number]
        row, column = np.unravel_index(bump.argmax(), bump.shape)
        assert bump.min() == 0 and 0.5 < bump.max() <= 1 and 2 <= row <= 12 and 3 <= column <= 12
        assert 9 <= (bump > 0).sum() <= 49, "a small part of the map"
    moved = ops.convert_to_numpy(model(np.full((1, 6), 30, np.float32))[16])
    middles = [
        np.stack([m[0, :, :, n].sum(axis=1 - axis) @ np.arange(16) / m[0, :, :, n].sum() for n in range(4)])
        for m in (maps[16], moved)
        for axis in (0, 1)
    ]
    assert np.abs(middles[0] - middles[2]).max() > 0.1 < np.abs(middles[1] - middles[3]).max(), "the code moves them"
    pooled = maps[16].reshape(1, 8, 2, 8, 2, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(maps[8], pooled, atol=1e-5)


def test_a_style_of_zero_is_the_generator_itself():
    _, generator, _, style_encoder, styled_generator = build(tiny_config(style_dim=3), 4, 7)
    random = np.random.default_rng(0)
    mean, log_var = style_encoder(random.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32))
    assert mean.shape == log_var.shape == (4, 3)
    latents, codes = random.standard_normal((4, 8)).astype(np.float32), np.eye(4, dtype=np.float32)
    plain = ops.convert_to_numpy(generator([latents, codes]))
    unstyled, styled = (styled_generator([latents, codes, np.full((4, 3), x, np.float32)]) for x in (0, 1))
    np.testing.assert_allclose(unstyled, plain, atol=1e-6)
    assert abs(ops.convert_to_numpy(styled) - plain).max() > 0.01


def test_a_style_is_too_coarse_to_show_details():
    style_encoder = build(tiny_config(style_dim=3), 4, 7).style_encoder
    coarse = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8, 8, 3))
    checks = np.indices((64, 64)).sum(axis=0)[:, :, None] % 2 - 0.5
    smooth = np.kron(coarse, np.ones((1, 8, 8, 1)))
    np.testing.assert_allclose(style_encoder(smooth)[0], style_encoder(smooth + 0.5 * checks)[0], atol=1e-5)


def posterior_std(config, images):
    encoder = build(config, 3, 7).encoder
    layer = encoder.get_layer("z_log_var_raw")
    layer.kernel.assign(layer.kernel * 100)
    return np.exp(0.5 * ops.convert_to_numpy(encoder(images)[1]))


def test_the_papers_posterior_is_never_narrower_than_the_prior():
    images = np.random.default_rng(0).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32)
    bounded = posterior_std(small_paper_config(), images)
    assert 1 <= bounded.min() < 1.1 and 1.5 < bounded.max() <= np.exp(0.5)
    free = posterior_std(tiny_config(), images)
    assert free.min() < 1 and np.isfinite(free).all()


def test_the_sampler_draws_with_the_given_mean_and_log_variance():
    z_mean = np.full((4000, 2), [3.0, -1.0], np.float32)
    z_log_var = np.full((4000, 2), [np.log(4.0), 0.0], np.float32)
    latent = ops.convert_to_numpy(sample_latent(z_mean, z_log_var, seed=1))
    np.testing.assert_allclose(latent.mean(axis=0), [3, -1], atol=0.15)
    np.testing.assert_allclose(latent.std(axis=0), [2, 1], rtol=0.06)
    np.testing.assert_array_equal(latent, ops.convert_to_numpy(sample_latent(z_mean, z_log_var, seed=1)))
    np.testing.assert_array_equal(z_mean, ops.convert_to_numpy(sample_latent(z_mean, z_log_var, seed=1, noise=0.0)))


def test_the_latent_classifier_is_linear():
    assert latent_classifier(8, 3).count_params() == dense(8, 3)


def test_the_expression_classifier_gives_probabilities():
    config = tiny_config()
    classifier = expression_classifier(config, 7)
    images = np.random.default_rng(0).uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    probabilities = ops.convert_to_numpy(classifier(images))
    assert probabilities.shape == (5, 7) and probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_classifier_with_the_encoders_layers_can_start_from_it():
    config = tiny_config(encoder_depth=2)
    encoder, head = build(config, 3, 7).encoder, latent_classifier(config.latent_dim, 7)
    for layer in encoder.layers:
        if isinstance(layer, BatchNormalization):  # as though it had been trained
            layer.set_weights([weights + 0.1 * number for number, weights in enumerate(layer.get_weights())])
    head.layers[-1].set_weights([weights + 0.3 for weights in head.layers[-1].get_weights()])
    images = np.random.default_rng(0).uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    classifier = expression_classifier(config, 7)
    assert start_from_encoder(classifier, encoder, head)
    expected = ops.softmax(head(encoder(images)[0]))
    np.testing.assert_allclose(classifier(images), expected, rtol=1e-4, atol=1e-5)
    other = expression_classifier(config.replace(classifier_filters=(4, 8, 8, 16)), 7)
    before = [weights.copy() for weights in other.get_weights()]
    assert not start_from_encoder(other, encoder, head)
    assert all(np.array_equal(*pair) for pair in zip(before, other.get_weights(), strict=True))


def test_batch_norm_in_training_is_that_of_keras():
    maps = np.random.default_rng(0).normal(2, 3, (6, 5, 4, 8)).astype(np.float32)
    ours, keras_own = BatchNormalization(momentum=0.7), keras.layers.BatchNormalization(momentum=0.7)
    results = []
    for layer in (ours, keras_own):
        layer.build(maps.shape)
        layer.set_weights([np.linspace(start, start + 1, 8) for start in (0.5, -1, 0.1, 1)])
        with tf.GradientTape() as tape:
            images = tf.Variable(maps)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs * maps[::-1])
        gradients = tape.gradient(loss, [images, *layer.trainable_variables])
        results.append([outputs, *gradients, *layer.get_weights(), layer(maps)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)
