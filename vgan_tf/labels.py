"""Expression labels, their order, and how other programs name and order the same seven."""

EXPRESSIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")

# Each entry: our label -> the other program's label.
DEEPFACE = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "surprise",
}
FER = DEEPFACE
EMOTIEFFLIB_7 = {
    "anger": "Anger",
    "disgust": "Disgust",
    "fear": "Fear",
    "joy": "Happiness",
    "neutral": "Neutral",
    "sadness": "Sadness",
    "surprise": "Surprise",
}
PY_FEAT = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}

# The order in which each program lists its probabilities.
DEEPFACE_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FER_ORDER = DEEPFACE_ORDER
EMOTIEFFLIB_7_ORDER = ("Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise")
PY_FEAT_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

# What `recognize --labels` takes: our label -> the other program's, and its order.
PROGRAMS = {
    "deepface": (DEEPFACE, DEEPFACE_ORDER),
    "emotieff": (EMOTIEFFLIB_7, EMOTIEFFLIB_7_ORDER),
    "pyfeat": (PY_FEAT, PY_FEAT_ORDER),
}


def expression_order(names):
    """Order the expressions of a data set: ours where they are our seven, else sorted.

    Args:
        names: iterable of str.

    Returns:
        tuple of str without repeats.
    """
    found = set(names)
    if found <= set(EXPRESSIONS):
        return tuple(name for name in EXPRESSIONS if name in found)
    return tuple(sorted(found))
