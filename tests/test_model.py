"""The game: who learns from what, in which mode, and what `fit`, `evaluate`, `protect` and saving promise."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    counterpart_config,
    make_model,
    noise_batch,
    noise_faces,
    small_paper_config,
    tiny_config,
    unchanged,
    values_of,
)
from keras import ops

from vgan_tf import PPRLVGAN
from vgan_tf.backends import BatchNormalization
from vgan_tf.data.pipeline import evaluation_batches
from vgan_tf.errors import InputError
from vgan_tf.losses import kl_divergence

STYLED = {"style_dim": 3, "style_kl_weight": 0.1, "style_dependence_weight": 1.0}
BOTH = pytest.mark.parametrize("make_config", [tiny_config, small_paper_config])


def counterpart_batch(count=8, seed=0):
    """`noise_batch` of other people than the three targets, with counterparts that have alpha and eight of motion."""
    images, labels = noise_batch(count, seed)
    random = np.random.default_rng(seed + 1)
    more = {
        "identity": np.int32(random.integers(3, 400, count)),
        "target": np.int32(np.arange(count) % 3),
        "counterpart": np.float32(random.uniform(-1, 1, (count, 64, 64, 4))),
        "motion": np.float32(random.normal(size=(count, 8))),
    }
    return images, {**labels, **{name: tf.constant(values) for name, values in more.items()}}


def spy_on(owner, name, monkeypatch, record):
    """Call `record(*args, **kwargs)` before each call of `owner.name`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def spy(*args, **kwargs):
        record(*args, **kwargs)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, spy)


@BOTH
def test_one_step_gives_every_variable_a_gradient_and_moves_every_network(make_config, monkeypatch):
    model = make_model(make_config())
    steps = {"generator_optimizer": [], "discriminator_optimizer": []}
    for name, seen in steps.items():
        spy_on(getattr(model, name), "apply", monkeypatch, lambda g, v, seen=seen: seen.append((list(g), list(v))))
    networks = (model.encoder, model.generator, model.discriminator)
    kernels = [[v for v in network.trainable_variables if v.path.endswith("kernel")] for network in networks]
    before = [values_of(variables) for variables in kernels]
    model.train_step(noise_batch())
    for old, variables in zip(before, kernels, strict=True):
        assert variables and not any(unchanged(old, variables))
    assert len(steps["discriminator_optimizer"]) == 1
    assert len(steps["generator_optimizer"]) == model.config.generator_steps
    trained = {}
    for name, seen in steps.items():
        for gradients, variables in seen:
            assert not any(gradient is None for gradient in gradients)
            trained[name] = {id(v) for v in variables}
    assert not trained["generator_optimizer"] & trained["discriminator_optimizer"]
    for network, name in zip(networks, ("generator", "generator", "discriminator"), strict=True):
        assert {id(v) for v in network.trainable_variables} <= trained[f"{name}_optimizer"]


@BOTH
@pytest.mark.parametrize("resting", ["discriminator", "generator"])
def test_each_step_leaves_the_other_side_alone(make_config, resting):
    rates = {"generator": 0.05, "discriminator": 0.05, resting: 0.0}
    model = make_model(
        make_config(), **{f"{side}_optimizer": keras.optimizers.SGD(rate) for side, rate in rates.items()}
    )
    sides = {
        "discriminator": model.discriminator.variables,
        "generator": model.encoder.trainable_variables + model.generator.trainable_variables,
    }
    sides["discriminator"] = [v for v in sides["discriminator"] if "seed_generator" not in v.path]
    before = {side: values_of(variables) for side, variables in sides.items()}
    model.train_step(noise_batch())
    assert all(unchanged(before[resting], sides[resting]))
    moving = "generator" if resting == "discriminator" else "discriminator"
    assert not all(unchanged(before[moving], sides[moving]))


def test_the_styles_networks_learn_and_the_latent_expression_head_with_them():
    model = make_model(tiny_config(**STYLED))
    learning = [*model.style_encoder.trainable_variables, *model.styled_generator.trainable_variables]
    before = values_of(learning)
    logs = model.train_step(noise_batch())
    assert not any(unchanged(before, learning)) and float(logs["style_kl"]) > 0


def test_further_images_are_encoded_and_no_more(monkeypatch):
    model = make_model(tiny_config(batch_size=4, dependence_images=4, **STYLED))
    images, labels = noise_batch(8)
    labels["expression"] = 0 * labels["expression"]
    seen = {}
    for name in ("encoder", "style_encoder", "styled_generator", "discriminator"):
        sizes = seen.setdefault(name, set())
        spy_on(
            getattr(model, name),
            "call",
            monkeypatch,
            lambda x, *_, s=sizes, **__: s.add(keras.tree.flatten(x)[0].shape[0]),
        )
    logs = model.train_step((images, labels))
    # The discriminator's step encodes what is played with alone.
    assert seen == {"encoder": {4, 8}, "style_encoder": {4, 8}, "styled_generator": {4}, "discriminator": {4}}
    changed = {**labels, "identity": keras.ops.concatenate([labels["identity"][:4], 2 - labels["identity"][4:]])}
    again = make_model(model.config).train_step((images, changed))
    assert logs["latent_dependence"] != again["latent_dependence"]
    assert logs["discriminator_loss"] == again["discriminator_loss"] and logs["kl"] == again["kl"]


def test_the_discriminators_noise_fades_to_nothing_over_the_game(monkeypatch):
    model, seen = make_model(tiny_config(discriminator_noise=0.5)), []
    spy_on(model.discriminator, "call", monkeypatch, lambda x, *_, **__: seen.append(np.asarray(x).std()))
    nothing, zeros = np.zeros((8, 64, 64, 3), np.float32), np.zeros(8, np.int32)
    for played in (0, 50, 100, 200):  # of 100
        model.discriminator_optimizer.iterations.assign(played)
        model.discriminate(nothing, zeros, zeros, seed=1, training=True)
    assert seen == pytest.approx([0.5, 0.25, 0, 0], rel=0.02)


def test_outputs_are_compared_with_their_counterparts_for_every_target():
    quiet = {name: 0.0 for name in vars(tiny_config()) if name.endswith("_weight")}
    model = make_model(tiny_config(**{**quiet, "counterpart_weight": 2.0}))
    images, labels = noise_batch()
    labels["target"] = (labels["identity"] + 1) % 3
    protected = model.synthesize(images, labels, seed=0, training=False).protected
    losses = {}
    for name, counterpart in {"equal": protected, "off by a half": protected - 0.5, "absent": None}.items():
        batch = labels if counterpart is None else {**labels, "counterpart": counterpart}
        logs = model.evaluate(tf.data.Dataset.from_tensors((images, batch)), return_dict=True, verbose=0)
        losses[name] = logs["generator_loss"], logs["counterpart"]
    assert losses["equal"] == pytest.approx((0.0, 0.0), abs=1e-6) and losses["absent"] == (0.0, 0.0)
    assert losses["off by a half"] == pytest.approx((1.0, 0.5), rel=1e-5)
    with pytest.raises(InputError, match="no 'target'"):
        model.test_step((images, {name: labels[name] for name in ("identity", "expression")} | {"counterpart": images}))


def test_with_counterparts_every_network_and_head_moves_and_people_need_be_no_targets():
    model = make_model(counterpart_config())
    networks = (model.encoder, model.generator, model.discriminator, model.latent_expression_head)
    kernels = [v for network in networks for v in network.trainable_variables if v.path.endswith("kernel")]
    before = values_of(kernels)
    images, labels = counterpart_batch()
    logs = model.train_step((images, labels))
    assert not any(unchanged(before, kernels))
    for name in ("counterpart", "gradient", "features", "latent_motion", "latent_expression", "discriminator_loss"):
        assert 0 < float(logs[name]) < np.inf
    again = make_model(model.config).train_step((images, {**labels, "identity": labels["identity"] % 3}))
    assert {name: float(value) for name, value in logs.items()} == {name: float(v) for name, v in again.items()}


@pytest.mark.parametrize("resting", ["discriminator", "generator"])
def test_with_counterparts_each_step_leaves_the_other_side_alone(resting):
    rates = {"generator": 0.05, "discriminator": 0.05, resting: 0.0}
    optimizers = {f"{side}_optimizer": keras.optimizers.SGD(rate) for side, rate in rates.items()}
    model = make_model(counterpart_config(motion_dim=8), **optimizers)
    sides = {"discriminator": model.discriminator.trainable_variables, "generator": model.generator_variables}
    before = {side: values_of(variables) for side, variables in sides.items()}
    model.train_step(counterpart_batch())
    moving = "generator" if resting == "discriminator" else "discriminator"
    assert all(unchanged(before[resting], sides[resting])) and not any(unchanged(before[moving], sides[moving]))


def test_the_discriminator_takes_counterparts_for_real_and_their_targets_for_true():
    quiet = {name: 0.0 for name in vars(tiny_config()) if name.endswith("_weight")}
    config = counterpart_config(**{**quiet, "counterpart_weight": 1.0, "discriminator_identity_weight": 1.0})
    model, (images, labels) = make_model(config), counterpart_batch()
    head = model.discriminator.get_layer("identity_logits")
    head.kernel.assign(0 * head.kernel)
    head.bias.assign(np.log(np.float32([1, 2, 5])))  # Probabilities of the targets: 1/8, 2/8, 5/8.
    expected = np.log([8, 4, 1.6])[np.asarray(labels["target"])].mean()
    protected = ops.zeros_like(labels["counterpart"])
    loss = model.discriminator_loss(images, protected, labels, seed=0, training=False)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    seen = []
    model.discriminate = lambda pictures, *_: seen.append(pictures) or [ops.zeros((8, size)) for size in (1, 3, 7)]
    model.discriminator_loss(images, protected, labels, seed=0, training=False)
    assert seen[0] is labels["counterpart"] and seen[1] is protected


def test_rows_without_a_counterpart_add_nothing_to_what_is_compared_with_one():
    config = counterpart_config(discriminator_fake_weight=0.0, latent_expression_weight=0.0)
    quiet = {f"{name}_weight": 0.0 for name in ("adversarial", "identity", "expression", "kl")}
    model = make_model(config.replace(**quiet))
    images, labels = counterpart_batch()
    paired = np.float32(np.arange(8) < 4)
    first_half = model.test_step((images[:4], {name: values[:4] for name, values in labels.items()}))
    model.reset_metrics()
    masked = model.test_step((images, {**labels, "paired": tf.constant(paired)}))
    for name in ("counterpart", "gradient", "features", "latent_motion", "identity_accuracy", "expression_accuracy"):
        assert float(masked[name]) == pytest.approx(float(first_half[name]), rel=1e-4), name
    assert float(masked["latent_motion"]) > 0
    assert float(masked["generator_loss"]) == pytest.approx(float(first_half["generator_loss"]) / 2, rel=1e-4)
    model.reset_metrics()
    assert float(model.test_step((images, labels))["counterpart"]) != pytest.approx(float(masked["counterpart"]))


def test_gradients_and_the_motion_are_compared_with_the_truth():
    quiet = {name: 0.0 for name in vars(tiny_config()) if name.endswith("_weight")}
    weights = {**quiet, "counterpart_weight": 1.0, "gradient_weight": 10.0, "latent_motion_weight": 0.5}
    model = make_model(counterpart_config(**weights))
    images, labels = counterpart_batch()
    synthesis = model.synthesize(images, labels, seed=0, training=False)
    stripes = np.float32(0.25) * (-1) ** np.arange(64, dtype=np.float32)[None, None, :, None]
    labels["counterpart"] = synthesis.protected + stripes
    labels["motion"] = synthesis.latent + 0.5
    loss = model.generator_loss(images, synthesis, labels, seed=0, training=False)
    found = {name: float(model.loss_trackers[name].result()) for name in ("counterpart", "gradient", "latent_motion")}
    assert found == pytest.approx({"counterpart": 0.25, "gradient": 0.5, "latent_motion": 2.0}, rel=0.02)
    assert float(loss) == pytest.approx(found["counterpart"] + 10 * found["gradient"] + 0.5 * 2.0, rel=1e-5)


def test_a_model_with_alpha_protects_in_rgb_and_decodes_alpha_where_asked():
    model, images = make_model(counterpart_config()), noise_faces().images[:5]
    latents, targets = model.encode(images), np.array([0, 1, 2, 0, 1])
    with_alpha, plain = model.decode_with_alpha(latents, targets), model.decode(latents, targets)
    assert with_alpha.shape == (5, 64, 64, 4) and with_alpha.dtype == plain.dtype == np.uint8
    np.testing.assert_array_equal(with_alpha[..., :3], plain)
    np.testing.assert_array_equal(model.protect(images, targets), plain)
    assert set(model.read_identity(plain)) <= {0, 1, 2}
    without = make_model(counterpart_config(alpha=False))
    np.testing.assert_array_equal(without.decode_with_alpha(latents, targets), without.decode(latents, targets))


def test_the_penalty_on_the_identity_compares_people_within_one_expression():
    model = make_model(tiny_config())
    images, labels = noise_batch(6)
    dependence = {}
    for name, expression in {"each another": np.arange(6), "all the same": np.zeros(6)}.items():
        labels["expression"] = ops.convert_to_tensor(expression.astype(np.int32))
        dependence[name] = float(model.test_step((images, labels))["latent_dependence"])
        model.reset_metrics()
    assert dependence["each another"] == 0 != dependence["all the same"]


def test_two_generator_steps_for_each_discriminator_step():
    model = make_model(tiny_config(generator_steps=2))
    for iterations in (1, 2):
        model.train_step(noise_batch())
        assert int(model.generator_optimizer.iterations) == 2 * iterations
        assert int(model.discriminator_optimizer.iterations) == iterations


@BOTH
def test_every_network_runs_in_training_mode_in_train_step_alone(make_config, monkeypatch):
    model = make_model(make_config())
    modes = {}

    def record(layer, inputs, training=None, **_):
        modes.setdefault(layer.name, []).append(training)

    for kind in (BatchNormalization, keras.layers.Dropout):
        spy_on(kind, "call", monkeypatch, record)
    mode_layers = {
        layer.name
        for network in (model.encoder, model.generator, model.discriminator)
        for layer in network.layers
        if isinstance(layer, (keras.layers.BatchNormalization, keras.layers.Dropout))
    }
    statistics = model.encoder.non_trainable_variables + model.generator.non_trainable_variables
    statistics = [v for v in statistics if "moving" in v.path]
    before = values_of(statistics)
    model.train_step(noise_batch())
    assert set(modes) == mode_layers and all(mode is True for seen in modes.values() for mode in seen)
    assert not any(unchanged(before, statistics))

    modes.clear()
    before = values_of(model.variables)
    model.test_step(noise_batch())
    assert set(modes) == mode_layers and not any(mode for seen in modes.values() for mode in seen)
    assert all(unchanged(before, model.variables)), "test_step changed weights, statistics or random states"


@BOTH
def test_metrics_have_the_names_that_steps_and_history_report(make_config):
    model = make_model(make_config())
    names = {metric.name for metric in model.metrics}
    assert {"discriminator_loss", "generator_loss", "kl", "target_success"} <= names
    assert set(model.train_step(noise_batch())) == names == set(model.test_step(noise_batch()))
    data = tf.data.Dataset.from_tensors(noise_batch())
    history = model.fit(data, validation_data=data, verbose=0).history
    assert set(history) == names | {f"val_{name}" for name in names}
    assert all(np.isfinite(value) for values in history.values() for value in values)


def test_evaluating_twice_gives_the_same_numbers_whatever_the_batch_size():
    model = make_model(tiny_config())
    data = noise_faces()
    first, second, smaller = (
        model.evaluate(evaluation_batches(data, model.config, size), return_dict=True, verbose=0)
        for size in (16, 16, 5)
    )
    assert first == second
    z_mean, z_log_var = model.encoder(data.images.astype(np.float32) / 127.5 - 1)
    kl = ops.convert_to_numpy(kl_divergence(z_mean, z_log_var))
    assert first["kl"] == pytest.approx(kl.mean(), rel=1e-4) == smaller["kl"]
    assert first["identity_accuracy"] == pytest.approx(smaller["identity_accuracy"])


def test_the_kl_term_is_averaged_over_the_batch_by_its_weight():
    weights = (
        "adversarial",
        "identity",
        "expression",
        "reconstruction",
        "feature",
        "latent_expression",
        "latent_dependence",
    )
    model = make_model(small_paper_config(**{f"{name}_weight": 0.0 for name in weights}, kl_weight=0.5))
    logs = model.test_step(noise_batch(6))
    images, _ = noise_batch(6)
    expected = 0.5 * np.mean(kl_divergence(*model.encoder(images)))
    assert float(logs["generator_loss"]) == pytest.approx(expected, rel=1e-5)


def test_the_weight_of_the_kl_term_grows_while_the_encoder_learns_alone():
    quiet = {name: 0.0 for name in vars(tiny_config()) if name.endswith("_weight")}
    quiet |= {"counterpart_weight": 1e-9, "kl_weight": 1.0}
    config = counterpart_config(**quiet, epochs=4, encoder_epochs=1, warmup_epochs=1)
    model = make_model(config)
    model.compile(total_steps=8)
    model.enter("encoder")
    shares = []
    for steps in (0, 1, 2, 6):
        model.encoder_optimizer.iterations.assign(steps)
        model.reset_metrics()
        logs = model.test_step(counterpart_batch())
        shares.append(float(logs["generator_loss"]) / float(logs["kl"]))
    assert shares == pytest.approx([0, 0.5, 1, 1], abs=1e-4)


def test_each_network_has_a_schedule_that_spans_its_steps():
    model = make_model(counterpart_config(epochs=8, encoder_epochs=2, warmup_epochs=1, motion_dim=8))
    model.compile(total_steps=80)
    config = model.config
    for optimizer, highest, steps in (
        (model.encoder_optimizer, config.learning_rate, 20),
        (model.generator_optimizer, config.learning_rate, 60),
        (model.discriminator_optimizer, config.discriminator_learning_rate, 50),
    ):
        shares = [float(optimizer._learning_rate(step)) / highest for step in (0, steps / 2, steps)]
        assert shares == pytest.approx([1, 0.5, 0], abs=1e-4)
    without = make_model(counterpart_config(encoder_epochs=0))
    without.compile(total_steps=80)
    for stage, missing in (("encoder", "set encoder_epochs above 0"), ("warmup", "set motion_dim")):
        with pytest.raises(InputError, match=missing):
            without.enter(stage)


def test_apart_the_encoder_has_a_stage_of_its_own_and_the_generator_always_draws_the_true_motion():
    model = make_model(counterpart_config(epochs=3, encoder_epochs=1, warmup_epochs=1, motion_dim=8))
    model.compile(total_steps=3)
    images, labels = counterpart_batch()
    networks = {"encoder": model.encoder, "generator": model.generator, "discriminator": model.discriminator}
    players = {"generator", "discriminator"}
    for stage, learning in (("encoder", {"encoder"}), ("warmup", {"generator"}), ("game", players)):
        model.enter(stage)
        before = {name: values_of(network.trainable_variables) for name, network in networks.items()}
        model.train_step((images, labels))
        changed = {name for name in networks if not all(unchanged(before[name], networks[name].trainable_variables))}
        assert changed == learning, stage
        if stage != "encoder":
            model.reset_metrics()
            drawn = model.test_step((images, labels))
            model.reset_metrics()
            of_others = model.test_step((images[::-1], labels))
            assert float(drawn["counterpart"]) == float(of_others["counterpart"]) > 0, "pictures are not looked at"
            assert float(drawn["latent_motion"]) == 0
    steps = [int(one.iterations) for one in (model.encoder_optimizer, model.generator_optimizer)]
    assert steps == [1, 2]
    model.enter("warmup")
    with pytest.raises(InputError, match="no counterpart and no motion"):
        model.test_step((images, {name: labels[name] for name in ("identity", "expression", "target")}))


def test_apart_the_generator_draws_what_is_released_of_images_whose_motion_is_not_known():
    model = make_model(counterpart_config(motion_dim=8))
    images, labels = counterpart_batch()
    labels["paired"] = ops.convert_to_tensor(np.float32(np.arange(8) < 4))
    latent = ops.convert_to_numpy(model.synthesize(images, labels, seed=0, training=False).latent)
    np.testing.assert_array_equal(latent[:4], labels["motion"][:4])
    np.testing.assert_allclose(latent[4:], model.encode(images)[4:], atol=1e-6)
    with pytest.raises(InputError, match="the batch has no motion"):
        model.train_step((images, {name: labels[name] for name in ("identity", "expression", "target", "counterpart")}))


def losses_at(model, real_logit):
    """The two losses after the discriminator's real logit has been raised by as much for every image."""
    model.discriminator.get_layer("real_logits").bias.assign([real_logit])
    logs = model.evaluate(tf.data.Dataset.from_tensors(noise_batch()), return_dict=True, verbose=0)
    return logs["discriminator_loss"], logs["generator_loss"]


def test_real_is_one_and_fake_is_zero():
    alone = dict.fromkeys(("discriminator_identity_weight", "discriminator_expression_weight"), 0.0)
    on_real = make_model(small_paper_config(**alone, discriminator_fake_weight=0.0))
    on_fake = make_model(small_paper_config(**alone, discriminator_real_weight=0.0))
    (real_low, generator_low), (real_high, generator_high) = (losses_at(on_real, logit) for logit in (-2.0, 2.0))
    assert real_high < real_low and generator_high < generator_low
    assert losses_at(on_fake, 2.0)[0] > losses_at(on_fake, -2.0)[0]


@BOTH
def test_a_conditional_real_fake_head_is_asked_for_identity_and_expression(make_config, monkeypatch):
    monkeypatch.setattr("vgan_tf.model.REAL_TARGETS", (1, 1))
    monkeypatch.setattr("vgan_tf.model.FAKE_TARGETS", (0, 0))
    alone = dict.fromkeys(("discriminator_identity_weight", "discriminator_expression_weight"), 0.0)
    model = make_model(make_config(conditional_real_fake=True, **alone))
    head = model.discriminator.get_layer("real_logits")
    parts = np.random.default_rng(0).standard_normal(head.bias.shape[0]).astype(np.float32)
    head.kernel.assign(0 * head.kernel)
    head.bias.assign(parts)
    images, labels = noise_batch()
    identity, expression = (np.asarray(labels[name]) for name in ("identity", "expression"))
    targets = (identity + 1) % len(model.identities)
    real, fake = (parts[0] + parts[1 + i] + parts[1 + len(model.identities) + expression] for i in (identity, targets))
    config = model.config
    expected = config.discriminator_real_weight * np.log1p(np.exp(-real))
    expected = expected + config.discriminator_fake_weight * np.log1p(np.exp(fake))
    loss = model.discriminator_loss(images, images, {**labels, "target": targets}, seed=0, training=False)
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-5)


def test_the_identity_and_expression_heads_learn_from_real_images_only():
    model = make_model(small_paper_config())
    images, labels = noise_batch()
    labels["target"] = labels["identity"]
    names = ("identity_logits", "expression_logits", "real_logits")
    heads = [model.discriminator.get_layer(name).kernel for name in names]

    def gradients(protected):
        with tf.GradientTape() as tape:
            loss = model.discriminator_loss(images, protected, labels, seed=0, training=False)
        return [ops.convert_to_numpy(gradient) for gradient in tape.gradient(loss, heads)]

    identity, expression, real = zip(gradients(noise_batch(seed=1)[0]), gradients(-images), strict=True)
    assert np.abs(identity[0]).max() > 0 and np.abs(expression[0]).max() > 0
    np.testing.assert_array_equal(*identity)
    np.testing.assert_array_equal(*expression)
    assert (real[0] != real[1]).any()


@pytest.mark.parametrize(
    ("changes", "true_share"),
    [({}, 1 / 3), ({"true_target_fraction": 0.5}, 0.5 + 0.5 / 3)],
)
def test_targets_that_the_batch_does_not_bring_are_uniform_over_the_identities(changes, true_share):
    model = make_model(small_paper_config(**changes))
    identity = np.arange(6000) % 3  # int64, as NumPy counts
    targets = ops.convert_to_numpy(model.draw_targets(ops.convert_to_tensor(identity), seed=model.seed_generator))
    offset = np.bincount((targets - identity) % 3, minlength=3) / len(identity)
    np.testing.assert_allclose(offset, [true_share, (1 - true_share) / 2, (1 - true_share) / 2], atol=0.03)
    again = ops.convert_to_numpy(model.draw_targets(ops.convert_to_tensor(identity), seed=model.seed_generator))
    assert (again != targets).any()


@BOTH
def test_a_smaller_last_batch_even_of_one_image_trains(make_config):
    model = make_model(make_config())
    data = tf.data.Dataset.from_tensor_slices(noise_batch(3)).batch(2)
    history = model.fit(data, validation_data=data, verbose=0).history
    assert int(model.discriminator_optimizer.iterations) == 2
    assert all(np.isfinite(value) for values in history.values() for value in values)


def test_a_traced_fit_takes_batches_of_changing_size():
    model = make_model(tiny_config())
    model.compile(total_steps=2)
    model.fit(tf.data.Dataset.from_tensor_slices(noise_batch(5)).batch(4), verbose=0)
    assert int(model.generator_optimizer.iterations) == 2


def test_protecting_is_fixed_by_its_seed_and_independent_of_batches():
    images = noise_faces().images[:5]
    model = make_model(small_paper_config(protection_noise=1.0))
    protected = model.protect(images, "bob", seed=3)
    assert protected.shape == images.shape and protected.dtype == np.uint8
    np.testing.assert_array_equal(protected, model.protect(images, "bob", seed=3))
    np.testing.assert_array_equal(protected, model.protect(images / np.float32(127.5) - 1, [1] * 5, seed=3))
    assert (protected != model.protect(images, "bob", seed=4)).any()
    assert (protected != model.protect(images, "cid", seed=3)).any()
    latents, targets = model.encode(images, seed=3), model.resolve_targets("bob", 5)
    one_by_one = np.concatenate([model.decode(latents[[row]], targets[[row]]) for row in range(5)])
    assert abs(one_by_one.astype(int) - protected).max() <= 1

    mean_only = make_model(tiny_config(protection_noise=0.0))
    np.testing.assert_array_equal(mean_only.protect(images, "bob", seed=3), mean_only.protect(images, "bob", seed=4))
    np.testing.assert_allclose(mean_only.encode(images[:2]), mean_only.encode(images)[:2], atol=1e-5)
    drawn = [mean_only.protect(np.repeat(images[:1], 40, axis=0)) for _ in range(2)]
    assert (drawn[0] != drawn[1]).any(), "the same random targets at each call"
    targets = mean_only.resolve_targets("random", 3000, seed=1)
    assert np.bincount(targets).min() > 900 and (targets != mean_only.resolve_targets("random", 3000, seed=2)).any()


@pytest.fixture(scope="module")
def untrained():
    """A model that nothing changes."""
    return make_model(tiny_config())


@pytest.mark.parametrize(
    ("images", "target", "named"),
    [
        (np.zeros((2, 64, 64, 3), np.uint8), "nobody", "ann, bob, cid"),
        (np.zeros((2, 64, 64, 3), np.uint8), [0, 3], "from 0 to 2"),
        (np.zeros((2, 64, 64, 3), np.uint8), [-1, 0], "from 0 to 2"),
        (np.zeros((2, 64, 64, 3), np.uint8), [0.0, 1.0], "whole numbers"),
        (np.zeros((2, 64, 64, 3), np.uint8), [0, 1, 2], "(3,)"),
        (np.zeros((2, 32, 32, 3), np.uint8), "ann", "(2, 32, 32, 3)"),
        (np.zeros((64, 64, 3), np.uint8), "ann", "(64, 64, 3)"),
        (np.zeros((0, 64, 64, 3), np.uint8), "ann", "at least 1"),
        (np.zeros((2, 64, 64, 3), np.int64), "ann", "int64"),
        (np.full((2, 64, 64, 3), 255.0, np.float32), "ann", "[-1, 1]"),
        (np.full((2, 64, 64, 3), np.nan, np.float32), "ann", "finite"),
    ],
)
def test_protect_refuses_what_it_cannot_use(untrained, images, target, named):
    with pytest.raises(InputError) as error:
        untrained.protect(images, target)
    assert named in str(error.value)


def test_a_cosine_schedule_needs_the_number_of_steps():
    model = PPRLVGAN(tiny_config(), ("ann", "bob"), ("joy", "fear"))
    with pytest.raises(InputError, match="total_steps"):
        model.compile()
    model.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(2e-4))
    assert model.optimizer is model.generator_optimizer
    assert float(model.discriminator_optimizer.learning_rate) == pytest.approx(1e-4)


def test_a_game_needs_two_of_each():
    for identities, expressions in ((("ann",), ("joy", "fear")), (("ann", "bob"), ("joy",))):
        with pytest.raises(InputError, match="at least two"):
            PPRLVGAN(tiny_config(), identities, expressions)


@pytest.mark.filterwarnings("ignore:.*compile.*was not called")
@BOTH
def test_saving_and_loading_in_safe_mode_keeps_every_pixel(make_config, tmp_path):
    model = make_model(make_config())
    model.train_step(noise_batch())
    images = noise_faces().images[:4]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (loaded.config, loaded.identities, loaded.expressions) == (model.config, model.identities, model.expressions)
    np.testing.assert_array_equal(loaded.protect(images, seed=2), model.protect(images, seed=2))
