"""Export: a run folder becomes a folder of verified `.tflite` files."""
