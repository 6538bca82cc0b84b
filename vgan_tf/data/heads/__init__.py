"""People rendered from a 3D face model: identity, motion and nuisance in, a picture with alpha out."""
