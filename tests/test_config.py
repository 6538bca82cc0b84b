"""Config: presets, the JSON round trip, and an error that names the key for whatever is wrong."""

import dataclasses
import json

import pytest

from vgan_tf.config import PRESETS, Config, edge_with_counterparts, parse_assignments, preset
from vgan_tf.errors import InputError


@pytest.mark.parametrize("name", PRESETS)
def test_presets_carry_their_name_and_survive_json(name):
    config = preset(name)
    assert config.preset == name
    restored = Config.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert restored == config and isinstance(restored.encoder_filters, tuple)


def test_edge_alone_is_another_one_where_the_data_bring_counterparts():
    config = preset("edge", counterparts=True)
    assert config == edge_with_counterparts() != preset("edge") and config.alpha and config.preset == "edge"
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for name in set(PRESETS) - {"edge"}:
        assert preset(name, counterparts=True) == preset(name)


@pytest.mark.parametrize(
    "config, changes, why",
    [
        (preset("tiny"), {"motion_dim": 5}, "motion_dim=5: the latent is the motion"),
        (preset("tiny"), {"warmup_epochs": 2}, "warmup_epochs=2: .*set encoder_epochs"),
        (
            preset("tiny"),
            {"motion_dim": 8, "latent_dim": 8, "latent_dependence_weight": 1.0},
            "latent_dependence_weight=1.0: where the latent is the motion",
        ),
        (preset("paper"), {"generator_bumps": 4}, "generator_bumps=4: .*must be 0"),
    ],
)
def test_settings_that_need_one_another(config, changes, why):
    with pytest.raises(InputError, match=why):
        config.replace(**changes)


def test_alpha_is_learnt_from_counterparts_by_the_edge_architecture():
    assert preset("tiny").replace(alpha=True, counterpart_weight=1.0).alpha
    for config, changes in (
        (preset("tiny"), {"alpha": True}),
        (edge_with_counterparts(), {"counterpart_weight": 0.0}),
        (preset("paper"), {"alpha": True, "counterpart_weight": 1.0}),
    ):
        with pytest.raises(InputError, match="alpha=true: for the edge architecture with a counterpart_weight"):
            config.replace(**changes)


def test_a_stored_configuration_that_lacks_a_key_is_refused():
    values = preset("paper").to_dict()
    del values["kl_weight"]
    with pytest.raises(InputError, match="kl_weight"):
        Config.from_dict(values)


def test_paper_is_the_reference_recipe():
    config = preset("paper")
    expected = {
        "architecture": "paper",
        "latent_dim": 128,
        "kernel_size": 5,
        "encoder_filters": (32, 64, 128, 256),
        "generator_filters": (256, 128, 128),
        "discriminator_filters": (32, 64, 128, 256),
        "image_size": 64,
        "discriminator_real_weight": 0.25,
        "discriminator_fake_weight": 0.25,
        "discriminator_identity_weight": 0.5,
        "discriminator_expression_weight": 0.25,
        "adversarial_weight": 0.108,
        "identity_weight": 0.6,
        "expression_weight": 0.29,
        "kl_weight": 0.002,
        "true_target_fraction": 0.0,
        "discriminator_noise": 0.0,
        "generator_steps": 2,
        "protection_noise": 1.0,
        "protection_prototypes": 0,
        "augment_shift_px": 0,
        "augment_flip": False,
        "optimizer": "rmsprop",
        "learning_rate": 3e-4,
        "discriminator_learning_rate": 3e-4,
        "batch_size": 256,
        "test_fraction": 0.15,
    }
    assert {name: getattr(config, name) for name in expected} == expected
    assert 300 <= config.epochs <= 400
    of_the_loss = {field.name for field in dataclasses.fields(config) if field.name.endswith("_weight")}
    assert all(getattr(config, name) == 0 for name in of_the_loss - set(expected)), "a loss that the paper has not"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"no_such_key": 1}, "no_such_key"),
        ({"batch_size": "32"}, "batch_size='32'"),
        ({"batch_size": 32.0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"test_fraction": None}, "test_fraction"),
        ({"augment_flip": 1}, "augment_flip"),
        ({"encoder_filters": "32"}, "encoder_filters"),
        ({"encoder_filters": ["a", "b"]}, "encoder_filters"),
        ({"encoder_filters": []}, "encoder_filters"),
        ({"generator_filters": [8, 0]}, "generator_filters"),
        ({"generator_filters": [8, 8]}, "needs 4 numbers"),
        ({"discriminator_filters": [8, 2.5]}, "discriminator_filters"),
        ({"image_size": 48}, "image_size=48: must be a power of two from 32"),
        ({"image_size": 16}, "image_size=16"),
        ({"architecture": "resnet"}, "architecture='resnet'"),
        ({"split": "video"}, "split"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"latent_dim": -1}, "latent_dim"),
        ({"generator_steps": 0}, "generator_steps"),
        ({"epochs": -1}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"true_target_fraction": 1.5}, "true_target_fraction"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"protection_prototypes": -1}, "protection_prototypes"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"discriminator_learning_rate": float("nan")}, "discriminator_learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"discriminator_noise": -0.1}, "discriminator_noise"),
        ({"alpha": 1}, "alpha=1"),
        ({"motion_dim": -1}, "motion_dim=-1"),
        ({"gradient_weight": -0.1}, "gradient_weight"),
        ({"kl_weight": -0.1}, "kl_weight"),
        ({"kl_weight": float("nan")}, "kl_weight"),
    ],
)
def test_wrong_values_are_refused_by_name(changes, named):
    with pytest.raises(InputError) as error:
        preset("tiny").replace(**changes)
    assert named in str(error.value) and len(str(error.value).splitlines()) == 1
    with pytest.raises(InputError):
        Config.from_dict({**preset("tiny").to_dict(), **changes})


def test_whole_numbers_and_lists_from_json_take_the_type_of_their_field():
    config = preset("tiny").replace(kl_weight=0, encoder_filters=[1, 2, 3, 4])
    assert type(config.kl_weight) is float and config.encoder_filters == (1, 2, 3, 4)


def test_assignments_of_the_command_line():
    parsed = parse_assignments(["epochs=3", "augment_flip=false", "split=clip", "encoder_filters=[1,2]", "data=a=b"])
    assert parsed == {"epochs": 3, "augment_flip": False, "split": "clip", "encoder_filters": [1, 2], "data": "a=b"}
    with pytest.raises(InputError, match="key=value"):
        parse_assignments(["epochs"])


def test_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="paper, edge, demo, tiny"):
        preset("papr")
