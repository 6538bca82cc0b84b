"""The pages of an export folder, EXPORT.md and MODEL_CARD.md, written from `export.json` alone."""

import math

from jinja2 import Environment, StrictUndefined

from vgan_tf.audit.evidence import ERROR, QUESTIONS

from .metadata import MODELS

# The figures of each model, as columns; "same_code" is measured where there are prototypes.
PICTURES = {
    "expression_accuracy": "expression recognized in protected faces",
    "target_success": "protected face recognized as its target",
}
SAME_CODE = {"same_code": "same prototype as Keras"}
FIGURES = {
    "anonymizer": {**PICTURES, **SAME_CODE, "scenario_2": "identity recognized in protected faces"},
    "encoder": {**SAME_CODE, "release": "identity recognized from the latents that leave the device"},
    "generator": {**PICTURES, **SAME_CODE},
    "expression": {
        "originals": "expression recognized in originals",
        "protected": "expression recognized in protected faces",
    },
}
ATTACKS = ("scenario_2", "release")
UNITS = {
    "protected": "of 255 levels",
    "latent": "in the latent",
    "probabilities": "in probability",
    "place": "of the side",
}
WITHOUT_NOISE = """\
**The noise is not in the files.** The run draws each latent with noise of scale %g. That is part of its privacy, and of
what its audit found. The files draw none, and each figure of a file is of the file as it is."""

EXPORT_PAGE = """\
# Export of the run `{{ run }}`

Each file was compared with the Keras model on the same held-out images: the largest and mean difference of its output,
and what its output scores. MODEL_CARD.md compares the scores with those of the Keras model, and has the verdict of the
run's audit.
{% if noise %}

{{ without_noise }}
{% endif %}

| file | bytes | largest difference | mean difference | figures |
|---|---|---|---|---|
{% for name, file in files.items() %}
{% for output, difference in file.difference.items() %}
| `{{ name }}` | {{ "{:,}".format(file.bytes) }} | {{ "%.3g" % difference.largest }} {{ units[output] }} \
| {{ "%.3g" % difference.mean }} |{% for key in figures.get(file.part, ()) if file.figures %} \
{{ key | replace("_", " ") }} {{ file.figures | figure(key) }}{{ "" if loop.last else ";" }}{% endfor %} |
{% endfor %}
{% endfor %}
{% for name, reason in refused.items() %}
| `{{ name }}` | refused | | | {{ reason.splitlines() | join("; ") }} |
{% endfor %}
{% if unproven %}

A file is refused where a score is more than one point worse than that of the Keras model. These are not, but the tested
images are too few to show that they are not; test on more:

{% for name, line in unproven %}
- `{{ name }}`: {{ line }}
{% endfor %}
{% endif %}

## Use

Pictures are RGB, {{ image_size }} x {{ image_size }} pixels, one upright face that fills the square. Each file takes \
one example at a time
and has one signature. Read its inputs and outputs by name.

| input or output | float32, float16, dynamic | int8, qat |
|---|---|---|
| `image`{{ "" if alpha else ", `protected`" }}: [1, {{ image_size }}, {{ image_size }}, 3] \
| float32 in [-1, 1]: pixel / 127.5 - 1 | uint8: the pixel |
{% if alpha %}
| `protected`: [1, {{ image_size }}, {{ image_size }}, 4] | float32 in [-1, 1]: pixel / 127.5 - 1 | uint8: the pixel |
{% endif %}
| `target`: [1, {{ identities | length }}], in the order of identities.txt | float32: 1.0 at one, else 0.0 \
| uint8: 255 at one, else 0 |
| `probabilities`: [1, {{ expressions | length }}], in the order of labels.txt | float32 | uint8: probability * 256 |
| `latent`: [1, {{ latent_dim }}] | float32 | uint8: scale * (stored - zero point), both in export.json |
{% if files.values() | selectattr("part", "equalto", "alignment") | list %}
| alignment's `image`: [1, 64, 64, 3], a picture that holds a head | float32 in [-1, 1] | uint8: the pixel |
| `place`: [1, 3], where the square lies that the other models are to be shown: its middle to the right of the \
picture's and below it, the logarithm of its side, in shares of the picture's side | float32 | uint8, as `latent` |
{% endif %}

{% if alpha %}
`protected` is RGB of the head before middle grey (128), then alpha: 255 where a pixel is the head, 0 where it is not.
Before another background B a pixel is RGB + (1 - alpha / 255) * (B - 128), which may be a level off 0 to 255.

{% endif %}
```python
from vgan_tf.ondevice import ExpressionReader, Protector  # NumPy, Pillow and LiteRT; no TensorFlow

Protector("DIR").protect("photo.png", target="{{ identities[0] }}").save("protected.png")
{% if alpha %}
Protector("DIR").protect("photo.png", target="{{ identities[0] }}", alpha=True).save("head.png")  # cut out
{% endif %}
print(ExpressionReader("DIR").read("photo.png"))
```
"""

MODEL_CARD = """\
# Model card of the run `{{ run }}`

The anonymizer turns a face into a realistic face of another person with the same expression (PPRL-VGAN, after Chen,
Konrad and Ishwar, 2018). These are TensorFlow Lite files for one face at a time. They draw no random numbers: the same
face and target give the same picture.

| model | what it does |
|---|---|
{% for part in parts %}
| {{ part }} | {{ models[part] }} |
{% endfor %}

## Verdict of the audit

{% if audit is none %}
**Not audited**: no audit of this run with these weights was found. `python evaluate.py RUN` makes one. Export again
after that, and its verdict stands here.
{% else %}
{% set table = "a table of %d pictures" % audit.table_pictures %}
{% if audit.better_than_table is false %}
**No better than {{ table }}**, which need no generator.
{% endif %}
**{{ audit.verdict | capitalize }}**: {{ audit.reason }}. This is said of what leaves the device for a picture:
`{{ audit.release.name }}`{{ ", one of %d codes" % audit.release.codes if audit.release.codes else "" }}. \
{{ audit.n_test }} images were tested; target policy: {{ audit.target_policy }}.\
{{ " It was a quick audit, with cheaper attackers: a first look." if audit.quick else "" }}

| question | yes | p-value | counts up to | best attack |
|---|---|---|---|---|
{% for name, found in audit.questions.items() %}
| {{ questions[name] }} | {{ "yes" if found.answered else "not shown" }} | {{ "%.4f" % found.p_value }} \
| {{ "%.4f" % found.error }} | {{ found.attacker }}, of {{ found.attackers }} |
{% endfor %}

{% if audit.encoder %}
What the encoder knows: {{ audit.encoder.verdict }}: {{ audit.encoder.reason }}.
{% endif %}
{% if audit.better_than_table %}
It is better than {{ table }}.
{% elif audit.better_than_table is none %}
Whether it is better than {{ table }} is not known, as the true motion of the faces is not.
{% endif %}
What it keeps beyond the table, by 95 % intervals:\
{% if audit.beats_table.motion %} {{ "%+.2f to %+.2f of R² in motion," | format(*audit.beats_table.motion) }}{% endif %}
 {{ "%+.3f to %+.3f" | format(*audit.beats_table.expression) }} of the accuracy of the expression.
Each target is shown in {{ "%g" % audit.distinct_pictures_per_target }} different pictures.
{% endif %}
{% if noise %}

{{ without_noise }}
{% endif %}

`python evaluate.py RUN --on-device DIR` audits the files themselves.

## Intended use

For developers and researchers who need the expression of a face but not the identity: to store or send a protected
face instead of the original, to recognize expressions on the device, or to study how much of the identity a protected
face still shows. Test the files on people like your own users before you ship them.

## What they are not for

- **Anonymization in the legal sense.** A protected face may still be personal data. The identity figures below say,
  where measured, how often an attacker named the right person. Another attacker may do better.
- **A guarantee.** Anonymity is not proven. The figures describe the attacks that were tried, on the data named below.
- **People unlike those in the training data.** Other people, light or cameras may give worse results. How much worse
  is not measured here.
- **Faces of people who do not exist.** A protected face shows one of a closed set of people, listed below. Use drawn
  people, or people who agreed to it.
- **Hiding the expression.** It is kept on purpose.\
{{ "" if prototypes else " Head pose, gaze and mouth are kept, too: on purpose." if latent_names else \
" Head pose and light are partly kept, too." }}
- **Whole photographs.** The files take one centred, upright face of {{ image_size }} x {{ image_size }} pixels. A face
  that is not found and cut out is not protected.
- **Judging people.** An expression is what a face shows, not what a person feels. Base no decision about anyone on it.

## Training and data

| | |
|---|---|
| preset | `{{ preset }}` |
| training data | `{{ training_data }}`, fingerprint `{{ training_data_fingerprint }}` |
{% if earlier_data %}
| what the weights had learnt from before | `{{ earlier_data | join("`, `") }}` |
{% endif %}
| data of calibration and measurement | `{{ data }}`, fingerprint `{{ data_fingerprint }}` |
| {{ identities | length }} target identities | {{ identities | join(", ") }} |
| {{ expressions | length }} expressions | {{ expressions | join(", ") }} |
| length of a latent | {{ latent_dim }} |
{% if latent_names %}
| what its numbers say (angles in tens of degrees) | {{ latent_names | join(", ") }} |
{% endif %}
{% if mirrored %}
| how often a face is read | twice, as it is and in a mirror: the mean of both latents is used |
{% endif %}
{% if threshold %}
| what is left out of a latent | numbers below {{ "%g" % threshold }}\
{% if latent_names %}, but for what the strengths of expressions imply{% endif %}: they become 0 |
{% endif %}
{% if prototypes %}
| different latents that can be decoded | {{ codes }}, {{ prototypes }} of each expression: \
a picture holds at most {{ "%.1f" % bits }} bits about the face |
{% endif %}
| made with | {% for name, version in versions.items() %}{{ name }} {{ version }}{{ "" if loop.last else ", " }}\
{% endfor %} |

## Results

Measured on images that trained nothing{{ tested }}, with the 95 % interval in brackets. After the semicolon: how many
percentage points worse than the Keras model on the same images (negative: better). For identities, lower is better: the
attackers were trained on protected faces and on latents of the same people, half of them the file's and half those of
Keras.

{{ leak }}
{% for part, columns in figures.items() if part in parts %}

### {{ part | capitalize }}

| | {{ columns.values() | join(" | ") }} |
|---|{{ "---|" * columns | length }}
| Keras model |{% for key in columns %} {{ (reference or {}).get(part) | figure(key) }} |{% endfor %}

{% for name, file in files.items() if file.part == part %}
| `{{ name }}` |{% for key in columns %} {{ file.figures | figure(key) }}{{ file.figures | worse(key) }} |{% endfor %}

{% endfor %}
{% endfor %}

EXPORT.md lists the files, how far their outputs are from the Keras model, which files were refused, and of which it is
not shown that they lose less than a point.

## Licence

MIT, as the code. The training data may have further terms that apply to these files.
"""


def export_page(record):
    """EXPORT.md of a record, the dict of `export.json`: a table of the files, and how to use them."""
    unproven = [(name, line) for name, file in record["files"].items() for line in file["not_shown"] or ()]
    return _render(EXPORT_PAGE, record, unproven=unproven)


def model_card(record):
    """MODEL_CARD.md of a record, the dict of `export.json`: what the files are for, and what was measured."""
    codes = (record["prototypes"] or 1) * len(record["expressions"])
    parts = [part for part in MODELS if any(file["part"] == part for file in record["files"].values())]
    words = {"questions": QUESTIONS, "leak": _leak(record), "tested": _tested(record)}
    return _render(MODEL_CARD, record, parts=parts, codes=codes, bits=math.log2(codes), **words)


def _render(template, record, **more):
    environment = Environment(trim_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters |= {"figure": _figure, "worse": _worse}
    figures = {
        part: {key: title for key, title in columns.items() if key != "same_code" or record["prototypes"]}
        for part, columns in FIGURES.items()
    }
    without_noise = WITHOUT_NOISE % record["noise"]
    words = {"models": MODELS, "figures": figures, "units": UNITS, "without_noise": without_noise}
    return environment.from_string(template).render(record, **words, **more)


def _tested(record):
    """How many images or clips the figures are of, as ", 630 images", or nothing."""
    for file in record["files"].values():
        for unit in ("images", "clips"):
            if unit in (file["figures"] or {}):
                return f", {file['figures'][unit]} {unit}"
    return ""


def _figure(figures, key):
    figure = (figures or {}).get(key)
    if figure is None:
        return "not measured"
    notes = [figure["attacker"], f"p = {figure['p_value']:.4f}"] if "attacker" in figure else []
    notes += [f"interval over {figure['interval_over']}"] if figure["interval_over"] != "images" else []
    low, high = figure["interval"]
    return f"{figure['accuracy']:.1%} [{low:.1%}, {high:.1%}]" + (f" ({', '.join(notes)})" if notes else "")


def _worse(figures, key):
    if not figures or key not in figures["worse_than_keras"]:
        return ""
    worse = figures["worse_than_keras"][key]
    low, high = worse["interval"]
    return f"; {100 * worse['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def _leak(record):
    """Accuracy by chance, and whether an attacker did better."""
    if not record["chance"]:
        return "Nothing was measured."
    identity, expression = record["chance"]["identity"], record["chance"]["expression"]
    attacks = [
        (name, figure["p_value"])
        for name, file in record["files"].items()
        for key, figure in (file["figures"] or {}).items()
        if key in ATTACKS
    ]
    if not attacks:
        found = "Whether the identity leaks was not measured."
    elif leaking := ", ".join(f"`{name}`" for name, p_value in attacks if p_value <= ERROR / len(attacks)):
        found = f"**The identity leaks**: attackers name more than by exchanged names for {leaking}."
    else:
        found = "No attack names more than by exchanged names. This does not prove that no attack would."
    return f"By chance, {identity:.1%} of identities and {expression:.1%} of expressions are right. {found}"
