"""Write the designs of `path_cases` where R can read them, and let make_paths.R follow the paths.

python make_paths.py         writes paths.json beside this script (needs Rscript with glmnet)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from path_cases import SHAPES, path_data  # noqa: E402 - found through the line above


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in SHAPES:
            X, y = path_data(name)
            triples = sp.coo_array(X)
            table = np.column_stack([triples.coords[0] + 1, triples.coords[1] + 1, triples.data])
            np.savetxt(
                Path(folder) / f"{name}.csv",
                table,
                fmt=["%d", "%d", "%.17g"],
                delimiter=",",
                header="row,column,value",
                comments="",
            )
            np.savetxt(Path(folder) / f"{name}_y.csv", y, fmt="%d", header="y", comments="")
        command = ["Rscript", str(HERE / "make_paths.R"), folder, str(HERE / "paths.json")]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
