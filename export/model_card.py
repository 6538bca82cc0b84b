"""The model card of an export folder: what the files are for, what they are not for, and what was measured."""

import math

MODELS = {
    "anonymizer": "face, target -> protected face; encoder and generator in one",
    "encoder": "face -> latent",
    "generator": "latent, target -> protected face",
    "expression": "face, original or protected -> probability of each expression",
}
# Keys of figures, in words; another key is shown as it is written.
FIGURES = {
    "expression_accuracy": "expression read from protected faces",
    "target_success": "protected face taken for its target",
    "scenario_1": "identity read from protected faces, learnt from originals",
    "scenario_2": "identity read from protected faces, learnt from such",
    "scenario_3": "identity read from latents, learnt from such",
    "originals": "expression read from originals",
    "protected": "expression read from protected faces",
    "worse_than_keras": "Worse than the Keras model, on the same images (below zero: better)",
}
UNITS = {"protected": "protected, in levels of 0 to 255"}
NOT_MEASURED = "not measured"

INTRODUCTION = """
A face goes in; a realistic face of another, chosen person with the same expression comes out (PPRL-VGAN, a
privacy-preserving representation-learning variational GAN, after Chen, Konrad and Ishwar, 2018). These are
TensorFlow Lite files for one face at a time. They draw no random numbers: the same face and target give the
same picture.

"""
PURPOSE = """## What they are for

For developers and researchers who need the expression of a face and not its owner: to store or send a protected
face in the original's place, to read expressions on the device, to study how much such a face still gives away.
Whoever ships the files should try them first on people like their own users.

## What they are not for

- **Anonymization in the legal sense.** A protected face may still be personal data. The figures "identity read"
  below say, where measured, how often an attacker named the person behind it; another attacker may do better.
- **A guarantee.** No anonymity is proven. The figures say what was tried, on the data named below, and no more.
- **Just anyone.** The files serve people like those they learnt from. Others, in other light or from another
  camera, may be served worse; how much worse is not measured here.
- **Faces of nobody.** A protected face shows one of a closed set of people, listed below: use people who agreed
  to that, or drawn ones.
- **Hiding the expression.** It is kept on purpose, and with it whatever goes with expressions; head pose and
  light partly, too, but for files that decode a few latents alone.
- **Whole photographs.** The files take one centred, upright face of {size} x {size} pixels. A face that nobody
  finds and cuts out is not protected.
- **Judging people.** An expression is what a face shows, not what its owner feels, and no ground for decisions
  about anyone.
"""
MEASURED = """## What was measured

On images that trained nothing; in brackets the 95 % interval. Where an identity is read, less is better.

"""
DIFFERENCES = """## How far the files are from the Keras model

Outputs for the same held-out images.

"""
FILES = """## Files

Float pictures are RGB in [-1, 1]: pixel / 127.5 - 1. Files that take and give uint8 do so with the pixels themselves;
beside each uint8 tensor stands the value it has inside. `labels.txt` names the expressions and `identities.txt` the
targets, in the models' order.

"""
VERIFICATION = """## How they were verified

Each file was looked through for operators and types that do not belong on a device, and run on held-out images
beside the Keras model it came from, with the differences above. A file that failed a check was refused: it is
not in the folder.

"""
LICENCE = """## Licence

MIT, as the code. Data that others lent for training may bind these files further.
"""


def model_card(record):
    """Write the card from what `export.json` holds and from nothing else.

    Args:
        record: dict of `export.json`. Figures may be missing or None, and the card then says so.

    Returns:
        str, Markdown.
    """
    sections = (
        _heading(record),
        PURPOSE.format(size=record["image_size"]),
        _training(record),
        MEASURED + _chance(record) + _leak(record) + "".join(_figures(part, record) for part in MODELS),
        _differences(record),
        _files(record),
        _verification(record),
        LICENCE,
    )
    return "\n".join(sections)


def _heading(record):
    parts = {file["part"] for file in record["files"].values()}
    models = [f"| {part} | {MODELS[part]} |" for part in MODELS if part in parts]
    title = f"# Model card: the run `{record['run']}` for the phone\n"
    return title + INTRODUCTION + _table(["model", "what goes in, what comes out"], models)


def _training(record):
    rows = {
        "preset": f"`{record['preset']}`",
        "data": f"`{record['data']}`" if record.get("data") else "its source is not in the record",
        "fingerprint of the data": f"`{record['data_fingerprint']}`",
        f"{len(record['identities'])} identities, which are also the targets": ", ".join(record["identities"]),
        f"{len(record['expressions'])} expressions": ", ".join(record["expressions"]),
        "numbers in a latent": record["latent_dim"],
        **_prototypes(record),
        "made with": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    return "## What they learnt from\n\n" + _table(["", ""], [f"| {name} | {value} |" for name, value in rows.items()])


def _prototypes(record):
    """What can be said of any picture, whoever it shows, where the files decode prototypes."""
    if not record.get("prototypes"):
        return {}
    count = record["prototypes"] * len(record["expressions"])
    bits = f"at most {math.log2(count):.1f} bits of a face get through"
    return {"latents that can be decoded": f"{count}, {record['prototypes']} of each expression: {bits}"}


def _chance(record):
    chance = record.get("chance") or {"identity": None, "expression": None}
    return "Right by chance: " + ", ".join(f"{name} {_share(value)}" for name, value in chance.items()) + ".\n"


def _leak(record):
    """Whether an attacker did better than chance, in a sentence."""
    chance = (record.get("chance") or {}).get("identity")
    attacks = [
        (name, figure["interval"][0])
        for name, file in record["files"].items()
        for key, figure in (file["figures"] or {}).items()
        if key.startswith("scenario") and figure and figure.get("interval")
    ]
    if chance is None or not attacks:
        return f"\nWhether the identity leaks: {NOT_MEASURED}.\n"
    found = [f"`{name}`" for name, low in attacks if low > chance]
    if found:
        return (
            f"\n**The identity leaks**: the whole interval lies above chance for {', '.join(dict.fromkeys(found))}.\n"
        )
    return "\nNo attack below has its whole interval above chance. That is no proof that none would.\n"


def _figures(part, record):
    """One table for a part, a row for each file, and one more for each group of figures."""
    files = {name: file for name, file in record["files"].items() if file["part"] == part}
    if not files:
        return ""
    rows = {"Keras model": (record["reference"] or {}).get(part) or {}}
    rows |= {f"`{name}`": file["figures"] or {} for name, file in files.items()}
    title = f"\n### {part.capitalize()}\n\n"
    if not any(rows.values()):
        return title + "".join(f"- {name}: {NOT_MEASURED}\n" for name in rows)
    groups = {key for figures in rows.values() for key, value in figures.items() if _is_group(value)}
    tables = [title + _grid({name: _without(figures, groups) for name, figures in rows.items()})]
    for group in sorted(groups):
        inner = {name: figures[group] or {} for name, figures in rows.items() if group in figures}
        tables.append(f"\n{_words(group)}:\n\n{_grid(inner)}")
    return "".join(tables)


def _without(figures, keys):
    return {key: value for key, value in figures.items() if key not in keys}


def _is_group(value):
    return isinstance(value, dict) and not {"accuracy", "difference"} & set(value)


def _grid(rows):
    keys = list(dict.fromkeys(key for figures in rows.values() for key in figures))
    cells = {name: " | ".join(_figure(figures.get(key)) for key in keys) for name, figures in rows.items()}
    return _table(["", *map(_words, keys)], [f"| {name} | {cell} |" for name, cell in cells.items()])


def _figure(value):
    """A figure as text: {"accuracy" or "difference", "interval", ...}, a list, a number, a name or None."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, list):
        return ", ".join(map(_figure, value))
    if not isinstance(value, dict):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    known = {"accuracy": _share, "difference": _points, "interval": _interval}
    words = [write(value[key]) for key, write in known.items() if key in value]
    rest = [f"{_words(key)}: {_figure(one)}" for key, one in value.items() if key not in known]
    return " ".join(words) + (f" ({', '.join(rest)})" if rest else "")


def _share(value):
    return NOT_MEASURED if value is None else f"{100 * value:.1f} %"


def _points(value):
    return NOT_MEASURED if value is None else f"{100 * value:+.1f} points"


def _interval(value):
    return "[no interval]" if value is None else "[" + ", ".join(f"{100 * end:.1f}" for end in value) + "]"


def _words(key):
    return FIGURES.get(key, key.replace("_", " "))


def _differences(record):
    lines = []
    for name, file in record["files"].items():
        for output in file["outputs"]:
            difference = (file["difference"] or {}).get(output) or {}
            shown = [_figure(difference.get(key)) for key in ("largest", "mean")]
            lines.append(f"| `{name}` | {UNITS.get(output, output)} | {shown[0]} | {shown[1]} |")
    return DIFFERENCES + _table(["file", "output", "largest difference", "mean difference"], lines)


def _files(record):
    lines = [
        f"| `{name}` | {file['recipe']} | {file['bytes']:,} | {_types(file['inputs'])} | {_types(file['outputs'])} "
        f"| `{file['sha256']}` |"
        for name, file in record["files"].items()
    ]
    return FILES + _table(["file", "recipe", "bytes", "inputs", "outputs", "SHA-256"], lines)


def _types(tensors):
    return "; ".join(
        f"{name}: {tensor['dtype']} {tensor['shape']}"
        + (f", {tensor['scale']:.6g} x (value - {tensor['zero_point']})" if tensor["scale"] else "")
        for name, tensor in tensors.items()
    )


def _verification(record):
    refused = [f"- `{name}`: {'; '.join(reason.splitlines())}\n" for name, reason in record["refused"].items()]
    return VERIFICATION + ("Refused:\n\n" + "".join(refused) if refused else "None was refused.\n")


def _table(header, lines):
    return "".join(f"{line}\n" for line in (f"| {' | '.join(header)} |", "|" + "---|" * len(header), *lines))
