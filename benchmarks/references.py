"""What exported files are measured against: the anonymizer of preset `paper`, for LiteRT and for ONNX Runtime.

Its weights are untrained, which changes no time: dense arithmetic takes as long whatever the numbers are.
"""

import importlib.util

ONNX_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
CALIBRATION_FACES = "avatars:identities=6,images=64,seed=1"


def reference_anonymizer(identities, config):
    """The anonymizer of a configuration, as it would be exported.

    Returns:
        functional `keras.Model`: image `(1, size, size, 3)` in [-1, 1], one-hot target `(1, identities)` -> protected.
    """
    from export.parts import build_parts
    from vgan_tf.labels import EXPRESSIONS
    from vgan_tf.model import PPRLVGAN
    from vgan_tf.networks import expression_classifier

    model = PPRLVGAN(config, [f"identity {number}" for number in range(identities)], EXPRESSIONS)
    return build_parts(model, expression_classifier(config, len(EXPRESSIONS)))["anonymizer"]


def write_tflite(model, path):
    """Write the model as a float32 `.tflite` file."""
    from export.convert import convert

    path.write_bytes(convert(model, "float32", None))


def missing(*packages):
    """Which of the packages are not installed, as text."""
    return ", ".join(name for name in packages if importlib.util.find_spec(name) is None)


def write_onnx(model, path):
    """Write the model as a float32 ONNX file."""
    import numpy as np

    model([np.zeros(value.shape, np.float32) for value in model.inputs])  # Keras exports only what was called once.
    model.export(path, format="onnx", verbose=False)


def quantize_onnx(model, source, path):
    """Write the int8 form of an anonymizer's ONNX file: weights and activations, calibrated on drawn faces."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from vgan_tf.data import load_faces
    from vgan_tf.images import to_float

    size, identities = model.inputs[0].shape[1], model.inputs[1].shape[1]
    images = to_float(load_faces(CALIBRATION_FACES, size).images)
    targets = np.eye(identities, dtype=np.float32)[np.arange(len(images)) % identities]

    class Examples(CalibrationDataReader):
        def __init__(self):
            self.pairs = iter(zip(images, targets, strict=True))

        def get_next(self):
            pair = next(self.pairs, None)
            return pair and {"image": pair[0][None], "target": pair[1][None]}

    prepared = path.with_name("prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(prepared, path, Examples(), activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    prepared.unlink()
