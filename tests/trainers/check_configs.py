"""Loads an emitted folder with transformers and compares every field; needs no torch.

    python check_configs.py FOLDER < expected.json

`expected.json` maps each field of the loaded config to its value. A field that the file holds and the library drops or
changes is an error, and so is one that is not expected. Prints `transformers VERSION ok`.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import transformers


def main():
    folder = sys.argv[1]
    expected = json.load(sys.stdin)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        written = json.load(file)
    config = transformers.AutoConfig.from_pretrained(folder)
    # What the class declares; others are accepted from the file and kept, but nothing reads them.
    known = type(config)().to_dict()
    problems = [f"{key} is in the file but not expected" for key in written if key not in expected]
    for key, value in expected.items():
        if key not in written:
            problems.append(f"{key} is not in the file")
        if key not in known:
            problems.append(f"{type(config).__name__} does not know {key}")
        loaded = getattr(config, key, None)
        if loaded != value or type(loaded) is not type(value):
            problems.append(f"{key} is {loaded!r}, expected {value!r}")
    if problems:
        sys.exit("\n".join(problems))
    print(f"transformers {transformers.__version__} ok")


main()
