"""A capture's samples as curves: in the terminal, or as a picture by an extra. Gaps stay open, clipping is marked."""
