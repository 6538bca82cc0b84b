"""The built-in data: people drawn with Pillow. Identity, motion and nuisance in, a picture out."""
