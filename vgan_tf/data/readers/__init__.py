"""Readers of labelled faces: image folders, arrays, tables. The formats: docs/data.md."""
