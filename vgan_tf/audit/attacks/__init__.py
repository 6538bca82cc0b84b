"""The attacks: re-identification in the three scenarios, linking, inversion, membership inference."""
