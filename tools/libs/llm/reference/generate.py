"""Makes the fixtures: see README.md."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")

import torch

import bert
import bitnet
import granite
import llama
import mamba
import mamba2
import qwen3
import rwkv7

MAKERS = [qwen3, llama, bitnet, mamba, mamba2, granite, rwkv7, bert]
FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"


def main():
    torch.set_num_threads(1)
    wanted = tuple(sys.argv[1:]) or ("",)
    for maker in MAKERS:
        for name in maker.FIXTURES:
            if not name.startswith(wanted):
                continue
            folder = FIXTURES / name
            folder.mkdir(parents=True, exist_ok=True)
            seed = next((s for s in range(1000, 1400, 2) if maker.generate(name, folder, s)), None)
            if seed is None:
                sys.exit(f"{name}: no seed gives a clear margin")
            print(f"{name}: seed {seed}", flush=True)


if __name__ == "__main__":
    main()
