"""The numerics: NumPy and SciPy only, arrays in and arrays out."""
