"""Loads an emitted big_vision config as `--config FILE` does and prints it as JSON; needs ml_collections only."""

import json
import sys

from emitted import load

config = load(sys.argv[1]).get_config()
config.lock()
print(json.dumps(config.to_dict()))
